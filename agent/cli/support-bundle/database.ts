/**
 * Sizes and counts of the database, and the history of health, read beside a living daemon or without one. Never the
 * database itself: its journal holds hashes of devices.
 */
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

export interface DatabaseStatistics {
  /** Sizes of the files, bytes; null where there is no such file. */
  files: { database: number; wal: number | null; shm: number | null };
  page_bytes: number;
  pages: number;
  free_pages: number;
  journal_mode: string;
  schema_version: number;
  /** Rows by table. */
  rows: Record<string, number>;
  /** Sequences that are gone and whose gap record is not acknowledged, by reason; empty in a database without gaps. */
  gaps: { reason: string; ranges: number; sequences: number; not_sealed: number }[];
  /** Batches rejected or found damaged, by code. */
  dead_letters: { code: string; batches: number; bytes: number }[];
}

/** A change of health, as `GET /health` tells it. */
export interface HealthRow {
  at_ms: number;
  code: string;
  subject: string;
  change: string;
  message: string;
}

type Gaps = DatabaseStatistics['gaps'][number];
type DeadLetters = DatabaseStatistics['dead_letters'][number];

const GAPS = `SELECT reason, COUNT(*) AS ranges, SUM(to_sequence - from_sequence + 1) AS sequences,
  COUNT(*) - COUNT(told_in) AS not_sealed FROM gap GROUP BY reason ORDER BY reason`;
const DEAD_LETTERS = `SELECT code, COUNT(*) AS batches, SUM(LENGTH(body)) AS bytes FROM dead_letter
  GROUP BY code ORDER BY code`;

/** Throws what SQLite throws, and ENOENT for a database that is not there. */
export function databaseStatistics(path: string): DatabaseStatistics {
  const database = statSync(path).size;
  return reading(path, (db) => {
    const number = (sql: string) => Number(Object.values(db.prepare(sql).get() ?? {})[0]);
    const tables = db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all()
      .map(({ name }) => String(name));
    return {
      files: { database, wal: sizeOf(`${path}-wal`), shm: sizeOf(`${path}-shm`) },
      page_bytes: number('PRAGMA page_size'),
      pages: number('PRAGMA page_count'),
      free_pages: number('PRAGMA freelist_count'),
      journal_mode: String(Object.values(db.prepare('PRAGMA journal_mode').get() ?? {})[0]),
      schema_version: number('PRAGMA user_version'),
      rows: Object.fromEntries(
        tables.map((table) => [table, number(`SELECT COUNT(*) FROM "${table.replaceAll('"', '""')}"`)]),
      ),
      gaps: tables.includes('gap')
        ? db
            .prepare(GAPS)
            .all()
            .map((row) => ({ ...row }) as Gaps)
        : [],
      dead_letters: tables.includes('dead_letter')
        ? db
            .prepare(DEAD_LETTERS)
            .all()
            .map((row) => ({ ...row }) as DeadLetters)
        : [],
    };
  });
}

/** The newest changes, newest first; empty for a database of a release that kept none. */
export function healthIn(path: string, limit: number): HealthRow[] {
  statSync(path);
  return reading(path, (db) => {
    const known = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'health'").get();
    if (known === undefined) return [];
    const sql = 'SELECT at_ms, code, subject, change, message FROM health ORDER BY id DESC LIMIT ?';
    return db
      .prepare(sql)
      .all(limit)
      .map((row) => ({ ...row }) as unknown as HealthRow);
  });
}

/** A database without a log is read as immutable (https://www.sqlite.org/uri.html), so that no files are made beside it. */
function reading<T>(path: string, work: (db: DatabaseSync) => T): T {
  const quiet = !existsSync(`${path}-wal`);
  const db = new DatabaseSync(quiet ? `${pathToFileURL(path).href}?immutable=1` : path, { readOnly: true });
  try {
    db.exec('PRAGMA busy_timeout = 5000; BEGIN');
    return work(db);
  } finally {
    db.close();
  }
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}
