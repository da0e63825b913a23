/**
 * Reads a database that is not ours to write: beside a living daemon, after an orderly end, or after a kill that left a
 * write-ahead log behind.
 *
 * A connection, even a read-only one, makes `-wal` and `-shm` where there are none and cannot remove them again. So a
 * database without a log is read as immutable (https://www.sqlite.org/uri.html), which makes nothing and asks for no
 * right to write; a daemon that started meanwhile shows in the files, and then it is read again in the usual way. Only
 * where a log without its `-shm` was left does reading add a file: the `-shm`, which the next owner takes over. Under
 * root SQLite gives it the owner of the database.
 */
import { accessSync, closeSync, constants, openSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import BetterSqlite from 'better-sqlite3';
import { AgentError } from '../errors.ts';
import { noDatabase } from './database.ts';
import { foreign, stepsRead } from './migrations.ts';
import { errorCode, storageError } from './storage-error.ts';

/** Result codes (https://www.sqlite.org/rescode.html) that say what is wrong with a file. */
const CODES: Record<number, string> = {
  3: 'SQLITE_PERM',
  8: 'SQLITE_READONLY',
  11: 'SQLITE_CORRUPT',
  14: 'SQLITE_CANTOPEN',
  26: 'SQLITE_NOTADB',
};

export interface Reading {
  all<Row>(sql: string, ...parameters: (string | number)[]): Row[];
}

/**
 * Gives what `work` reads, in one transaction.
 * @throws AgentError `database_missing`, `database_denied`, `database_foreign`, `database_damaged` or `storage_failed`.
 */
export function readDatabase<T>(path: string, work: (reading: Reading) => T): T {
  const before = statOf(path);
  try {
    if (!exists(`${path}-wal`)) {
      const result = attempt(() => immutable(path, work));
      if (!exists(`${path}-wal`) && sameFile(before, statOf(path))) return result();
    }
    return connected(path, work);
  } catch (error) {
    throw inWords(path, error);
  }
}

function connected<T>(path: string, work: (reading: Reading) => T): T {
  const database = new BetterSqlite(path, { readonly: true, fileMustExist: true });
  try {
    database.exec('BEGIN');
    return recognised(
      { all: <Row>(sql: string, ...values: unknown[]) => database.prepare<unknown[], Row>(sql).all(...values) },
      work,
    );
  } finally {
    database.close();
  }
}

/**
 * By Node's own SQLite: better-sqlite3 is built without URIs. Only for a database without a log, so that the two
 * libraries never hold locks of one file in one process, where each would drop the other's.
 */
function immutable<T>(path: string, work: (reading: Reading) => T): T {
  try {
    const database = new DatabaseSync(`${pathToFileURL(path).href}?immutable=1`, { readOnly: true });
    try {
      database.exec('BEGIN');
      return recognised(
        {
          all: <Row>(sql: string, ...values: (string | number)[]) =>
            database
              .prepare(sql)
              .all(...values)
              .map((row) => ({ ...row }) as Row),
        },
        work,
      );
    } finally {
      database.close();
    }
  } catch (error) {
    if (!(error instanceof Error && 'errcode' in error)) throw error;
    const code = CODES[Number(error.errcode) & 0xff] ?? 'SQLITE_ERROR';
    throw new BetterSqlite.SqliteError(error.message, code);
  }
}

function recognised<T>(reading: Reading, work: (reading: Reading) => T): T {
  stepsRead((sql) => Object.values(reading.all<object>(sql)[0] ?? {})[0]);
  return work(reading);
}

/** Keeps the outcome, so that an error from a file that changed meanwhile is not taken for the truth. */
function attempt<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function sameFile(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.size === other.size && one.mtimeMs === other.mtimeMs;
}

/** Looks without opening: closing a descriptor of ours would drop the locks SQLite holds in this process. */
function statOf(path: string): Stats {
  try {
    accessSync(path, constants.R_OK);
    const stats = statSync(path);
    if (stats.isFile()) return stats;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new AgentError(
        'database_missing',
        `expected a database at ${path}, found none`,
        'It is made when the daemon first runs; otherwise compare "directory" under "storage" in the settings.',
        { cause: error },
      );
    }
    if (code === 'EACCES' || code === 'EPERM') throw denied(path, error);
    throw storageError(error);
  }
  throw foreign('something else than a file');
}

function inWords(path: string, error: unknown): AgentError {
  const code = errorCode(error);
  // The log beside the database needs a `-shm`, which this user or this file system does not let SQLite make.
  if (/^SQLITE_(CANTOPEN|READONLY|PERM)/.test(code)) return denied(path, error);
  return code === 'SQLITE_NOTADB' ? noDatabase(headOf(path)) : storageError(error);
}

function headOf(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(16);
    return head.subarray(0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}

function denied(path: string, cause: unknown): AgentError {
  const owner = ownerOf(path);
  return new AgentError(
    'database_denied',
    `expected to read ${path}, found that this user may not${owner === null ? '' : `: it belongs to ${owner}`}`,
    process.getuid?.() === 0 ? 'see whether the file system is mounted read-only' : 'run the same command with sudo',
    { cause },
  );
}

/** The user that the file, or the nearest folder above it that can be seen, belongs to. */
function ownerOf(path: string): string | null {
  try {
    const { uid } = statSync(path);
    const entry = readFileSync('/etc/passwd', 'utf8').match(new RegExp(`^([^:]+):[^:]*:${uid}:`, 'm'));
    return entry === null ? `user number ${uid}` : `the user ${entry[1]}`;
  } catch {
    return dirname(path) === path ? null : ownerOf(dirname(path));
  }
}
