/** What a database holds and whether it is sound, for commands that run while no daemon does. Writes nothing. */
import { databaseBytes } from './database.ts';
import { isSound } from './outbox.ts';
import { readPace } from './pace.ts';
import { type Reading, readDatabase } from './read-only.ts';
import type { DeadLetter, HealthChange, HeldBatch, Opened, OutboxState } from './storage.ts';

/** What a database of any release holds; what that release did not write down yet is null or empty. */
export interface Inspection {
  /** Of the database and its log. */
  bytes: number;
  epoch: string | null;
  previous: Opened['previous'];
  /** The last status document (JSON) that was kept. */
  status: string | null;
  outbox: OutboxState;
  /** What began and has not ended. */
  openHealth: HealthChange[];
  /** The newest changes, newest first. */
  health: HealthChange[];
}

/**
 * Reads a database of this release, an older or a newer one, whether a daemon is running on it, has ended or was killed.
 * @throws AgentError `database_missing`, `database_denied`, `database_foreign`, `database_damaged` or `storage_failed`.
 */
export function inspectDatabase(path: string, options: { healthLimit?: number } = {}): Inspection {
  return readDatabase(path, (reading) => {
    const reader = new Reader(reading);
    const epoch = reader.meta('previous_epoch');
    return {
      bytes: databaseBytes(path),
      epoch: reader.meta('epoch') ?? null,
      previous:
        epoch === undefined
          ? null
          : { epoch, lastSequence: Number(reader.meta('previous_last_sequence') ?? 0), end: null },
      status: reader.meta('last_status') ?? null,
      outbox: outboxOf(reader),
      openHealth: reader.rows<HealthChange>(
        'health_open',
        ['at_ms', 'code', 'subject', 'message'],
        `SELECT at_ms AS atMs, code, subject, 'began' AS change, message FROM health_open ORDER BY at_ms, code, subject`,
      ),
      health: reader.rows<HealthChange>(
        'health',
        ['id', 'at_ms', 'code', 'subject', 'change', 'message'],
        'SELECT at_ms AS atMs, code, subject, change, message FROM health ORDER BY id DESC LIMIT ?',
        options.healthLimit ?? 100,
      ),
    };
  });
}

/** The dead letters of a database, oldest sequence first. @throws AgentError as `inspectDatabase`. */
export function inspectDeadLetters(path: string): DeadLetter[] {
  return readDatabase(path, (reading) => {
    const reader = new Reader(reading);
    const own = reader.meta('epoch') ?? '';
    const told = reader.rows<DeadLetter>(
      'dead_letter',
      ['epoch', 'window_ordinal', 'at_ms'],
      `SELECT COALESCE(epoch, ?) AS epoch, sequence, window_ordinal AS windowOrdinal, code, message, at_ms AS atMs,
         LENGTH(body) AS bytes FROM dead_letter ORDER BY sequence`,
      own,
    );
    if (told.length > 0) return told;
    return reader.rows<DeadLetter>(
      'dead_letter',
      ['sequence', 'code', 'message', 'body'],
      `SELECT ? AS epoch, sequence, 0 AS windowOrdinal, code, message, NULL AS atMs, LENGTH(body) AS bytes
       FROM dead_letter ORDER BY sequence`,
      own,
    );
  });
}

/** The bytes of one, as they were sealed; null where there is none, or they are damaged. @throws AgentError as `inspectDatabase`. */
export function inspectDeadBody(path: string, sequence: number): HeldBatch | null {
  return readDatabase(path, (reading) => {
    const reader = new Reader(reading);
    const [found] = reader.rows<HeldBatch & { digest: Uint8Array | null }>(
      'dead_letter',
      ['epoch', 'window_ordinal', 'digest'],
      `SELECT COALESCE(epoch, ?) AS epoch, sequence, window_ordinal AS windowOrdinal, body, digest FROM dead_letter
       WHERE sequence = ?`,
      reader.meta('epoch') ?? '',
      sequence,
    );
    if (found === undefined || !isSound(found)) return null;
    const { digest: _, ...held } = found;
    return held;
  });
}

/**
 * What SQLite finds wrong with the file, at most a hundred problems; empty where it is sound. `deep` compares indexes
 * with their tables too, which takes several times as long. Blocks: some ten milliseconds a megabyte on a slow card.
 * @throws AgentError as `inspectDatabase`; `database_damaged` where the damage keeps SQLite from looking at all.
 */
