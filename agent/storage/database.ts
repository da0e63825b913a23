/** Opens the one SQLite file: its lock, its permissions, its pragmas, its shape. */
import { chmodSync, closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { AgentError } from '../errors.ts';
import { syncDirectory } from '../synced.ts';
import { foreign, migrate, stepsTaken } from './migrations.ts';
import { damaged } from './storage-error.ts';

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
/** How long a starting daemon waits for a stopping one to let go of the file. */
const LOCK_WAIT_MS = 500;

export interface OpenDatabase {
  database: BetterSqlite.Database;
  close(): void;
}

/**
 * Opens the database, made if missing (file 0600). Whoever calls holds the lock.
 * @throws AgentError `database_foreign` or `database_damaged`, and what SQLite and the file system throw.
 */
export function openFile(path: string): BetterSqlite.Database {
  // A log is left only by an owner that did not end in order.
  const left = statSync(`${path}-wal`, { throwIfNoEntry: false }) !== undefined;
  prepareFile(path);
  if (left) check(path);
  const database = new BetterSqlite(path);
  try {
    stepsTaken(database);
    configure(database);
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Makes a database that nobody uses before it is complete: a crash leaves a file to be made again. */
export function createFile(path: string): BetterSqlite.Database {
  closeSync(openSync(path, 'wx', 0o600));
  const database = new BetterSqlite(path);
  try {
    database.pragma('auto_vacuum = INCREMENTAL');
    database.pragma('journal_mode = MEMORY');
    database.pragma('synchronous = OFF');
    database.pragma('cache_size = -4096');
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Looks at every page, some ten milliseconds a megabyte: damage comes with a power cut more than at any other time. By a
 * connection that only reads, because one that writes would bring the log into a damaged file when it is closed.
 */
function check(path: string): void {
  const database = new BetterSqlite(path, { readonly: true });
  try {
    stepsTaken(database);
    const said = database.prepare<[], string>('PRAGMA quick_check(1)').pluck().get();
    if (said !== 'ok') throw damaged(said ?? 'no answer to a check');
  } finally {
    database.close();
  }
}

/** Bytes on the disk of a database and its log. */
export function databaseBytes(path: string): number {
  const size = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return size(path) + size(`${path}-wal`);
}

/**
 * The lock of the one owner, in a file beside the database so that other programs can still read that. The kernel lets
 * go of it when the process dies. Taken before the file itself is touched: closing a descriptor of that would drop the
 * locks SQLite holds in this process. Makes the directory (0700) where there is none.
 * @throws AgentError `database_in_use`, and what the file system throws.
 */
export function takeLock(database: string): BetterSqlite.Database {
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  const path = `${database}.lock`;
  closeSync(openSync(path, 'a', 0o600));
  const lock = new BetterSqlite(path, { timeout: LOCK_WAIT_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!(error instanceof BetterSqlite.SqliteError) || error.code !== 'SQLITE_BUSY') throw error;
    throw new AgentError(
      'database_in_use',
      `expected to be the only owner of ${database}, found another process that holds it`,
      'Stop the other daemon first.',
    );
  }
  return lock;
}

/** Makes the file durable and private, and refuses one that is no database before SQLite writes to it. */
function prepareFile(path: string): void {
  const file = openSync(path, 'a+', 0o600);
  try {
    chmodSync(path, 0o600);
    const head = Buffer.alloc(MAGIC.length);
    const found = readSync(file, head, 0, head.length, 0);
    if (found === 0) syncDirectory(dirname(path));
    if (found > 0 && !head.equals(MAGIC)) throw noDatabase(head);
  } finally {
    closeSync(file);
  }
}

/** What a file is that SQLite does not take for a database, by its first 16 bytes. */
export function noDatabase(head: Uint8Array): AgentError {
  if (MAGIC.equals(head)) return damaged('nothing sound behind its header');
  // Zeros where the header was are what a failing card leaves; anything else is somebody's file.
  return head.every((byte) => byte === 0)
    ? damaged('zeros in place of its header')
    : foreign('a file that is no database');
}

function configure(database: BetterSqlite.Database): void {
  // Must come before the first table.
  database.pragma('auto_vacuum = INCREMENTAL');
  database.pragma('journal_mode = WAL');
  // WAL falls back to NORMAL in this build, which loses acknowledged commits at a power cut.
  database.pragma('synchronous = FULL');
  database.pragma('wal_autocheckpoint = 1000');
  database.pragma('journal_size_limit = 4194304');
  // KiB. Rows are written once and read once: a large cache would only be memory.
  database.pragma('cache_size = -4096');
}
