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
import { type Laid, layOver } from './lay.ts';
import { type KeptRemote, layRemote, NOTHING_KEPT, REMOTE_FILE, readKept, remoteOutcome } from './remote-layer.ts';
import type { Override, RemoteOutcome } from './settings.ts';
import type { CheckedValue } from './value.ts';

export const OVERRIDES_FILE = 'overrides.json';

export interface Layers {
  remote: KeptRemote;
  /** Expired ones included. */
  overrides: Override[];
  notes: string[];
}

/** The settings with their layers, and which of those are in force. */
export interface Layered extends Laid {
  /** The remote revision in force, with its values by key but for those that the file locks. */
  remote: { revision: string; values: Record<string, unknown> } | null;
  /** What became of the centre's last message; null before the first. */
  outcome: RemoteOutcome | null;
  overrides: Override[];
  notes: string[];
}

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
  const file = read(REMOTE_FILE);
  const remote = file === undefined ? NOTHING_KEPT : readKept(file);
  if (remote === null) notes.push(`${REMOTE_FILE} is left out: expected {"revision": "name", "values": {key: value}}`);
  const listed = read(OVERRIDES_FILE) ?? [];
  const overrides: Override[] = [];
  for (const entry of Array.isArray(listed) ? listed : [null]) {
    const override = overrideSchema.safeParse(entry);
    if (override.success) overrides.push(override.data);
    else notes.push(`an entry of ${OVERRIDES_FILE} is left out: expected {"key", "value", "untilMs"}`);
  }
  return { remote: remote ?? NOTHING_KEPT, overrides, notes };
}

/** Keeps these overrides in place of the former ones. Throws what the file system throws. */
export function writeOverrides(directory: string, overrides: readonly Override[]): void {
  writeDurably(join(directory, OVERRIDES_FILE), `${JSON.stringify(overrides, null, 2)}\n`);
}

/** Keeps what the centre asked for in place of what was kept. Throws what the file system throws. */
export function writeRemote(directory: string, remote: KeptRemote): void {
  writeDurably(join(directory, REMOTE_FILE), `${JSON.stringify(remote, null, 2)}\n`);
}

/**
 * Lays both layers over a checked file.
 * @param value the file's plain value, without defaults.
 */
export function applyLayers(base: CheckedValue, value: unknown, layers: Layers, nowMs: number): Layered {
  const notes = [...layers.notes];
  const { revision, values } = layers.remote;
  let now: Laid = { ...base, value };
  let remote: Layered['remote'] = null;
  const result = layRemote(now, values);
  if ('reasons' in result) notes.push(`remote revision ${revision} is left out: ${result.reasons[0]}`);
  else {
    now = result.laid;
    if (revision !== null) remote = { revision, values: result.values };
    for (const key of result.locked) notes.push(`remote revision ${revision}: ${key} is locked by the settings file`);
  }
  const inForce = new Map<string, Override>();
  for (const override of layers.overrides) {
    if (override.untilMs <= nowMs) continue;
    const laid = layOver(now, override.key, override.value);
    if (typeof laid === 'string') notes.push(`an override is left out: ${laid}`);
    else {
      now = laid;
      inForce.set(override.key, override);
    }
  }
  const overrides = [...inForce.values()];
  return { ...now, remote, outcome: remoteOutcome(layers.remote, result, overrides), overrides, notes };
}
