/** The settings in the file's own keys and words, with nothing left to defaults. */
import { stringify } from 'yaml';
import { isRow } from './issues.ts';
import type { SettingsFile } from './schema.ts';
import type { Path } from './source.ts';

/** One value of the settings, a list of plain values being one. */
export interface Leaf {
  /** Sensors by id. */
  key: string;
  /** Sensors by their place in the list. */
  path: Path;
  value: unknown;
}

/** A whole file as YAML that reads back to the same settings. Holds no secret, as settings never do. */
export function showSettings(file: SettingsFile): string {
  return stringify(file, { lineWidth: 120, aliasDuplicateObjects: false });
}

/** All leaves of a complete file in its order; an empty map has none. */
export function leavesOf(value: unknown, key = '', path: Path = []): Leaf[] {
  const steps: [name: string, step: string | number, value: unknown][] = isRow(value)
    ? Object.entries(value).map(([name, part]) => [name, name, part])
    : Array.isArray(value) && value.every((part) => isRow(part) && typeof part.id === 'string') && value.length > 0
      ? value.map((part: { id: string }, index) => [part.id, index, part])
      : [];
  if (steps.length === 0) return isRow(value) ? [] : [{ key, path, value }];
  return steps.flatMap(([name, step, part]) => leavesOf(part, key === '' ? name : `${key}.${name}`, [...path, step]));
}

/** Where `key` is in a file's plain value; null where it names a sensor that is not there. */
export function pathOf(value: unknown, key: string): Path | null {
  const [section, id, ...rest] = key.split('.');
  if (section !== 'sensors' || id === undefined) return key.split('.');
  const sensors: unknown = isRow(value) ? value.sensors : undefined;
  const index = Array.isArray(sensors) ? sensors.findIndex((sensor) => isRow(sensor) && sensor.id === id) : -1;
  return index < 0 ? null : [section, index, ...rest];
}

/** A copy of a plain value with `part` at `path`; maps on the way are made where there are none. */
export function withPart(value: unknown, path: Path, part: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return part;
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? withPart(item, rest, part) : item));
  const holder = isRow(value) ? value : {};
  const former = Object.hasOwn(holder, step) ? holder[step] : undefined;
  return { ...holder, [step]: withPart(former, rest, part) };
}

/** Whether something is written at `path` of a plain value. */
export function hasPart(value: unknown, path: Path): boolean {
  let holder = value;
  for (const step of path) {
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, step)) return false;
    holder = (holder as Record<string | number, unknown>)[step];
  }
  return holder !== null;
}
