/** Opens the one SQLite file: its lock, its permissions, its pragmas, its shape. */
import { chmodSync, closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { AgentError } from '../errors.ts';
import { syncDirectory } from '../synced.ts';
import { foreign, migrate, stepsTaken } from './migrations.ts';
import { damaged, storageError } from './storage-error.ts';

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
/** How long a starting daemon waits for a stopping one to let go of the file. */
const LOCK_WAIT_MS = 500;

export interface OpenDatabase {
  database: BetterSqlite.Database;
  close(): void;
}

/**
 * Opens the database, made if missing (file 0600, its directory 0700).
 * @throws AgentError `database_in_use`, `database_foreign`, `database_damaged`, `storage_full` or `storage_failed`.
 */
export function openDatabase(path: string): OpenDatabase {
  let lock: BetterSqlite.Database | undefined;
  let database: BetterSqlite.Database | undefined;
  const close = (): void => {
    database?.close();
    lock?.close();
  };
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Before the file itself is touched: closing a descriptor of it would drop the locks SQLite holds in this process.
    lock = takeLock(`${path}.lock`);
    prepareFile(path);
    database = new BetterSqlite(path);
    stepsTaken(database);
    configure(database);
    migrate(database);
    return { database, close };
  } catch (error) {
    close();
    throw storageError(error);
  }
}

/** Bytes on the disk of a database and its log. */
export function databaseBytes(path: string): number {
  const size = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return size(path) + size(`${path}-wal`);
}

/**
 * The lock of the one owner, in a file beside the database so that other programs can still read that. The kernel lets
 * go of it when the process dies.
 */
function takeLock(path: string): BetterSqlite.Database {
  closeSync(openSync(path, 'a', 0o600));
  const lock = new BetterSqlite(path, { timeout: LOCK_WAIT_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!(error instanceof BetterSqlite.SqliteError) || error.code !== 'SQLITE_BUSY') throw error;
    throw new AgentError(
      'database_in_use',
      `expected to be the only owner of ${path.slice(0, -'.lock'.length)}, found another process that holds it`,
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
