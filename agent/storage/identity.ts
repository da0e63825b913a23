/**
 * A small file beside the database that says whose it is and how far it has sealed. With it a database of which nothing
 * can be read still tells its epoch and its last sequence, and an older copy is known for one. It is written after each
 * close, so it may lag behind the database by what a crash cut off, and is never ahead of it.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncDirectory } from '../synced.ts';

/** An epoch and the first sequence it sealed or may seal. */
export interface EpochStart {
  epoch: string;
  from: number;
}

export interface Identity {
  /** In the order they began, each up to the next one; the last is the database's. The oldest may have been left out. */
  epochs: EpochStart[];
  sealedThrough: number;
  /** The oldest sequence of which the database held anything: a batch, a dead letter or a gap. All before it are settled. */
  oldestKept: number;
  /** The last close; null where nothing was closed, or by a release that did not tell. */
  lastClose: LastClose | null;
  /** The file that was the database, as `fileMark` gives it. */
  file: string;
  /** What it held when it was closed in order (rest.ts); null while it is open, or after a kill. */
  rest: Rest | null;
}

/** Every window up to this ordinal that ended before this time was sealed. */
export interface LastClose {
  window: number;
  /** UTC milliseconds on the gateway's timeline. */
  atMs: number;
}

export interface Rest {
  /** Count and sum of the sequences. */
  held: string;
  dead: string;
  /** When the file was last written, UTC milliseconds. */
  changed: number;
}

const FORMAT = 1;
const EPOCH = /^[0-9a-f]{16}$/;

export function isEpoch(text: unknown): text is string {
  return typeof text === 'string' && EPOCH.test(text);
}

/** Null where there is none, or none that can be trusted: then nothing is known. */
export function readIdentity(path: string): Identity | null {
  try {
    return parseIdentity(readFileSync(identityPath(path), 'utf8'));
  } catch {
    return null;
  }
}

/** Replaces it durably. Throws what the file system throws. */
export function writeIdentity(path: string, identity: Identity): void {
  const target = identityPath(path);
  const temporary = `${target}.tmp`;
  try {
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeFileSync(file, identityText(identity));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(target));
}

export function identityText({ epochs, sealedThrough, oldestKept, lastClose, file, rest }: Identity): string {
  const line = { format: FORMAT, epochs, sealed_through: sealedThrough, oldest_kept: oldestKept };
  const known = { ...line, last_close: lastClose, file, rest };
  return `${JSON.stringify({ ...known, crc32: crc32(JSON.stringify(known)) })}\n`;
}

/** @throws SyntaxError; gives null for what is JSON and no sound identity. */
export function parseIdentity(text: string): Identity | null {
  const { crc32: checksum, ...known } = JSON.parse(text) as Record<string, unknown>;
  if (known.format !== FORMAT || checksum !== crc32(JSON.stringify(known))) return null;
  const { epochs, sealed_through: sealedThrough, oldest_kept: oldestKept, file } = known;
  if (!isLine(epochs) || !isCount(sealedThrough) || !isCount(oldestKept) || typeof file !== 'string') return null;
  const lastClose = lastCloseOf(known.last_close);
  return { epochs, sealedThrough, oldestKept, lastClose, file, rest: restOf(known.rest) };
}

/** Whether a value is a list of epochs in order, with at least one. */
export function isLine(value: unknown): value is EpochStart[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every(
    (start: Partial<EpochStart> | null, index) =>
      isEpoch(start?.epoch) && isCount(start?.from) && (index === 0 || start.from >= value[index - 1].from),
  );
}

export function lastCloseOf(value: unknown): LastClose | null {
  const { window, atMs } = (value ?? {}) as Partial<LastClose>;
  return isCount(window) && Number.isFinite(atMs) ? { window, atMs: Number(atMs) } : null;
}

function restOf(value: unknown): Rest | null {
  const { held, dead, changed } = (value ?? {}) as Partial<Rest>;
  return held === undefined || dead === undefined || changed === undefined ? null : { held, dead, changed };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function identityPath(path: string): string {
  return `${path}.identity`;
}

/**
 * What tells a file from a copy of it: inode and birth time. The device is left out, as its number may change at a boot;
 * VACUUM, a checkpoint and a rename keep both.
 */
export function fileMark(path: string): string {
  const { ino, birthtimeNs, ctimeNs } = statSync(path, { bigint: true });
  // Where the file system keeps no birth time, the system's call gives zero, or the time of the last change.
  return `${ino}/${birthtimeNs === ctimeNs ? 0n : birthtimeNs}`;
}

/**
 * By birth time where both have one, because ext4 gives a copy the inode that the removed file had, and some file systems
 * make inodes up at each mount; else by inode. Who is wrong here begins a new epoch for nothing, which loses nothing.
 */
export function sameFile(one: string, other: string): boolean {
  const [inode, birth] = one.split('/');
  const [otherInode, otherBirth] = other.split('/');
  return birth === '0' || otherBirth === '0' ? inode === otherInode : birth === otherBirth;
}
