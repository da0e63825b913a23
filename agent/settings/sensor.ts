/** One sensor of the settings: from what is written to all that holds, and from that to what the program uses. */
import { countersOf, type DoorChannels, type ModbusProfile } from './modbus-profile.ts';
import { DRIVER_FACTS, keysOf, SENSOR_DEFAULTS } from './sensor-drivers.ts';
import type { SensorFile } from './sensor-schema.ts';
import type { SensorOptions, SensorSettings } from './settings.ts';

/** The sensor with every default in place, without keys that its driver does not read, in the order of the keys. */
export function completeSensor(written: SensorFile, profile?: ModbusProfile): SensorFile {
  const known: Record<string, unknown> = { ...SENSOR_DEFAULTS, ...lineDefaults(written, profile), ...written };
  const meant = keysOf(written.driver).filter((key) => known[key] !== undefined && !isBesides(key, written));
  return Object.fromEntries(meant.map((key) => [key, known[key]])) as SensorFile;
}

/** @param sensor a complete one. */
export function toSensor(sensor: SensorFile, profile?: ModbusProfile): SensorSettings {
  const { driver, port, adapter } = sensor;
  const { kind, line } = DRIVER_FACTS[driver];
  const role = kind === 'door' ? (sensor.role ?? 'door') : 'zone';
  return {
    id: sensor.id,
    driver,
    line: line === 'radio' && port !== undefined ? 'serial' : line,
    port: port ?? adapter ?? '',
    baud: sensor.baud ?? 0,
    role,
    place: (role === 'zone' ? sensor.zone : sensor.door) ?? sensor.id,
    gateDbm: sensor.gate_dbm ?? SENSOR_DEFAULTS.gate_dbm,
    swap: sensor.swap ?? SENSOR_DEFAULTS.swap,
    silentMinutes: sensor.silent_minutes ?? SENSOR_DEFAULTS.silent_minutes,
    options: optionsOf(sensor, profile),
  };
}

/** The channels that a Modbus door's sensor names; null where it names none that go together. */
export function channelsOf({ in_channel, out_channel, total_channel }: Partial<SensorFile>): DoorChannels | null {
  if (in_channel !== undefined && out_channel !== undefined) return { in: in_channel, out: out_channel };
  return total_channel === undefined ? null : { total: total_channel };
}

function lineDefaults({ driver, port }: SensorFile, profile: ModbusProfile | undefined): Partial<SensorFile> {
  const { baud, bus, uartBaud } = DRIVER_FACTS[driver];
  const speed = profile?.line.baud ?? (port === undefined ? baud : (uartBaud ?? baud));
  return {
    ...(speed > 0 && { baud: speed }),
    ...(bus && { parity: profile?.line.parity ?? 'none', stop_bits: profile?.line.stopBits ?? 1 }),
  };
}

/** A key that its driver reads in other cases: a till counts sales, a UART controller has no adapter, that no speed. */
function isBesides(key: string, { driver, port, role }: SensorFile): boolean {
  if (key === 'counts') return role === 'transactions';
  if (DRIVER_FACTS[driver].uartBaud === undefined) return false;
  return port === undefined ? key === 'baud' : key === 'adapter';
}

function optionsOf(sensor: SensorFile, profile: ModbusProfile | undefined): SensorOptions {
  const { flowControl, line } = DRIVER_FACTS[sensor.driver];
  const channels = channelsOf(sensor);
  const all = {
    linkType: sensor.link_type,
    parity: sensor.parity,
    stopBits: sensor.stop_bits,
    flowControl: line === 'serial' || sensor.port !== undefined ? flowControl : undefined,
    unit: sensor.unit,
    pollMs: sensor.poll_ms,
    modbus: profile && channels ? countersOf(profile, channels) : undefined,
    advertisingChannel: sensor.advertising_channel,
    channels: sensor.channels,
    channelSeconds: sensor.channel_seconds,
    contact: sensor.contact,
    counts: sensor.counts,
    debounceMs: sensor.debounce_ms,
    lineMm: sensor.line_mm,
    hysteresisMm: sensor.hysteresis_mm,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
