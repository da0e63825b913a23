/**
 * What concerns several keys at once. Works on the unchecked value and passes over whatever the schema has told of, so
 * that one mistake never hides another.
 */
import type { OpeningHours } from '../analytics/parameters.ts';
import { readHours } from './hours.ts';
import { namesRealKey, suggestKey } from './keys.ts';
import { nearest } from './nearest.ts';
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
  checkPlaces(sensors, file.store, 'zone', report);
  checkPlaces(sensors, file.store, 'door', report);
  if (isRow(file.uplink)) checkUplink(file.uplink, report);
  checkLocked(file.locked, sensors, report);
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

/** `store.zones` and `store.doors`: every place that a sensor names is listed, and every listed one is fed. */
function checkPlaces(sensors: readonly Row[], store: unknown, kind: 'zone' | 'door', report: Report): void {
  const listed = asRow(store)[`${kind}s`];
  if (!Array.isArray(listed)) return;
  const places = listed.filter((place) => typeof place === 'string');
  const fed = new Set<string>();
  for (const [index, sensor] of sensors.entries()) {
    const place = sensor[kind];
    if (typeof place !== 'string') continue;
    const meant = places.includes(place) ? place : nearest(place, places);
    // A place written wrongly is one mistake, not also a listed one that nothing feeds.
    if (meant) fed.add(meant);
    if (meant === place) continue;
    const help = meant ? `did you mean "${meant}"?` : `listed there: ${places.join(', ') || 'none'}`;
    report(['sensors', index, kind], `the ${kind} "${place}" is not in store.${kind}s; ${help}`);
  }
  for (const [index, place] of listed.entries()) {
    const path = ['store', `${kind}s`, index];
    if (typeof place !== 'string') continue;
    if (listed.indexOf(place) < index) report(path, `the ${kind} "${place}" is listed twice; keep one`);
    else if (!fed.has(place)) {
      report(path, `the ${kind} "${place}" is fed by no sensor; give one "${kind}: ${place}", or remove it here`);
    }
  }
}

function checkLocked(locked: unknown, sensors: readonly Row[], report: Report): void {
  if (!Array.isArray(locked)) return;
  const ids = sensors.map(({ id }) => id).filter((id) => typeof id === 'string');
  for (const [index, key] of locked.entries()) {
    if (typeof key !== 'string' || namesRealKey(key, ids)) continue;
    const meant = suggestKey(key, ids);
    const help = meant ? `did you mean "${meant}"?` : 'keys look like counting.visit_gap_seconds, sensors.*.gate_dbm';
    report(['locked', index], `"${key}" is no key of these settings; ${help}`);
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
