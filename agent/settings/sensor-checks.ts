/** What a sensor's driver needs and does not read, and what its keys say about each other. */
import type { Report } from './checks.ts';
import { describe, type Row } from './issues.ts';
import type { ModbusProfile, ReadProfile } from './modbus-profile.ts';
import { DRIVER_FACTS, DRIVER_KEYS, isSensorDriver, SENSOR_DEFAULTS } from './sensor-drivers.ts';
import { EXPECTED } from './sensor-schema.ts';
import type { SensorDriver } from './settings.ts';
import type { Path } from './source.ts';

/** Profiles by what the settings call them. */
export type Profiles = ReadonlyMap<string, ReadProfile>;

export function checkSensor(sensor: Row, path: Path, profiles: Profiles, report: Report): void {
  const { driver } = sensor;
  if (!isSensorDriver(driver)) return;
  const facts = DRIVER_FACTS[driver];
  for (const key of DRIVER_KEYS) {
    if (!(key in sensor) || facts.keys.includes(key)) continue;
    report([...path, key], `"${key}" has no meaning for driver ${driver}; remove it`, 'key');
  }
  for (const key of facts.needs) {
    if (key in sensor) continue;
    const expected = key === 'adapter' ? 'a network interface such as wlan1' : EXPECTED[key];
    report(path, `"${key}" is missing; expected ${expected}`);
  }
  if (facts.kind === 'door') checkPlace(driver, sensor, path, report);
  if (facts.adapter !== undefined) checkAdapter(driver, sensor, path, report);
  if (facts.bus) checkUnit(sensor, facts.bus.highestUnit, path, report);
  if (driver === 'door-modbus') checkModbus(sensor, path, profiles, report);
  if (driver === 'door-radar') checkRadar(sensor, path, report);
}

function checkPlace(driver: SensorDriver, sensor: Row, path: Path, report: Report): void {
  const canBeTill = DRIVER_FACTS[driver].keys.includes('role');
  const till = canBeTill && sensor.role === 'transactions';
  if (till && 'door' in sensor) {
    report([...path, 'door'], 'a till (role: transactions) has no door; keep one of both', 'key');
  }
  if (till && 'counts' in sensor) {
    report([...path, 'counts'], 'a till (role: transactions) counts sales; remove "counts"', 'key');
  }
  if (!till && !('door' in sensor)) {
    const otherwise = canBeTill ? ', or role: transactions for a till' : '';
    report(path, `"door" is missing; expected the id of the door it counts${otherwise}`);
  }
}

function checkAdapter(driver: SensorDriver, sensor: Row, path: Path, report: Report): void {
  const { adapter: pattern = '', uartBaud } = DRIVER_FACTS[driver];
  const { adapter } = sensor;
  if (uartBaud !== undefined && 'port' in sensor && 'adapter' in sensor) {
    const choice = 'keep the adapter of this box, or the port of a UART controller';
    report([...path, 'adapter'], `"adapter" and "port" exclude each other; ${choice}`, 'key');
  } else if (uartBaud !== undefined && 'baud' in sensor && !('port' in sensor)) {
    report([...path, 'baud'], '"baud" needs the port of a UART controller; remove it, or name the port', 'key');
  }
  if (typeof adapter !== 'string' || new RegExp(pattern).test(adapter) || !/^[\w.-]{1,15}$/.test(adapter)) return;
  const expected = uartBaud === undefined ? 'a network interface such as wlan1' : 'auto, or an adapter such as hci0';
  report([...path, 'adapter'], `expected ${expected}, received ${describe(adapter)}`);
}

function checkUnit({ unit }: Row, highest: number, path: Path, report: Report): void {
  if (!Number.isSafeInteger(unit) || (Number(unit) >= 1 && Number(unit) <= highest)) return;
  report([...path, 'unit'], `expected a whole number between 1 and ${highest}, received ${describe(unit)}`);
}

function checkModbus(sensor: Row, path: Path, profiles: Profiles, report: Report): void {
  const { profile: named } = sensor;
  const read = typeof named === 'string' ? profiles.get(named) : undefined;
  if (read && 'problems' in read) {
    for (const problem of read.problems) report([...path, 'profile'], problem);
  }
  const ways = ['in_channel', 'out_channel'].filter((key) => key in sensor);
  const total = 'total_channel' in sensor;
  if (total && ways.length > 0) {
    const help = 'keep it alone for a beam that knows no direction, or remove it';
    report([...path, 'total_channel'], `"total_channel" stands in place of ${ways.join(' and ')}; ${help}`, 'key');
  } else if (!total && ways.length < 2) {
    const missing = ways.includes('in_channel') ? 'out_channel' : 'in_channel';
    const expected = 'in_channel and out_channel, or total_channel for a beam that knows no direction';
    report(path, `"${missing}" is missing; expected ${expected}`);
  }
  if (ways.length === 2 && Number.isInteger(sensor.in_channel) && sensor.in_channel === sensor.out_channel) {
    const help = 'name another one, or say total_channel for a beam that knows no direction';
    report([...path, 'out_channel'], `the channel ${sensor.out_channel} counts people coming in already; ${help}`);
  }
  if (read && 'profile' in read) checkChannels(sensor, read.profile, path, report);
}

function checkChannels(sensor: Row, { name, channels }: ModbusProfile, path: Path, report: Report): void {
  for (const key of ['in_channel', 'out_channel', 'total_channel']) {
    const channel = sensor[key];
    if (typeof channel !== 'number' || channel <= channels) continue;
    report([...path, key], `expected a channel between 1 and ${channels}, those of ${name}, received ${channel}`);
  }
}

function checkRadar(sensor: Row, path: Path, report: Report): void {
  const { line_mm: line = SENSOR_DEFAULTS.line_mm, hysteresis_mm: beyond = SENSOR_DEFAULTS.hysteresis_mm } = sensor;
  if (typeof line !== 'number' || typeof beyond !== 'number' || beyond < line) return;
  const at = 'hysteresis_mm' in sensor ? 'hysteresis_mm' : 'line_mm';
  report([...path, at], `hysteresis_mm (${beyond}) must be less than line_mm (${line})`);
}
