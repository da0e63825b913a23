/**
 * What concerns several keys at once. Works on the unchecked value and passes over whatever the schema has told of, so
 * that one mistake never hides another.
 */
import type { OpeningHours } from '../analytics/parameters.ts';
import { readHours } from './hours.ts';
import { asRow, type Finding, isRow, type Row } from './issues.ts';
import { namesRealKey, suggestKey } from './keys.ts';
import { checkLines } from './line-checks.ts';
import { nearest } from './nearest.ts';
import { checkSensor, type Profiles } from './sensor-checks.ts';
import type { Path } from './source.ts';

/**
 * All findings over a settings file's value, and its opening hours as far as they could be read.
 * @param profiles every Modbus profile that the value names.
 */
export function crossCheck(value: unknown, profiles: Profiles): { findings: Finding[]; hours: OpeningHours } {
  const findings: Finding[] = [];
  const report = (path: Path, message: string, at: Finding['at'] = 'value') => findings.push({ path, at, message });
  const file = asRow(value);
  const hours = checkHours(asRow(file.store), report);
  const sensors = Array.isArray(file.sensors) ? file.sensors.map(asRow) : [];
  for (const [index, sensor] of sensors.entries()) checkSensor(sensor, ['sensors', index], profiles, report);
  checkIds(sensors, report);
  checkLines(sensors, profiles, report);
  checkPlaces(sensors, file.store, 'zone', report);
  checkPlaces(sensors, file.store, 'door', report);
  if (isRow(file.uplink)) checkUplink(file.uplink, report);
  checkLocked(file.locked, sensors, report);
  return { findings, hours };
}

export type Report = (path: Path, message: string, at?: Finding['at']) => void;

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

function checkIds(sensors: readonly Row[], report: Report): void {
  const seen = new Map<string, number>();
  for (const [index, { id }] of sensors.entries()) {
    if (typeof id !== 'string') continue;
    const first = seen.get(id);
    if (first === undefined) seen.set(id, index);
    else report(['sensors', index, 'id'], `"${id}" is already the id of sensors[${first}]; each needs its own`);
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
  for (const key of ['ca_file', 'cert_file', 'key_file']) {
    if (!(key in uplink) || !url.startsWith('mqtt://')) continue;
    report([...path, key], `${key} needs an encrypted connection, an address with mqtts://`, 'key');
  }
  if ('cert_file' in uplink !== 'key_file' in uplink) {
    const [there, missing] = 'cert_file' in uplink ? ['cert_file', 'key_file'] : ['key_file', 'cert_file'];
    report(path, `"${missing}" is missing; ${there} needs it`);
  }
}
