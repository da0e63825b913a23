/** The files beside the database: those of databases that were set aside, and what its identity file says. */
import { basename, dirname } from 'node:path';
import { type Machine, namesIn } from './machine.ts';

/** A database that was set aside because it could not be used (agent/storage/quarantine.ts), with its log. */
export interface SetAside {
  /** They count up. */
  number: number;
  /** The database first. */
  files: { path: string; bytes: number }[];
  /** UTC milliseconds at which something was written to it last: shortly before it was set aside. */
  modifiedMs: number;
}

/** What the identity file says. Whether it can be trusted is for the daemon to judge, which checks its sum. */
export interface IdentityFacts {
  /** The last is the one of the database. */
  epochs: { epoch: string; from: number }[];
  sealedThrough: number;
}

/** Those kept beside the database at `path`, by number; none where the directory cannot be read. */
export async function setAsideIn(machine: Machine, path: string): Promise<SetAside[]> {
  const directory = dirname(path);
  const start = `${basename(path)}.damaged-`;
  const kept = new Map<number, SetAside>();
  for (const name of await namesIn(machine, directory)) {
    const found = name.startsWith(start) ? /^([1-9]\d{0,8})(?:-wal|-shm)?$/.exec(name.slice(start.length)) : null;
    if (found === null) continue;
    // The oldest may be removed while this looks.
    const facts = await machine.stat(`${directory}/${name}`).catch(() => null);
    if (facts?.kind !== 'file') continue;
    const number = Number(found[1]);
    const one = kept.get(number) ?? { number, files: [], modifiedMs: 0 };
    one.files.push({ path: `${directory}/${name}`, bytes: facts.size });
    one.modifiedMs = Math.max(one.modifiedMs, facts.modifiedMs);
    kept.set(number, one);
  }
  return [...kept.values()].sort((a, b) => a.number - b.number);
}

/** Why a database is being set aside, where that was begun and not finished; null where it was not. */
export async function unfinishedAt(machine: Machine, path: string): Promise<string | null> {
  const text = await machine.readFile(`${path}.quarantine`).catch(() => null);
  if (text === null) return null;
  const found = asObject(text)?.found;
  return typeof found === 'string' ? found : 'unknown';
}

/** Null where there is none or it may not be read; `damaged` where it says nothing that makes sense. */
export async function identityAt(machine: Machine, path: string): Promise<IdentityFacts | 'damaged' | null> {
  const text = await machine.readFile(`${path}.identity`).catch(() => null);
  if (text === null) return null;
  const { epochs, sealed_through: sealedThrough } = asObject(text) ?? {};
  if (!Array.isArray(epochs) || epochs.length === 0 || typeof sealedThrough !== 'number') return 'damaged';
  const known = epochs.map((each: Record<string, unknown> | null) => ({
    epoch: String(each?.epoch),
    from: Number(each?.from),
  }));
  return known.every(({ epoch, from }) => /^[0-9a-f]{16}$/.test(epoch) && Number.isSafeInteger(from))
    ? { epochs: known, sealedThrough }
    : 'damaged';
}

export function bytesOf({ files }: SetAside): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function asObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
