/**
 * Sets a database aside that cannot be used, with its log, and puts a new one in its place. What is intended is written
 * down first and the new database is made under another name, so that a crash at any step leaves what the next opening
 * finishes: files are never lost, and those of two databases never mixed.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../synced.ts';
import type { SetAside } from './storage.ts';
import { errorCode } from './storage-error.ts';

/** What a quarantine asks of the file system. */
export interface Disk {
  /** Replaces a small file durably. */
  write(path: string, content: string): void;
  rename(from: string, to: string): void;
  /** Also where there is none. */
  remove(path: string): void;
  /** Puts a file's content on the disk. */
  sync(path: string): void;
  syncDirectory(path: string): void;
  /** Bytes free to this user. */
  free(directory: string): number;
}

/** A quarantine that was begun and is not finished. */
export interface Intent {
  /** The number of the quarantine. */
  number: number;
  /** What was found, in words. */
  found: string;
  end: 'damaged' | 'newer';
  /** How often salvage was begun: one that kills the process is not tried for ever. */
  attempts: number;
}

/** Older ones are removed. */
const MAX_KEPT = 3;
/** Twice the buffer's usual bound; beyond it only the newest is kept. */
const MAX_KEPT_BYTES = 512 * 1024 * 1024;
/** In the order they are moved: the database is last, so that where it is says how far the move came. */
const PARTS = ['-shm', '-wal', ''] as const;

export const hostDisk: Disk = {
  write: (path, content) => {
    const temporary = `${path}.tmp`;
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  },
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
  sync: (path) => {
    const file = openSync(path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
  syncDirectory,
  free: (directory) => {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  },
};

/** Where a quarantined database lies. */
export function quarantinePath(path: string, number: number): string {
  return `${path}.damaged-${number}`;
}

/** Decides that a database is set aside. The next opening does it, even after a crash. */
export function condemn(disk: Disk, path: string, found: string, end: Intent['end']): void {
  const number = (quarantinesOf(path).at(-1) ?? 0) + 1;
  const intent: Intent = { number, found, end, attempts: 0 };
  try {
    writeIntent(disk, path, intent);
  } catch (error) {
    if (!isFull(error)) throw error;
    // What is kept of earlier damage is worth less than going on.
    for (const old of quarantinesOf(path)) removeQuarantine(disk, path, old);
    writeIntent(disk, path, intent);
  }
}

/** The quarantine that was begun here and not finished. */
export function readIntent(path: string): Intent | null {
  if (!exists(intentPath(path))) return null;
  const text = readFileSync(intentPath(path), 'utf8');
  try {
    const { number, found, end, attempts } = JSON.parse(text) as Partial<Intent>;
    if (isCount(number) && typeof found === 'string' && isCount(attempts)) {
      return { number, found, end: end === 'newer' ? 'newer' : 'damaged', attempts };
    }
  } catch {
    // As one that says something else.
  }
  // Damaged itself. Where no database is, one was moved; else the database that is there is judged as it stands.
  const number = quarantinesOf(path).at(-1);
  return exists(path) || number === undefined ? null : { number, found: 'unknown', end: 'damaged', attempts: 0 };
}

export function writeIntent(disk: Disk, path: string, intent: Intent): void {
  disk.write(intentPath(path), JSON.stringify(intent));
}

export function dropIntent(disk: Disk, path: string): void {
  disk.remove(intentPath(path));
  disk.syncDirectory(dirname(path));
}

/** Moves the database and its log, or what of them is still to be moved. @returns where the database lies. */
export function moveAside(disk: Disk, path: string, { number }: Intent): string {
  const target = quarantinePath(path, number);
  if (!exists(target)) {
    for (const part of PARTS) if (exists(`${path}${part}`)) disk.rename(`${path}${part}`, `${target}${part}`);
    disk.syncDirectory(dirname(path));
  }
  return target;
}

/** Removes the oldest quarantines beyond the bounds; the newest stays. */
export function trimQuarantines(disk: Disk, path: string, wantedFree: number): void {
  const numbers = quarantinesOf(path).reverse();
  let bytes = 0;
  for (const [index, number] of numbers.entries()) {
    const own = PARTS.reduce((sum, part) => sum + sizeOf(`${quarantinePath(path, number)}${part}`), 0);
    bytes += own;
    const tight = disk.free(dirname(path)) < wantedFree;
    if (index > 0 && (index >= MAX_KEPT || bytes > MAX_KEPT_BYTES || tight)) removeQuarantine(disk, path, number);
  }
}

/** The databases that were set aside and still lie there, oldest first. */
export function listSetAside(path: string): SetAside[] {
  return quarantinesOf(path).flatMap((number) => {
    const place = quarantinePath(path, number);
    const stats = statSync(place, { throwIfNoEntry: false });
    // Moving a file changes its inode, and nothing does so later.
    return stats === undefined
      ? []
      : [{ path: place, bytes: stats.size + sizeOf(`${place}-wal`), atMs: stats.ctimeMs }];
  });
}

export function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Whether an error says that the disk is full. */
export function isFull(error: unknown): boolean {
  return ['SQLITE_FULL', 'ENOSPC', 'EDQUOT', 'storage_full'].includes(errorCode(error));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Numbers of the quarantines kept, ascending. */
function quarantinesOf(path: string): number[] {
  const start = `${basename(path)}.damaged-`;
  const numbers = readdirSync(dirname(path)).flatMap((name) => {
    const found = name.startsWith(start) ? /^([1-9]\d{0,8})(?:-wal|-shm)?$/.exec(name.slice(start.length)) : null;
    return found === null ? [] : [Number(found[1])];
  });
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function removeQuarantine(disk: Disk, path: string, number: number): void {
  for (const part of PARTS) disk.remove(`${quarantinePath(path, number)}${part}`);
}

function intentPath(path: string): string {
  return join(dirname(path), `${basename(path)}.quarantine`);
}
