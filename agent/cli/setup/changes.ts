/** From what a settings file says to what was answered, key by key. */
import { isDeepStrictEqual } from 'node:util';
import { DRIVER_KEYS } from '../../settings/sensor-drivers.ts';
import { type Answers, BROKER_KEYS, type SensorRow } from './answers.ts';

export interface Change {
  path: (string | number)[];
  /** Absent: the key goes. An index just behind the end of a list: the value is added. */
  value?: unknown;
}

type Row = Record<string, unknown>;

const SENSOR_ORDER = ['id', 'driver', ...DRIVER_KEYS, 'silent_minutes'];

/** What to change in `value`, the file as it is, for it to say the answers; what is not answered is left alone. */
export function changesTo(value: unknown, answers: Answers): Change[] {
  const file = asRow(value);
  const store = asRow(file.store);
  const changes: Change[] = [];
  const set = (path: Change['path'], before: unknown, value: unknown) => {
    if (value !== undefined && !isDeepStrictEqual(before, value)) changes.push({ path, value });
  };
  set(['tenant'], file.tenant, answers.tenant);
  set(['gateway'], file.gateway, answers.gateway);
  set(['store', 'id'], store.id, answers.store);
  set(['store', 'time_zone'], store.time_zone, answers.timeZone);
  changes.push(...rowChanges(['store', 'hours'], store.hours, answers.hours));
  changes.push(...rowChanges(['store', 'exceptions'], store.exceptions, answers.exceptions));
  set(['storage', 'directory'], asRow(file.storage).directory, answers.storage);
  set(['runtime_directory'], file.runtime_directory, answers.runtimeDirectory);
  if (answers.broker === null) {
    if ('uplink' in file) changes.push({ path: ['uplink'] });
  } else if (answers.broker) {
    const kept = Object.entries(asRow(file.uplink)).filter(([key]) => !BROKER_KEYS.some((asked) => asked === key));
    changes.push(...rowChanges(['uplink'], file.uplink, { ...Object.fromEntries(kept), ...answers.broker }));
  }
  if (answers.sensors) {
    changes.push(...sensorChanges(file.sensors, answers.sensors));
    changes.push(...placeChanges('zones', store.zones, answers.sensors));
    changes.push(...placeChanges('doors', store.doors, answers.sensors));
  }
  return changes;
}

/** From one map to another, key by key; an empty one goes as a whole. */
function rowChanges(path: Change['path'], before: unknown, after: Row | undefined): Change[] {
  if (after === undefined) return [];
  if (!isRow(before) || Object.keys(before).length === 0) {
    return Object.keys(after).length === 0 ? [] : [{ path, value: after }];
  }
  if (Object.keys(after).length === 0) return [{ path }];
  const gone = Object.keys(before).filter((key) => !(key in after));
  const set = Object.entries(after).filter(([key, value]) => !isDeepStrictEqual(before[key], value));
  return [
    ...set.map(([key, value]) => ({ path: [...path, key], value })),
    ...gone.map((key) => ({ path: [...path, key] })),
  ];
}

function sensorChanges(before: unknown, after: readonly SensorRow[]): Change[] {
  const rows = Array.isArray(before) ? before.map(asRow) : [];
  if (rows.length === 0) return [{ path: ['sensors'], value: after.map(inOrder) }];
  const changed = rows.flatMap((row, index) => {
    const answer = after.find(({ id }) => id === row.id);
    return answer ? rowChanges(['sensors', index], row, answer) : [];
  });
  const added = after.filter(({ id }) => !rows.some((row) => row.id === id));
  const gone = rows.flatMap((row, index) => (after.some(({ id }) => id === row.id) ? [] : [index]));
  return [
    ...changed,
    ...added.map((row, index) => ({ path: ['sensors', rows.length + index], value: inOrder(row) })),
    // From the last on, so that the others keep their numbers.
    ...gone.reverse().map((index) => ({ path: ['sensors', index] })),
  ];
}

/** A file that lists its zones or doors lists those of its sensors. */
function placeChanges(list: 'zones' | 'doors', before: unknown, sensors: readonly SensorRow[]): Change[] {
  if (!Array.isArray(before)) return [];
  const fed = new Set(sensors.flatMap((row) => row[list === 'zones' ? 'zone' : 'door'] ?? []));
  const added = [...fed].filter((place) => !before.includes(place));
  const gone = before.flatMap((place, index) => (fed.has(place) ? [] : [index]));
  if (gone.length === before.length && added.length === 0) return [{ path: ['store', list] }];
  return [
    ...added.map((value, index) => ({ path: ['store', list, before.length + index], value })),
    ...gone.reverse().map((index) => ({ path: ['store', list, index] })),
  ];
}

function inOrder(row: SensorRow): SensorRow {
  const known = SENSOR_ORDER.flatMap((key) => (key in row ? [[key, row[key]] as const] : []));
  return { ...Object.fromEntries(known), ...row };
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asRow(value: unknown): Row {
  return isRow(value) ? value : {};
}
