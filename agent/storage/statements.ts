/** Every statement of the storage, prepared once. Columns are named, so that a newer release's extra ones do no harm. */
import type { Database } from 'better-sqlite3';
import type { DeadLetter, Gap, HealthChange, HeldBatch, HistoryRow, JournalBlob, Snapshot } from './storage.ts';

/** `kind` of a batch. */
export const WINDOW = 0;
export const GAP_RECORD = 1;

/** A row with a body whose digest was written down, but for those of older releases. */
export interface StoredBatch extends HeldBatch {
  kind: number;
  digest: Uint8Array | null;
}

/** What is left of a batch that was let go. */
export interface Released {
  epoch: string;
  sequence: number;
  kind: number;
  bytes: number;
}

const EPOCH = "COALESCE(epoch, (SELECT value FROM meta WHERE key = 'epoch')) AS epoch";

export type Statements = ReturnType<typeof prepareStatements>;

export function prepareStatements(database: Database) {
  const outboxQuery = (order: 'ASC' | 'DESC') =>
    database.prepare<[number, number, number], StoredBatch>(
      `SELECT ${EPOCH}, sequence, window_ordinal AS windowOrdinal, body, kind, digest FROM outbox
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

    readSnapshot: database.prepare<[], Snapshot & { checksum: number | null }>(
      'SELECT version, ordinal, body, checksum FROM snapshot WHERE id = 1',
    ),
    writeSnapshot: database.prepare<[number, number, Uint8Array, number]>(
      'INSERT OR REPLACE INTO snapshot(id, version, ordinal, body, checksum) VALUES (1, ?, ?, ?, ?)',
    ),

    sealedThrough: database.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").pluck(),
    seal: database.prepare<[number, number, Uint8Array, number | null, number, Uint8Array]>(
      'INSERT INTO outbox(sequence, window_ordinal, body, sealed_ms, kind, digest) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    readOutbox: outboxQuery('ASC'),
    readOutboxNewest: outboxQuery('DESC'),
    oldestHeld: database.prepare<[], { sequence: number; sealedMs: number | null }>(
      'SELECT sequence, sealed_ms AS sealedMs FROM outbox ORDER BY sequence LIMIT 1',
    ),
    /** Of the database's own epoch, behind a sequence. */
    oldestOwn: database
      .prepare<[number], number>(
        'SELECT sequence FROM outbox WHERE sequence > ? AND epoch IS NULL ORDER BY sequence LIMIT 1',
      )
      .pluck(),
    /** Of one epoch, up to a sequence. */
    oldestOf: database
      .prepare<[number, string], number>(
        'SELECT sequence FROM outbox WHERE sequence <= ? AND epoch = ? ORDER BY sequence LIMIT 1',
      )
      .pluck(),
    oldestWindows: database.prepare<[number], { sequence: number; windowOrdinal: number }>(
      `SELECT sequence, window_ordinal AS windowOrdinal FROM outbox WHERE kind = ${WINDOW} ORDER BY sequence LIMIT ?`,
    ),
    countWindows: database.prepare<[], number>(`SELECT COUNT(*) FROM outbox WHERE kind = ${WINDOW}`).pluck(),
    heldTotals: database.prepare<[], { count: number; bytes: number }>(
      'SELECT COUNT(*) AS count, COALESCE(SUM(LENGTH(body)), 0) AS bytes FROM outbox',
    ),
    /** Gives nothing where the sequence is not held. */
    release: database.prepare<[number], Released>(
      `DELETE FROM outbox WHERE sequence = ? RETURNING ${EPOCH}, sequence, kind, LENGTH(body) AS bytes`,
    ),
    /** Gives the rows whose epoch is the database's a name of their own, before that changes. */
    nameHeldEpoch: database.prepare<[string]>('UPDATE outbox SET epoch = ? WHERE epoch IS NULL'),
    nameDeadEpoch: database.prepare<[string]>('UPDATE dead_letter SET epoch = ? WHERE epoch IS NULL'),

    newestSealedMs: database
      .prepare<[], number | null>('SELECT sealed_ms FROM outbox ORDER BY sequence DESC LIMIT 1')
      .pluck(),
    bury: database.prepare<[string, string, number | null, number]>(
      `INSERT OR REPLACE INTO dead_letter
         (sequence, code, message, at_ms, window_ordinal, body, sealed_ms, epoch, kind, digest)
       SELECT sequence, ?, ?, ?, window_ordinal, body, sealed_ms, epoch, kind, digest FROM outbox WHERE sequence = ?`,
    ),
    unbury: database.prepare<[number]>(
      `INSERT INTO outbox(sequence, window_ordinal, body, sealed_ms, epoch, kind, digest)
       SELECT sequence, window_ordinal, body, sealed_ms, epoch, kind, digest FROM dead_letter WHERE sequence = ?`,
    ),
    /** Gives nothing where the sequence is not among them. */
    releaseDead: database.prepare<[number], Released & { code: string }>(
      `DELETE FROM dead_letter WHERE sequence = ? RETURNING ${EPOCH}, sequence, kind, LENGTH(body) AS bytes, code`,
    ),
    readDead: database.prepare<[number, number], DeadLetter>(
      `SELECT ${EPOCH}, sequence, window_ordinal AS windowOrdinal, code, message, at_ms AS atMs, LENGTH(body) AS bytes
       FROM dead_letter WHERE sequence > ? ORDER BY sequence LIMIT ?`,
    ),
    readDeadBody: database.prepare<[number], StoredBatch & { code: string }>(
      `SELECT ${EPOCH}, sequence, window_ordinal AS windowOrdinal, body, kind, digest, code
       FROM dead_letter WHERE sequence = ?`,
    ),
    countDeadLetters: database.prepare<[], number>('SELECT COUNT(*) FROM dead_letter').pluck(),
    deadBytes: database.prepare<[], number>('SELECT COALESCE(SUM(LENGTH(body)), 0) FROM dead_letter').pluck(),
    oldestDeadWindows: database.prepare<[], { sequence: number; bytes: number }>(
      `SELECT sequence, LENGTH(body) AS bytes FROM dead_letter WHERE kind = ${WINDOW} ORDER BY sequence`,
    ),

    readGaps: database.prepare<[], Gap>(
      `SELECT id, epoch, from_sequence AS fromSequence, to_sequence AS toSequence, reason, told_in AS toldIn
       FROM gap ORDER BY id`,
    ),
    untoldGaps: database.prepare<[], { reason: string; sequences: number }>(
      'SELECT reason, SUM(to_sequence - from_sequence + 1) AS sequences FROM gap GROUP BY reason ORDER BY reason',
    ),
    writeGap: database.prepare<[string, number, number, string, number | null]>(
      'INSERT INTO gap(epoch, from_sequence, to_sequence, reason, told_in) VALUES (?, ?, ?, ?, ?)',
    ),
    deleteGap: database.prepare<[number]>('DELETE FROM gap WHERE id = ?'),
    /** Its record was acknowledged. */
    settleGaps: database.prepare<[number]>('DELETE FROM gap WHERE told_in = ?'),
    /** The records of these were deleted by an older release, which knows no gaps. */
    untellLost: database.prepare<[]>(
      `UPDATE gap SET told_in = NULL WHERE told_in NOT IN (SELECT sequence FROM outbox)
       AND told_in NOT IN (SELECT sequence FROM dead_letter)`,
    ),
    /** Its record is gone without having been acknowledged. */
    untellGaps: database.prepare<[number]>('UPDATE gap SET told_in = NULL WHERE told_in = ?'),

    writeHistory: database.prepare<[string, string, number, number, number, number, string]>(
      `INSERT OR REPLACE INTO history(kind, place, window, rev, start_ms, end_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    /** The row with the highest rev stands for its group: SQLite takes bare columns from the row that has the MAX. */
    readHistory: database.prepare<[number, number, string | null, string | null], HistoryRow>(
      `SELECT kind, place, window, MAX(rev) AS rev, start_ms AS startMs, end_ms AS endMs, body FROM history
       WHERE start_ms >= ? AND start_ms < ? AND (? IS NULL OR kind = ?)
       GROUP BY kind, place, window ORDER BY start_ms, kind, place, window`,
    ),
    /** The kind and place behind this one, in their order. */
    nextHistory: database.prepare<[string, string], { kind: string; place: string }>(
      'SELECT kind, place FROM history WHERE (kind, place) > (?, ?) ORDER BY kind, place LIMIT 1',
    ),
    trimHistory: database.prepare<[string, string, number, number]>(
      `DELETE FROM history WHERE rowid IN
       (SELECT rowid FROM history WHERE kind = ? AND place = ? AND window < ? ORDER BY window LIMIT ?)`,
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
