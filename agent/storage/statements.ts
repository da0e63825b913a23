/** Every statement of the storage, prepared once. Columns are named, so that a newer release's extra ones do no harm. */
import type { Database } from 'better-sqlite3';
import type { Batch, HealthChange, HistoryRow, JournalBlob, Snapshot } from './storage.ts';

export type Statements = ReturnType<typeof prepareStatements>;

export function prepareStatements(database: Database) {
  const outboxQuery = (order: 'ASC' | 'DESC') =>
    database.prepare<[number, number, number], Batch>(
      `SELECT sequence, window_ordinal AS windowOrdinal, body FROM outbox
       WHERE sequence > ? AND sequence < ? ORDER BY sequence ${order} LIMIT ?`,
    );
  return {
    readMeta: database.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck(),
    writeMeta: database.prepare<[string, string]>(
      'INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value',
    ),

    lastJournal: database.prepare<[], Omit<JournalBlob, 'body'>>(
      `SELECT first_ordinal AS firstOrdinal, last_ordinal AS lastOrdinal FROM journal
       ORDER BY first_ordinal DESC LIMIT 1`,
    ),
    writeJournal: database.prepare<[number, number, Uint8Array]>(
      'INSERT OR REPLACE INTO journal(first_ordinal, last_ordinal, body) VALUES (?, ?, ?)',
    ),
    readJournal: database.prepare<[number], JournalBlob>(
      `SELECT first_ordinal AS firstOrdinal, last_ordinal AS lastOrdinal, body FROM journal
       WHERE last_ordinal > ? ORDER BY first_ordinal`,
    ),
    trimJournal: database.prepare<[number]>('DELETE FROM journal WHERE last_ordinal <= ?'),
    countJournal: database.prepare<[], number>('SELECT COUNT(*) FROM journal').pluck(),

    readSnapshot: database.prepare<[], Snapshot>('SELECT version, ordinal, body FROM snapshot WHERE id = 1'),
    writeSnapshot: database.prepare<[number, number, Uint8Array]>(
      'INSERT OR REPLACE INTO snapshot(id, version, ordinal, body) VALUES (1, ?, ?, ?)',
    ),

    sealedThrough: database.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").pluck(),
    seal: database.prepare<[number, number, Uint8Array, number | null]>(
      'INSERT INTO outbox(sequence, window_ordinal, body, sealed_ms) VALUES (?, ?, ?, ?)',
    ),
    readOutbox: outboxQuery('ASC'),
    readOutboxNewest: outboxQuery('DESC'),
    oldestHeld: database.prepare<[], { sequence: number; sealedMs: number | null }>(
      'SELECT sequence, sealed_ms AS sealedMs FROM outbox ORDER BY sequence LIMIT 1',
    ),
    heldTotals: database.prepare<[], { count: number; bytes: number }>(
      'SELECT COUNT(*) AS count, COALESCE(SUM(LENGTH(body)), 0) AS bytes FROM outbox',
    ),
    /** Gives the body's length, or nothing where the sequence is not held. */
    release: database.prepare<[number], number>('DELETE FROM outbox WHERE sequence = ? RETURNING LENGTH(body)').pluck(),

    bury: database.prepare<[string, string, number]>(
      `INSERT OR REPLACE INTO dead_letter(sequence, code, message, body)
       SELECT sequence, ?, ?, body FROM outbox WHERE sequence = ?`,
    ),
    countDeadLetters: database.prepare<[], number>('SELECT COUNT(*) FROM dead_letter').pluck(),

    writeHistory: database.prepare<[string, string, number, number, number, number, string]>(
      `INSERT OR REPLACE INTO history(kind, place, window, rev, start_ms, end_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    /** The row with the highest rev stands for its group: SQLite takes bare columns from the row that has the MAX. */
    readHistory: database.prepare<[number, number, string | null, string | null], HistoryRow>(
      `SELECT kind, place, window, MAX(rev) AS rev, start_ms AS startMs, end_ms AS endMs, body FROM history
       WHERE start_ms >= ? AND start_ms < ? AND (? IS NULL OR kind = ?)
       GROUP BY kind, place, window ORDER BY start_ms, kind, place, window`,
    ),
    trimHistory: database.prepare<[number, number, number]>(
      `DELETE FROM history WHERE rowid IN
       (SELECT rowid FROM history WHERE start_ms < ? AND end_ms < ? ORDER BY start_ms LIMIT ?)`,
    ),

    beginHealth: database.prepare<[string, string, number, string]>(
      'INSERT OR IGNORE INTO health_open(code, subject, at_ms, message) VALUES (?, ?, ?, ?)',
    ),
    endHealth: database.prepare<[string, string]>('DELETE FROM health_open WHERE code = ? AND subject = ?'),
    openHealth: database.prepare<[], HealthChange>(
      `SELECT at_ms AS atMs, code, subject, 'began' AS change, message FROM health_open ORDER BY at_ms, code, subject`,
    ),
    writeHealth: database.prepare<[number, string, string, string, string]>(
      'INSERT INTO health(at_ms, code, subject, change, message) VALUES (?, ?, ?, ?, ?)',
    ),
    readHealth: database.prepare<[number], HealthChange>(
      'SELECT at_ms AS atMs, code, subject, change, message FROM health ORDER BY id DESC LIMIT ?',
    ),
    /** Ids have no gaps, so counting is not needed. */
    trimHealth: database.prepare<[number]>('DELETE FROM health WHERE id <= (SELECT MAX(id) FROM health) - ?'),
  };
}
