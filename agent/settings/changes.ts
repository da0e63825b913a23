/** What changed between two settings, and whether a running daemon can take it. */
import type { ModbusCounters, SensorSettings, Settings } from './settings.ts';

/** Keys that say who and where the daemon is: it opens its database, socket and day by them once. */
const RESTART = ['tenant', 'gateway', 'store.id', 'store.time_zone', 'storage', 'runtime_directory'];

export interface Changes {
  /** Keys that take effect at once, or for counting from the next window on. */
  live: string[];
  /** Keys that take effect at the next start. */
  restart: string[];
}

/** All changed keys by the file's names; a sensor that came or went is one key, `sensors.<id>`. */
export function changesBetween(before: Settings, after: Settings): Changes {
  const old = keysOf(before);
  const now = keysOf(after);
  const sensorsOf = (settings: Settings) => new Set(settings.sensors.map(({ id }) => `sensors.${id}`));
  const [gone, there] = [sensorsOf(before), sensorsOf(after)];
  const changed = new Set<string>();
  for (const key of new Set([...old.keys(), ...now.keys()])) {
    if (old.get(key) === now.get(key)) continue;
    const sensor = key.split('.', 2).join('.');
    changed.add(gone.has(sensor) === there.has(sensor) ? key : sensor);
  }
  const needsRestart = (key: string) => RESTART.some((part) => key === part || key.startsWith(`${part}.`));
  return {
    live: [...changed].filter((key) => !needsRestart(key)),
    restart: [...changed].filter(needsRestart),
  };
}

/** Each value as JSON by its key; opening hours and exceptions as one value each. */
function keysOf(settings: Settings): Map<string, string> {
  const { store, sensors, ...rest } = settings;
  const keys = new Map<string, string>();
  collect(keys, '', {
    ...rest,
    store: { id: store.id, timeZone: store.timeZone },
    sensors: Object.fromEntries(sensors.map((sensor) => [sensor.id, inWords(sensor)])),
  });
  keys.set('store.hours', JSON.stringify(store.hours.week));
  keys.set('store.exceptions', JSON.stringify(store.hours.exceptions));
  return keys;
}

/** A sensor in the file's own keys; what follows from them alone is left out. */
function inWords({ id: _id, line, port, role, place, options, ...rest }: SensorSettings) {
  const { modbus, flowControl: _derived, ...told } = options;
  return {
    ...rest,
    ...told,
    ...(modbus && inChannels(modbus)),
    [line === 'radio' ? 'adapter' : 'port']: port,
    ...(role === 'transactions' ? { role } : { [role]: place }),
  };
}

/** Registers stand for the profile and the channels that they are made of. */
function inChannels({ entered, left, enableCoils, ...format }: ModbusCounters) {
  const [first, second = first] = enableCoils;
  const channels =
    entered === left
      ? { total_channel: [entered, first] }
      : { in_channel: [entered, first], out_channel: [left, second] };
  return { profile: Object.values(format), ...channels };
}

function collect(keys: Map<string, string>, prefix: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    keys.set(prefix, JSON.stringify(value));
    return;
  }
  for (const [name, part] of Object.entries(value)) {
    // Sensors' ids are data, in lower case already.
    collect(keys, `${prefix && `${prefix}.`}${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`, part);
  }
}
