/** The embedded database: one file, written by one collector. */
import Database from 'better-sqlite3';
import type { StateMessage } from '../contract/messages.ts';
import { sourceOf } from '../contract/topics.ts';
import { AgentError, reasonOf } from '../errors.ts';
import type { CheckedBatch, RefusedMessage, Sender } from './intake.ts';
import { epochsOf } from './ledger.ts';
import { ADDED_COLUMNS, SCHEMA } from './sqlite-schema.ts';
import { type Arrival, CONFLICT, type CollectorStore, type Outcome, REFUSALS_KEPT, recordConflict } from './store.ts';

/** Opens a collector's database. @throws AgentError `collector_database` */
export function openDatabase(path: string, readonly: boolean): Database.Database {
  try {
    const database = new Database(path, { readonly, fileMustExist: readonly });
    if (readonly) {
      // Compiles only against a collector's tables.
      database.prepare('SELECT first_sequence, first FROM epochs, told');
      return database;
    }
    // Of a new file: a batch and its records are 10 KB, and in pages of the usual 4 KB a commit costs a third more.
    database.pragma('page_size = 16384');
    database.pragma('journal_mode = WAL');
    // better-sqlite3 falls back to NORMAL in WAL mode, which forgets acknowledged commits in a power cut.
    database.pragma('synchronous = FULL');
    database.exec(SCHEMA);
    for (const { table, column, type } of ADDED_COLUMNS) {
      const has = database.pragma(`table_info(${table})`) as { name: string }[];
      if (has.every(({ name }) => name !== column)) database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
    }
    return database;
  } catch (error) {
    throw new AgentError(
      'collector_database',
      `expected a collector's database at ${path}, but it cannot be opened: ${reasonOf(error)}`,
      readonly
        ? 'Name the file that `footfall collect --database` writes.'
        : 'Choose a file in a folder that can be written to.',
      { cause: error },
    );
  }
}

export class SqliteStore implements CollectorStore {
  readonly trouble = null;
  readonly #database: Database.Database;
  readonly #statements: Statements;
  readonly #digest: Database.Statement<unknown[], { digest: Buffer }>;
  readonly #recordBody: Database.Statement<unknown[], { body: string }>;

