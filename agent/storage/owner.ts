/**
 * The one owner of the database: every operation of Storage, synchronously. Lives in a worker thread (`serve.ts`).
 * Each operation is one transaction that is either wholly on the disk when it returns, or did nothing when it throws.
 */
import { AgentError } from '../errors.ts';
import { Ballast } from './ballast.ts';
import { type Bounds, keepBounds } from './bounds.ts';
import { Connection } from './connection.ts';
import { databaseBytes } from './database.ts';
import { buryDamaged, buryRejected, dropDead, readDeadBodies, resend } from './dead-letters.ts';
import { tellGaps } from './gaps.ts';
import { noteHealth } from './health-rows.ts';
import { keepHistory } from './history.ts';
import { beginAnew, keepIdentityIfAble, openStorage } from './opening.ts';
import type { OutboxQuery } from './outbox.ts';
import { condemn, hostDisk, listSetAside } from './quarantine.ts';
import { countRows, keepRestIfAble, type RowCounts } from './rest.ts';
import { sessionOn } from './session.ts';
import { writeSnapshot } from './snapshot.ts';
import { GAP_RECORD, type Statements } from './statements.ts';
import type {
  Batch,
  DeadLetter,
  Gap,
  HealthChange,
  HeldBatch,
  HistoryRow,
  JournalBlob,
  Opened,
  Snapshot,
  Storage,
  StorageState,
  WindowClose,
} from './storage.ts';
import { foundIn } from './storage-error.ts';

export interface OwnerOptions {
  path: string;
  /** What tells this machine from others, such as /etc/machine-id; only a digest of it is stored. */
  machineId: string;
  /** What the outbox may hold; without bounds nothing is dropped. */
  bounds?: Bounds;
}

/** Storage without the waiting. */
export type Synchronous<S> = {
  [M in keyof S]: S[M] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never;
};

export class Owner implements Synchronous<Storage> {
  readonly #options: OwnerOptions;
  readonly #connection: Connection;

  constructor(options: OwnerOptions) {
    this.#options = options;
    const { path, bounds } = options;
    this.#connection = new Connection(path, bounds === undefined ? null : new Ballast(path, bounds.bytes));
  }

  open(): Opened {
    if (this.#connection.isOpen) throw new AgentError('storage_open', 'expected one call of open, found a second');
    const { file, statements, opened } = openStorage(this.#options);
    this.#connection.use(sessionOn(file, statements), opened.epoch);
    return opened;
  }

  renew(reason: 'damaged' | 'restored'): Opened {
    const { path } = this.#options;
    if (reason === 'restored') {
      const { statements } = this;
      const opened = this.transaction(() => beginAnew(statements, this.#options));
      keepIdentityIfAble(statements, path);
      this.#connection.renamed(opened.epoch);
      return opened;
    }
    this.#connection.close(({ damage }) => {
      condemn(hostDisk, path, damage === null ? 'it could not be used' : foundIn(damage), 'damaged');
    });
    return this.open();
  }

  /** Repeating a commit, after an unknown outcome and with more rows at its end, replaces the first one. */
  commit(blob: JournalBlob): void {
    this.#refuseDamaged();
    this.#connection.write(() => {
      const last = this.statements.lastJournal.get();
      if (last !== undefined && blob.firstOrdinal !== last.firstOrdinal && blob.firstOrdinal <= last.lastOrdinal) {
        throw new AgentError(
          'ordinal_conflict',
          `expected rows after ordinal ${last.lastOrdinal}, found ${blob.firstOrdinal} to ${blob.lastOrdinal}`,
          'Two writers use this database: stop one.',
        );
      }
      this.statements.writeJournal.run(blob.firstOrdinal, blob.lastOrdinal, blob.body);
    });
  }

