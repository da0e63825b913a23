/**
 * What concerns several keys at once. Works on the unchecked value and passes over whatever the schema has told of, so
 * that one mistake never hides another.
 */
import type { OpeningHours } from '../analytics/parameters.ts';
import { readHours } from './hours.ts';
import { DRIVER_FACTS, isSensorDriver } from './sensor-drivers.ts';
import type { Path } from './source.ts';

export interface Finding {
  path: Path;
  /** Whether it is the key or its value that is wrong. */
  at: 'key' | 'value';
  message: string;
}

type Row = Readonly<Record<string, unknown>>;

/** All findings over a settings file's value, and its opening hours as far as they could be read. */
export function crossCheck(value: unknown): { findings: Finding[]; hours: OpeningHours } {
  const findings: Finding[] = [];
  const report = (path: Path, message: string, at: Finding['at'] = 'value') => findings.push({ path, at, message });
  const file = asRow(value);
  const hours = checkHours(asRow(file.store), report);
  const sensors = Array.isArray(file.sensors) ? file.sensors.map(asRow) : [];
  for (const [index, sensor] of sensors.entries()) checkDriverKeys(sensor, ['sensors', index], report);
  checkUnique(sensors, 'id', report);
  checkUnique(sensors, 'port', report);
  if (isRow(file.uplink)) checkUplink(file.uplink, report);
  return { findings, hours };
}

type Report = (path: Path, message: string, at?: Finding['at']) => void;

function checkHours(store: Row, report: Report): OpeningHours {
  const known = isRow(store.hours);
  return readHours(asRow(store.hours), asRow(store.exceptions), {
    hours: (key, message) => report(['store', 'hours', key], message),
    exceptions: (key, message) => report(['store', 'exceptions', key], message),
    missing: (day) => {
      if (known) report(['store', 'hours'], `"${day}" is missing; a day without opening hours says "${day}: closed"`);
    },
  });
}

function checkDriverKeys(sensor: Row, path: Path, report: Report): void {
  const { driver } = sensor;
  if (!isSensorDriver(driver)) return;
  const { kind, foreignKeys } = DRIVER_FACTS[driver];
  for (const key of foreignKeys) {
    if (key in sensor) report([...path, key], `"${key}" has no meaning for driver ${driver}; remove it`, 'key');
  }
  if (kind === 'wifi') {
    if (!('zone' in sensor)) report(path, '"zone" is missing; expected the id of the zone it listens to, such as shop');
    return;
  }
  const till = sensor.role === 'transactions';
  if (till && 'door' in sensor)
    report([...path, 'door'], 'a till (role: transactions) has no door; keep one of both', 'key');
  if (!till && !('door' in sensor)) {
    report(path, '"door" is missing; expected the id of the door it counts, or role: transactions for a till');
  }
}

function checkUnique(sensors: readonly Row[], key: 'id' | 'port', report: Report): void {
  const seen = new Map<string, number>();
  for (const [index, sensor] of sensors.entries()) {
    const value = sensor[key];
    if (typeof value !== 'string') continue;
    const first = seen.get(value);
    if (first === undefined) seen.set(value, index);
    else report(['sensors', index, key], `"${value}" is already the ${key} of sensors[${first}]; each needs its own`);
  }
}

function checkUplink(uplink: Row, report: Report): void {
  const path = ['uplink'];
  if ('password' in uplink) {
    report(
      [...path, 'password'],
      'a password does not belong into the settings; use password_file or the variable FOOTFALL_BROKER_PASSWORD',
      'key',
    );
  }
  if ('password_file' in uplink && !('username' in uplink)) {
    report(path, '"username" is missing; password_file needs it');
  }
  const url = typeof uplink.url === 'string' ? uplink.url : '';
  if (/^mqtts?:\/\/[^/]*@/.test(url)) {
    report([...path, 'url'], 'the address holds a user or password; use username and password_file');
  }
  if ('ca_file' in uplink && url.startsWith('mqtt://')) {
    report([...path, 'ca_file'], 'ca_file needs an encrypted connection, an address with mqtts://', 'key');
  }
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asRow(value: unknown): Row {
  return isRow(value) ? value : {};
}