export function checkDatabase(path: string, { deep }: { deep: boolean }): string[] {
  return readDatabase(path, (reading) => {
    const pragma = deep ? 'integrity_check' : 'quick_check';
    const said = reading.all<Record<string, string>>(`PRAGMA ${pragma}(100)`);
    const lines = said.flatMap((row) => Object.values(row).flatMap((text) => text.split('\n')));
    return lines.filter((line) => line !== 'ok' && !line.startsWith('*** in database'));
  });
}

function outboxOf(reader: Reader): OutboxState {
  const totals = reader.rows<{ held: number; heldBytes: number; oldestSequence: number | null }>(
    'outbox',
    ['sequence', 'body'],
    `SELECT COUNT(*) AS held, COALESCE(SUM(LENGTH(body)), 0) AS heldBytes, MIN(sequence) AS oldestSequence FROM outbox`,
  )[0] ?? { held: 0, heldBytes: 0, oldestSequence: null };
  const sealed = reader.rows<{ at: number | null }>(
    'outbox',
    ['sequence', 'sealed_ms'],
    'SELECT sealed_ms AS at FROM outbox ORDER BY sequence LIMIT 1',
  );
  const through = reader.rows<{ seq: number }>(
    'sqlite_sequence',
    ['name', 'seq'],
    "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'",
  );
  const dead = reader.rows<{ count: number }>('dead_letter', [], 'SELECT COUNT(*) AS count FROM dead_letter');
  const previousLast = Number(reader.meta('previous_last_sequence') ?? 0);
  const ofEpoch = reader.rows<{ oldest: number | null }>(
    'outbox',
    ['sequence', 'epoch'],
    'SELECT MIN(sequence) AS oldest FROM outbox WHERE sequence > ? AND epoch IS NULL',
    previousLast,
  );
  const ofPrevious = reader.rows<{ oldest: number | null }>(
    'outbox',
    ['sequence', 'epoch'],
    'SELECT MIN(sequence) AS oldest FROM outbox WHERE sequence <= ? AND epoch = ?',
    previousLast,
    reader.meta('previous_epoch') ?? '',
  );
  const untold = reader.rows<{ reason: string; sequences: number }>(
    'gap',
    ['from_sequence', 'to_sequence', 'reason'],
    'SELECT reason, SUM(to_sequence - from_sequence + 1) AS sequences FROM gap GROUP BY reason ORDER BY reason',
  );
  return {
    ...totals,
    oldestOfEpoch: ofEpoch[0]?.oldest ?? null,
    oldestOfPrevious: ofPrevious[0]?.oldest ?? null,
    dropped: Number(reader.meta('dropped') ?? 0),
    untold: Object.fromEntries(untold.map(({ reason, sequences }) => [reason, sequences])),
    oldestSealedMs: sealed[0]?.at ?? null,
    bytesPerWindow: readPace(reader.meta('pace'))?.mean ?? null,
    sealedThrough: through[0]?.seq ?? 0,
    deadLetters: dead[0]?.count ?? 0,
  };
}

/** Reads tables that may lack, or have more than, what this release knows. */
class Reader {
  readonly #reading: Reading;
  readonly #columns = new Map<string, Set<string>>();

  constructor(reading: Reading) {
    this.#reading = reading;
    const all = reading.all<{ table: string; column: string }>(
      `SELECT s.name AS "table", c.name AS "column" FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
       WHERE s.type = 'table'`,
    );
    for (const { table, column } of all) {
      const columns = this.#columns.get(table) ?? new Set();
      this.#columns.set(table, columns.add(column));
    }
  }

  /** The rows, or none where the table or one of the columns is not there. */
  rows<Row>(table: string, columns: string[], sql: string, ...parameters: (string | number)[]): Row[] {
    const there = this.#columns.get(table);
    if (there === undefined || columns.some((column) => !there.has(column))) return [];
    return this.#reading.all<Row>(sql, ...parameters);
  }

  meta(key: string): string | undefined {
    const sql = 'SELECT value FROM meta WHERE key = ?';
    return this.rows<{ value: string }>('meta', ['key', 'value'], sql, key)[0]?.value;
  }
}