  /** @throws AgentError `collector_database` */
  constructor(path: string) {
    const database = openDatabase(path, false);
    const statements = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#database = database;
    this.#statements = Object.fromEntries(statements) as Statements;
    this.#digest = database.prepare('SELECT digest FROM batches WHERE source = ? AND sequence = ?');
    this.#recordBody = database.prepare(
      `SELECT body FROM records WHERE epoch = ? AND window = ? AND store = ? AND place = ? AND kind = ? AND rev = ?
       AND tenant = ? AND gateway = ?`,
    );
  }

  async commit(arrivals: readonly Arrival[], receivedMs: number): Promise<Outcome[]> {
    return this.#database.transaction(() => {
      const outcomes = arrivals.map((arrival) => this.#take(arrival, receivedMs));
      this.#noteSenders(arrivals, receivedMs);
      return outcomes;
    })();
  }

  async usable(): Promise<void> {}

  async close(): Promise<void> {
    this.#database.close();
  }

  #take(arrival: Arrival, receivedMs: number): Outcome {
    if (arrival.kind === 'batch') return { became: this.#addBatch(arrival.batch, receivedMs) };
    if (arrival.kind === 'state') this.#addState(arrival.from, arrival.state, receivedMs);
    else this.#addRefusal(arrival.refused, receivedMs);
    return { became: 'noted' };
  }

  #addBatch(batch: CheckedBatch, receivedMs: number): 'stored' | 'duplicate' | 'conflict' {
    const { tenant, gateway, source, epoch, sequence, digest, body } = batch;
    const refuse = (code: RefusedMessage['code'], message: string) =>
      this.#addRefusal({ tenant, gateway, address: { epoch, sequence }, code, message }, receivedMs);
    const { batch: insert, record: insertRecord } = this.#statements;
    if (insert.run(source, sequence, batch.window, digest, receivedMs, body).changes === 0) {
      if (this.#digest.get(source, sequence)?.digest.equals(digest)) return 'duplicate';
      refuse('conflict', CONFLICT);
      return 'conflict';
    }
    for (const { window, store, place, kind, rev, startMs, body: text } of batch.records) {
      const { changes } = insertRecord.run(epoch, window, store, place, kind, rev, tenant, gateway, startMs, text);
      if (changes > 0) continue;
      const stored = this.#recordBody.get(epoch, window, store, place, kind, rev, tenant, gateway);
      if (stored?.body === text) continue;
      refuse('record_conflict', recordConflict({ kind, window, rev }));
    }
    for (const { epoch: of, from_seq: first, to_seq: last, reason } of batch.told) {
      const other = sourceOf(tenant, gateway, of);
      this.#run('epoch', other, tenant, gateway, of, null, 0, 0);
      this.#run('told', other, reason, first, last);
    }
    return 'stored';
  }

  /** What a commit says of gateways and their epochs, once for each of them: a backlog is hundreds of batches of one. */
  #noteSenders(arrivals: readonly Arrival[], receivedMs: number): void {
    const newest = new Map<string, CheckedBatch>();
    for (const arrival of arrivals) {
      if (arrival.kind !== 'batch') continue;
      const { batch } = arrival;
      if (batch.sequence > (newest.get(batch.source)?.sequence ?? 0)) newest.set(batch.source, batch);
    }
    for (const { source, tenant, gateway, epoch, sequence, timeZone } of newest.values()) {
      this.#run('gateway', tenant, gateway, receivedMs, timeZone);
      this.#run('epoch', source, tenant, gateway, epoch, null, sequence, 0);
    }
  }

  #run(name: keyof typeof STATEMENTS, ...values: unknown[]): void {
    this.#statements[name].run(...values);
  }

  /** A will whose birth is not the last one heard ends a connection that is past. */
  #addState({ tenant, gateway }: Sender, state: StateMessage, receivedMs: number): void {
    for (const { epoch, first, sealedThrough, goneBelow } of epochsOf(state)) {
      this.#run('epoch', sourceOf(tenant, gateway, epoch), tenant, gateway, epoch, first, sealedThrough, goneBelow);
    }
    this.#run('gateway', tenant, gateway, receivedMs, null);
    const { birth } = state;
    const online = state.online ? 1 : 0;
    this.#run('state', birth, online, JSON.stringify(state), tenant, gateway, online, birth);
  }

  #addRefusal({ tenant, gateway, address, code, message }: RefusedMessage, receivedMs: number): void {
    this.#run('refusal', tenant, gateway, address?.epoch ?? null, address?.sequence ?? null, code, message, receivedMs);
    this.#run('trim', REFUSALS_KEPT);
  }
}

type Statements = Readonly<Record<keyof typeof STATEMENTS, Database.Statement<unknown[]>>>;

const STATEMENTS = {
  batch: `INSERT OR IGNORE INTO batches (source, sequence, window, digest, received_ms, body)
    VALUES (?, ?, ?, ?, ?, ?)`,
  record: `INSERT OR IGNORE INTO records (epoch, window, store, place, kind, rev, tenant, gateway, start_ms, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  gateway: `INSERT INTO gateways (tenant, gateway, seen_ms, time_zone) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET seen_ms = excluded.seen_ms, time_zone = coalesce(excluded.time_zone, time_zone)`,
  epoch: `INSERT INTO epochs (source, tenant, gateway, epoch, first_sequence, sealed_through, gone_below)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET sealed_through = max(sealed_through, excluded.sealed_through),
      gone_below = max(gone_below, excluded.gone_below),
      first_sequence = coalesce(excluded.first_sequence, first_sequence)`,
  told: 'INSERT OR IGNORE INTO told (source, reason, first, last) VALUES (?, ?, ?, ?)',
  state: `UPDATE gateways SET birth = ?, online = ?, state = ?
    WHERE tenant = ? AND gateway = ? AND (? = 1 OR birth IS NULL OR birth = ?)`,
  refusal: `INSERT INTO refusals (tenant, gateway, epoch, sequence, code, message, received_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  trim: 'DELETE FROM refusals WHERE id <= (SELECT max(id) FROM refusals) - ?',
} as const;
