/**
 * Keys as people and programs write them: the file's names joined by dots, sensors by id, as in
 * `sensors.front-wifi.gate_dbm`. In a pattern `*` stands for one part, and what is below a pattern is covered by it.
 */
import type { z } from 'zod';
import { DATE_PATTERN, DAYS, DAYS_PATTERN } from './hours.ts';
import { nearest } from './nearest.ts';
import { settingsSchema } from './schema.ts';

/** What a local override may set: nothing that would need a restart or send data elsewhere. */
export const LAYERED_KEYS: readonly string[] = [
  'counting.*',
  'store.hours.*',
  'store.exceptions.*',
  'sensors.*.gate_dbm',
  'sensors.*.silent_minutes',
  'uplink.window',
  'log.level',
  'log.modules.*',
];
/**
 * What a remote revision may set. Opening hours, exceptions and zones are one value each, which stands in place of the
 * file's. Keys that open a sensor's line anew are left to whoever stands before it.
 */
export const REMOTE_KEYS: readonly string[] = [
  'counting.*',
  'store.hours',
  'store.exceptions',
  'store.zones',
  'sensors.*.gate_dbm',
  'sensors.*.silent_minutes',
  'sensors.*.zone',
  'uplink.window',
  'log.level',
  'log.modules.*',
];
const HOURS = 'store.hours';

/** Every leaf of a settings file; `*` for a sensor's id, a day, a date. */
const LEAVES: readonly string[] = leavesOf(settingsSchema).filter((key) => key !== 'uplink.password');

/** True when `key` or all that is below it is covered by `pattern`. */
export function covers(pattern: string, key: string): boolean {
  const parts = key.split('.');
  const wanted = pattern.split('.');
  return wanted.length <= parts.length && wanted.every((part, depth) => part === '*' || part === parts[depth]);
}

/** True for a key or section of a settings file with these sensors, and for a pattern of such. */
export function namesRealKey(pattern: string, sensorIds: readonly string[]): boolean {
  const parts = pattern.split('.');
  return LEAVES.some((leaf) => {
    const places = leaf.split('.');
    return (
      parts.length <= places.length &&
      parts.every(
        (part, depth) => part === '*' || part === places[depth] || fits(part, leaf, depth, places[depth], sensorIds),
      )
    );
  });
}

/** The real key, section or pattern that `key` was meant to be, put right part by part; null where a part is like none. */
export function suggestKey(key: string, sensorIds: readonly string[]): string | null {
  if (key === '') return null;
  let leaves = LEAVES;
  const meant: string[] = [];
  for (const [depth, part] of key.split('.').entries()) {
    const here = leaves.flatMap((leaf) => optionsAt(leaf, depth, sensorIds));
    const known = part === '*' || here.includes(part) || namesRealKey([...meant, part].join('.'), sensorIds);
    const found = known ? part : (nearest(part, here) ?? here.find((option) => begins(option, part)));
    if (found === undefined) return null;
    meant.push(found);
    leaves = leaves.filter((leaf) => found === '*' || ['*', found].includes(leaf.split('.')[depth]));
  }
  return meant.join('.');
}

/** `visit_gap` for `visit_gap_seconds`, `sunday` for `sun`. */
function begins(option: string, part: string): boolean {
  return option.startsWith(part) || part.startsWith(option);
}

function optionsAt(leaf: string, depth: number, sensorIds: readonly string[]): readonly string[] {
  const part = leaf.split('.')[depth];
  if (part !== '*') return part === undefined ? [] : [part];
  if (leaf.startsWith('sensors.')) return sensorIds;
  return leaf.startsWith(HOURS) ? DAYS : [];
}

/** Why no layer with these allowed keys may set this one, to go after it in a sentence; null when it may. */
export function whyNotAllowed(key: string, allowed: readonly string[], sensorIds: readonly string[]): string | null {
  if (key.includes('*')) return 'is a pattern; name one key';
  const [section, id] = key.split('.');
  if (section === 'sensors' && id !== undefined && !sensorIds.includes(id)) {
    const meant = nearest(id, sensorIds);
    return `names no sensor; ${meant ? `did you mean "${meant}"?` : `there are ${sensorIds.join(', ')}`}`;
  }
  if (!namesRealKey(key, sensorIds)) {
    const meant = suggestKey(key, sensorIds);
    return `is no key of these settings${meant ? `; did you mean "${meant}"?` : ''}`;
  }
  const depth = key.split('.').length;
  const known = allowed.some((pattern) => covers(pattern, key) && pattern.split('.').length === depth);
  return known ? null : 'can be set in the settings file only';
}

/** The file's lock that keeps a layer off this key, whole or in part; null without one. */
export function lockOn(key: string, locked: readonly string[]): string | null {
  return locked.find((pattern) => overlap(pattern, key) || overlapInHours(pattern, key)) ?? null;
}

function overlap(a: string, b: string): boolean {
  const [left, right] = [a.split('.'), b.split('.')];
  const both = Math.min(left.length, right.length);
  return left.slice(0, both).every((part, depth) => part === '*' || part === right[depth]);
}

/** Days and ranges of days overlap, so a lock on one of them is a lock on all. */
function overlapInHours(pattern: string, key: string): boolean {
  return overlap(pattern, HOURS) && covers(HOURS, key);
}

/** Whether `part` can stand where a leaf has its `*`. */
function fits(part: string, leaf: string, depth: number, place: string, sensorIds: readonly string[]): boolean {
  if (place !== '*') return false;
  if (leaf.startsWith('sensors.')) return sensorIds.includes(part);
  return depth === 2 && new RegExp(leaf.startsWith(HOURS) ? DAYS_PATTERN : DATE_PATTERN).test(part);
}

function leavesOf(schema: unknown, prefix = ''): string[] {
  const { def } = schema as z.core.$ZodType & { def: Inner };
  if (def.innerType) return leavesOf(def.innerType, prefix);
  if (def.shape) return Object.entries(def.shape).flatMap(([key, value]) => leavesOf(value, join(prefix, key)));
  if (def.valueType) return leavesOf(def.valueType, join(prefix, '*'));
  // A list of plain values is one leaf; the sensors' list is keyed by id.
  if (def.element?.def.shape) return leavesOf(def.element, join(prefix, '*'));
  return [prefix];
}

/** The parts of zod's definitions that hold other schemas. */
interface Inner {
  innerType?: unknown;
  shape?: Record<string, unknown>;
  valueType?: unknown;
  element?: { def: Inner };
}

function join(prefix: string, key: string): string {
  return prefix === '' ? key : `${prefix}.${key}`;
}