  /**
   * Repeating a close after an unknown outcome, alone or with later windows added to it, does what was not yet done.
   * @throws AgentError `sequence_conflict` unless the batches carry on exactly where the last close ended.
   */
  closeWindow(close: WindowClose): Gap[] {
    this.#refuseDamaged();
    const gaps = this.#connection.write(() => {
      const { statements, outbox } = this.#connection.session;
      this.sealBatches(close.batches, close.sealedAtMs, close.gap);
      this.keepHistory(close.history, close.windowOrdinal);
      this.moveSnapshot(close.snapshot);
      statements.writeMeta.run('last_window', String(close.windowOrdinal));
      statements.writeMeta.run('last_close_ms', String(close.sealedAtMs));
      if (close.status !== null) statements.writeMeta.run('last_status', close.status);
      this.trimJournal(close.snapshot.ordinal);
      const { bounds } = this.#options;
      if (bounds !== undefined) keepBounds(statements, outbox, bounds, close.windowOrdinal);
      statements.untellLost.run();
      return statements.readGaps.all();
    });
    if (close.batches.length > 0) keepIdentityIfAble(this.statements, this.#options.path);
    this.#connection.giveBackPages();
    this.#connection.growAgain();
    return gaps;
  }

  readOutbox(query: OutboxQuery): HeldBatch[] {
    const { statements, outbox } = this.#connection.session;
    const { sound, damaged } = this.guarded(() => outbox.readSound(query));
    if (damaged.length > 0) {
      // Where the disk cannot be written they are only left out, and found again the next time.
      this.#connection.tryTo(() => this.transaction(() => buryDamaged(statements, outbox, damaged)));
    }
    return sound;
  }

  acknowledge(sequences: number[]): void {
    const { statements, outbox } = this.#connection.session;
    const work = () => {
      for (const sequence of sequences) {
        if (outbox.release(sequence)?.kind === GAP_RECORD) statements.settleGaps.run(sequence);
      }
    };
    this.#connection.write(work, { mayDrop: false });
    // Of a backlog that is leaving, oldest first, the last pages are free soon: until then each would be moved for nothing.
    while (outbox.held.count === 0 && this.#connection.giveBackPages());
  }

  reject(rejected: { sequence: number; code: string; message: string }[]): void {
    this.transaction(() => buryRejected(this.#connection.session.outbox, rejected));
  }

  readDeadLetters(query: { after: number; limit: number }): DeadLetter[] {
    return this.guarded(() => this.statements.readDead.all(query.after, query.limit));
  }

  readDeadBodies(sequences: number[]): HeldBatch[] {
    return this.guarded(() => readDeadBodies(this.statements, sequences));
  }

  resend(sequences: number[]): number[] {
    return this.transaction(() => resend(this.statements, this.#connection.session.outbox, sequences));
  }

  drop(sequences: number[]): number[] {
    const gone = this.transaction(() => dropDead(this.statements, sequences, 'operator'));
    this.#connection.giveBackPages();
    return gone.map(({ sequence }) => sequence);
  }

  /** Rows whose window starts at or after `fromMs` and before `toMs`, by start; of each window the highest rev. */
  readHistory(query: { kind?: string; fromMs: number; toMs: number }): HistoryRow[] {
    const kind = query.kind ?? null;
    return this.guarded(() => this.statements.readHistory.all(query.fromMs, query.toMs, kind, kind));
  }

  /** Repeating what began or ended is no change. */
  noteHealth(changes: HealthChange[]): void {
    this.transaction(() => noteHealth(this.statements, changes));
  }

  readHealth(query: { limit: number }): HealthChange[] {
    return this.guarded(() => this.statements.readHealth.all(query.limit));
  }

  keepStatus(status: string): void {
    this.transaction(() => this.statements.writeMeta.run('last_status', status));
  }

  state(): StorageState {
    return this.guarded(() => {
      const { statements, outbox } = this.#connection.session;
      const { oldestHeld, oldestOwn, oldestOf, sealedThrough, countDeadLetters, countJournal } = statements;
      const { readMeta, untoldGaps } = statements;
      const oldest = oldestHeld.get();
      const previous = readMeta.get('previous_epoch');
      const previousLast = Number(readMeta.get('previous_last_sequence') ?? 0);
      return {
        held: outbox.held.count,
        heldBytes: outbox.held.bytes,
        oldestSequence: oldest?.sequence ?? null,
        oldestOfEpoch: oldestOwn.get(previousLast) ?? null,
        oldestOfPrevious: previous === undefined ? null : (oldestOf.get(previousLast, previous) ?? null),
        oldestSealedMs: oldest?.sealedMs ?? null,
        bytesPerWindow: outbox.bytesPerWindow,
        sealedThrough: sealedThrough.get() ?? 0,
        deadLetters: countDeadLetters.get() ?? 0,
        dropped: Number(readMeta.get('dropped') ?? 0),
        untold: Object.fromEntries(untoldGaps.all().map(({ reason, sequences }) => [reason, sequences])),
        journalBlobs: countJournal.get() ?? 0,
        databaseBytes: databaseBytes(this.#options.path),
        setAside: listSetAside(this.#options.path),
      };
    });
  }

  stop(): void {
    const { path } = this.#options;
    const rows: RowCounts[] = [];
    this.#connection.close(({ file, statements }) => {
      file.database.pragma('wal_checkpoint(TRUNCATE)');
      keepIdentityIfAble(statements, path);
      rows.push(countRows(statements));
    });
    for (const counts of rows) keepRestIfAble(path, counts);
  }

  protected get statements(): Statements {
    return this.#connection.session.statements;
  }

  /** The steps of a close. Public to subclasses only so that a test can put them together wrongly. */
  protected sealBatches(batches: Batch[], sealedAtMs: number, gap: WindowClose['gap']): void {
    const { statements, outbox } = this.#connection.session;
    const sealed = outbox.seal(batches, sealedAtMs, gap?.sequence);
    // Not again in a repeated close: its record may have been acknowledged meanwhile.
    if (gap !== null && sealed.some(({ sequence }) => sequence === gap.sequence)) tellGaps(statements, outbox, gap);
  }

  protected keepHistory(rows: HistoryRow[], windowOrdinal: number): void {
    keepHistory(this.statements, rows, windowOrdinal);
  }

  protected moveSnapshot(snapshot: Snapshot): void {
    writeSnapshot(this.statements, snapshot);
  }

  /** A blob that straddles the ordinal stays whole: its reader skips the rows up to the snapshot. */
  protected trimJournal(ordinal: number): void {
    this.statements.trimJournal.run(ordinal);
  }

  /** Runs `work` in one transaction. */
  protected transaction<T>(work: () => T): T {
    return this.#connection.transaction(work);
  }

  protected guarded<T>(work: () => T): T {
    return this.#connection.guarded(work);
  }

  /** Damage that a reader met ends the writing too, until the database is renewed. */
  #refuseDamaged(): void {
    const { damage } = this.#connection;
    if (damage !== null) throw damage;
  }
}
