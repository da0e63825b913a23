/**
 * The day's key: 32 random bytes in a file of the runtime directory, which is on tmpfs and so gone at power-off. No key
 * is ever derived from another, and none is kept beside its successor.
 *
 * The file: 4 bytes "FFK1", 4 bytes id (big-endian), 32 bytes key.
 */
import { createSecretKey, type KeyObject, randomBytes, randomFillSync } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { AgentError, reasonOf } from '../errors.ts';
import { writeNewFile } from '../synced.ts';

const FILE = 'day.key';
const MAGIC = Buffer.from('FFK1', 'latin1');
const KEY_BYTES = 32;
const FILE_BYTES = MAGIC.length + 4 + KEY_BYTES;
/** TMPFS_MAGIC, statfs(2). */
const TMPFS = 0x01021994;

export interface DayKey {
  key: KeyObject;
  /** Random 32 bits, above 0, that name the key and say nothing about it: tells a restart whether its state is of this key. */
  id: number;
  /** `kept` when the file of an earlier run was read, `made` when there was none that could be. */
  origin: 'kept' | 'made';
  /** False when the directory would outlive a power-off. */
  tmpfs: boolean;
}

/**
 * Reads the key of a runtime directory, or makes one. The directory is made (0700) if missing.
 * @throws AgentError `key_unusable` when the directory cannot be read or written.
 */
export function loadKey(directory: string): DayKey {
  return guarded(directory, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const kept = readKey(directory);
    return kept === null ? makeKey(directory) : { ...kept, origin: 'kept', tmpfs: onTmpfs(directory) };
  });
}

/** Makes a new key in place of the one there: that one is gone when this returns. */
export function replaceKey(directory: string): DayKey {
  return guarded(directory, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return makeKey(directory);
  });
}

function readKey(directory: string): Pick<DayKey, 'key' | 'id'> | null {
  const path = join(directory, FILE);
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    if (content.length !== FILE_BYTES || !content.subarray(0, MAGIC.length).equals(MAGIC)) return null;
    chmodSync(path, 0o600);
    return { id: content.readUInt32BE(MAGIC.length), key: createSecretKey(content.subarray(-KEY_BYTES)) };
  } finally {
    content.fill(0);
  }
}

function makeKey(directory: string): DayKey {
  const id = Math.max(1, randomBytes(4).readUInt32BE());
  const content = Buffer.concat([MAGIC, Buffer.alloc(4), Buffer.alloc(KEY_BYTES)]);
  content.writeUInt32BE(id, MAGIC.length);
  const secret = content.subarray(-KEY_BYTES);
  randomFillSync(secret);
  try {
    writeDurably(join(directory, FILE), content);
    return { key: createSecretKey(secret), id, origin: 'made', tmpfs: onTmpfs(directory) };
  } finally {
    content.fill(0);
  }
}

/** Whole or not at all: a reader never meets half a key. */
function writeDurably(path: string, content: Buffer): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeNewFile(draft, content);
  renameSync(draft, path);
}

function onTmpfs(directory: string): boolean {
  return statfsSync(directory).type === TMPFS;
}

function guarded<T>(directory: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new AgentError(
      'key_unusable',
      `expected to keep the day's key in ${directory}, found: ${reasonOf(error)}`,
      'make it a directory on tmpfs that the daemon owns, such as /run/footfall',
      { cause: error },
    );
  }
}
