/**
 * What is laid over the settings file: the values of a remote revision, and above them local overrides that expire. Both
 * are JSON files in the storage directory, and a layer that does not fit is left out with a note: only the file can keep
 * the daemon from counting.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../errors.ts';
import { writeDurably } from './durable-file.ts';
import { whyRefused } from './keys.ts';
import type { Override } from './settings.ts';
import { type CheckedValue, checkValue } from './value.ts';
import { pathOf, withPart } from './written.ts';

export const REMOTE_FILE = 'remote-settings.json';
export const OVERRIDES_FILE = 'overrides.json';
const LONGEST_SHOWN = 80;

export interface RemoteRevision {
  /** Names this set of values. */
  revision: string;
  /** By key; the values are plain: text, number, true or false. */
  values: Record<string, unknown>;
}

export interface Layers {
  remote: RemoteRevision | null;
  /** Expired ones included. */
  overrides: Override[];
  notes: string[];
}

export interface Laid extends CheckedValue {
  /** The plain value, without defaults. */
  value: unknown;
}

/** The settings with their layers, and which of those are in force. */
export interface Layered extends Laid {
  remote: RemoteRevision | null;
  overrides: Override[];
  notes: string[];
}

const remoteSchema = z.object({
  revision: z.string().regex(/^[\w.:-]{1,64}$/),
  values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
const overrideSchema = z.object({
  key: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]),
  untilMs: z.number(),
});

/** Both layers as they are kept in `directory`. Never throws. */
export function readLayers(directory: string): Layers {
  const notes: string[] = [];
  const read = (name: string): unknown => {
    try {
      return JSON.parse(readFileSync(join(directory, name), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      // What JSON.parse says quotes the text.
      const reason = error instanceof SyntaxError ? 'it holds no JSON' : reasonOf(error);
      notes.push(`${name} is left out: ${reason}`);
      return undefined;
    }
  };
  const kept = read(REMOTE_FILE);
  const remote = kept === undefined ? null : remoteSchema.safeParse(kept);
  if (remote?.success === false) {
    notes.push(`${REMOTE_FILE} is left out: expected {"revision": "name", "values": {key: plain value}}`);
  }
  const listed = read(OVERRIDES_FILE) ?? [];
  const overrides: Override[] = [];
  for (const entry of Array.isArray(listed) ? listed : [null]) {
    const override = overrideSchema.safeParse(entry);
    if (override.success) overrides.push(override.data);
    else notes.push(`an entry of ${OVERRIDES_FILE} is left out: expected {"key", "value", "untilMs"}`);
  }
  return { remote: remote?.data ?? null, overrides, notes };
}

/** Keeps these overrides in place of the former ones. Throws what the file system throws. */
export function writeOverrides(directory: string, overrides: readonly Override[]): void {
  writeDurably(join(directory, OVERRIDES_FILE), `${JSON.stringify(overrides, null, 2)}\n`);
}

/** Keeps this remote revision in place of the former one. Throws what the file system throws. */
export function writeRemote(directory: string, remote: RemoteRevision): void {
  writeDurably(join(directory, REMOTE_FILE), `${JSON.stringify(remote, null, 2)}\n`);
}

/**
 * Lays both layers over a checked file.
 * @param value the file's plain value, without defaults.
 */
export function applyLayers(base: CheckedValue, value: unknown, layers: Layers, nowMs: number): Layered {
  const notes = [...layers.notes];
  let now: Laid = { ...base, value };
  let remote: RemoteRevision | null = null;
  if (layers.remote) {
    const laid = layOver(now, Object.entries(layers.remote.values));
    if (typeof laid === 'string') notes.push(`remote revision ${layers.remote.revision} is left out: ${laid}`);
    else {
      now = laid;
      remote = layers.remote;
    }
  }
  const inForce = new Map<string, Override>();
  for (const override of layers.overrides) {
    if (override.untilMs <= nowMs) continue;
    const laid = layOver(now, [[override.key, override.value]]);
    if (typeof laid === 'string') notes.push(`an override is left out: ${laid}`);
    else {
      now = laid;
      inForce.set(override.key, override);
    }
  }
  return { ...now, remote, overrides: [...inForce.values()], notes };
}

/** The settings with these values, checked as a whole; or why not, in words. */
export function layOver(base: Laid, values: readonly (readonly [key: string, value: unknown])[]): Laid | string {
  const { locked, sensors } = base.settings;
  const ids = sensors.map(({ id }) => id);
  let value = base.value;
  for (const [key, part] of values) {
    const refused = whyRefused(key, locked, ids);
    if (refused !== null) return `${JSON.stringify(key.slice(0, LONGEST_SHOWN))} ${refused}`;
    value = withPart(value, pathOf(value, key) ?? [], part);
  }
  // No layer can name another profile, and that of a file in use is not read again.
  const checked = checkValue(value, base.profiles);
  if ('settings' in checked) return { ...checked, value };
  const { path, message } = checked.findings[0];
  // Sensors go by id here, not by their place in the file.
  const at = typeof path[1] === 'number' ? ['sensors', ids[path[1]], ...path.slice(2)] : path;
  return `at ${at.join('.')}: ${message}`;
}
