/** The collector's database: every batch and every record revision once, whatever is sent twice. */
import Database from 'better-sqlite3';
import type { StateMessage } from '../contract/messages.ts';
import { sourceOf } from '../contract/topics.ts';
import { AgentError, reasonOf } from '../errors.ts';
import type { CheckedBatch, RefusedMessage, Sender } from './intake.ts';
import { SCHEMA } from './schema.ts';

/** What became of a batch. All but `conflict` are acknowledged. */
export type Outcome = 'stored' | 'duplicate' | 'conflict';

/** Refusals kept, the newest ones: bytes of a stranger must not fill the disk. */
const REFUSALS_KEPT = 10_000;

/** Opens a collector's database. @throws AgentError `collector_database` */
export function openDatabase(path: string, readonly: boolean): Database.Database {
  try {
    const database = new Database(path, { readonly, fileMustExist: readonly });
    if (readonly) {
      // Compiles only against a collector's tables.
      database.prepare('SELECT 1 FROM gaps');
      return database;
    }
    database.pragma('journal_mode = WAL');
    // better-sqlite3 falls back to NORMAL in WAL mode, which forgets acknowledged commits in a power cut.
    database.pragma('synchronous = FULL');
    database.exec(SCHEMA);
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

export class CollectorStore {
  readonly #database: Database.Database;
  readonly #run: (name: keyof typeof STATEMENTS, ...values: unknown[]) => number;
  readonly #digest: Database.Statement<unknown[], { digest: Buffer }>;
  readonly #recordBody: Database.Statement<unknown[], { body: string }>;

  /** @throws AgentError `collector_database` */
  constructor(path: string) {
    const database = openDatabase(path, false);
    const statements = new Map(Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]));
    this.#database = database;
    this.#run = (name, ...values) => statements.get(name)?.run(...values).changes ?? 0;
    this.#digest = database.prepare('SELECT digest FROM batches WHERE source = ? AND sequence = ?');
    this.#recordBody = database.prepare(
      `SELECT body FROM records WHERE epoch = ? AND window = ? AND store = ? AND place = ? AND kind = ? AND rev = ?
       AND tenant = ? AND gateway = ?`,
    );
  }

  /** Runs `work` as one transaction: when it returns, all of it is on the disk. */
  transaction<T>(work: () => T): T {
    return this.#database.transaction(work)();
  }

  /** Only inside `transaction`. */
  addBatch(batch: CheckedBatch, receivedMs: number): Outcome {
    const { tenant, gateway, source, epoch, sequence, digest, body } = batch;
    this.#run('gateway', tenant, gateway, receivedMs, batch.timeZone);
    if (this.#run('batch', source, sequence, batch.window, digest, receivedMs, body) === 0) {
      if (this.#digest.get(source, sequence)?.digest.equals(digest)) return 'duplicate';
      const message = 'another batch with the same source and id was stored before';
      this.addRefusal({ tenant, gateway, address: { epoch, sequence }, message }, 'conflict', receivedMs);
      return 'conflict';
    }
    this.#run('epoch', source, tenant, gateway, epoch, sequence, 0);
    for (const { window, store, place, kind, rev, startMs, body: text } of batch.records) {
      const key = [epoch, window, store, place, kind, rev, tenant, gateway];
      if (this.#run('record', ...key, startMs, text) > 0 || this.#recordBody.get(...key)?.body === text) continue;
      const message = `a ${kind} record of window ${window}, revision ${rev}, differs from the one stored before`;
      this.addRefusal({ tenant, gateway, address: { epoch, sequence }, message }, 'record_conflict', receivedMs);
    }
    return 'stored';
  }

  /** Only inside `transaction`. A will whose birth is not the last one heard ends a connection that is past. */
  addState(from: Sender, state: StateMessage, receivedMs: number): void {
    const { tenant, gateway } = from;
    const { previous } = state;
    const goneBelow = state.oldest_held ?? state.sealed_through + 1;
    this.#run(
      'epoch',
      sourceOf(tenant, gateway, state.epoch),
      tenant,
      gateway,
      state.epoch,
      state.sealed_through,
      goneBelow,
    );
    if (previous !== null) {
      // The box that could have sent the rest of that epoch now writes another.
      const { epoch, last_sequence: last } = previous;
      this.#run('epoch', sourceOf(tenant, gateway, epoch), tenant, gateway, epoch, last, last + 1);
    }
    this.#run('gateway', tenant, gateway, receivedMs, null);
    this.#run(
      'state',
      state.birth,
      state.online ? 1 : 0,
      JSON.stringify(state),
      tenant,
      gateway,
      state.online ? 1 : 0,
      state.birth,
    );
  }

  /** Only inside `transaction`. */
  addRefusal(refused: Omit<RefusedMessage, 'code'>, code: string, receivedMs: number): void {
    const { tenant, gateway, address, message } = refused;
    this.#run('refusal', tenant, gateway, address?.epoch ?? null, address?.sequence ?? null, code, message, receivedMs);
    this.#run('trim', REFUSALS_KEPT);
  }

  close(): void {
    this.#database.close();
  }
}

const STATEMENTS = {
  batch: `INSERT OR IGNORE INTO batches (source, sequence, window, digest, received_ms, body)
    VALUES (?, ?, ?, ?, ?, ?)`,
  record: `INSERT OR IGNORE INTO records (epoch, window, store, place, kind, rev, tenant, gateway, start_ms, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  gateway: `INSERT INTO gateways (tenant, gateway, seen_ms, time_zone) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET seen_ms = excluded.seen_ms, time_zone = coalesce(excluded.time_zone, time_zone)`,
  epoch: `INSERT INTO epochs (source, tenant, gateway, epoch, sealed_through, gone_below) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET sealed_through = max(sealed_through, excluded.sealed_through),
      gone_below = max(gone_below, excluded.gone_below)`,
  state: `UPDATE gateways SET birth = ?, online = ?, state = ?
    WHERE tenant = ? AND gateway = ? AND (? = 1 OR birth IS NULL OR birth = ?)`,
  refusal: `INSERT INTO refusals (tenant, gateway, epoch, sequence, code, message, received_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  trim: 'DELETE FROM refusals WHERE id <= (SELECT max(id) FROM refusals) - ?',
} as const;
