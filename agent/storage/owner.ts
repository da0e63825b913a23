/**
 * The one owner of the database: every operation of Storage, synchronously. Lives in a worker thread (`serve.ts`).
 * Each operation is one transaction that is either wholly on the disk when it returns, or did nothing when it throws.
 */
import { createHash } from 'node:crypto';
import { AgentError } from '../errors.ts';
import { databaseBytes, type OpenDatabase, openDatabase } from './database.ts';
import { bindEpoch } from './epoch.ts';
import { noteHealth } from './health-rows.ts';
import { readPace, updatePace } from './pace.ts';
import { prepareStatements, type Statements } from './statements.ts';
import type {
  Batch,
  HealthChange,
  HistoryRow,
  JournalBlob,
  Opened,
  Snapshot,
  Storage,
  StorageState,
  WindowClose,
} from './storage.ts';
import { storageError } from './storage-error.ts';

export interface OwnerOptions {
  path: string;
  /** What tells this machine from others, such as /etc/machine-id; only a digest of it is stored. */
  machineId: string;
}

/** Storage without the waiting. */
export type Synchronous<S> = {
  [M in keyof S]: S[M] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never;
};

const HISTORY_MS = 400 * 24 * 60 * 60 * 1000;
/** Rows trimmed in one close: some ten times what a close adds. */
const HISTORY_SLICE = 500;
/** Pages given back to the file system at once: 4 MB, a few milliseconds. */
const VACUUM_SLICE = 1000;
/** Free pages are kept up to this share of the file: what the next window writes anyway need not move twice. */
const FREE_SHARE = 0.25;
const MAX_REASON = 1000;

export class Owner implements Synchronous<Storage> {
  readonly #options: OwnerOptions;
  #session: { file: OpenDatabase; statements: Statements } | null = null;
  /** What the outbox holds; null when it has to be counted. */
  #held: { count: number; bytes: number } | null = null;

  constructor(options: OwnerOptions) {
    this.#options = options;
  }

  open(): Opened {
    if (this.#session !== null) throw new AgentError('storage_open', 'expected one call of open, found a second');
    const file = openDatabase(this.#options.path);
    try {
      const statements = prepareStatements(file.database);
      this.#session = { file, statements };
      return this.transaction(() => {
        const sealedThrough = statements.sealedThrough.get() ?? 0;
        const snapshot = statements.readSnapshot.get() ?? null;
        return {
          ...bindEpoch(statements, this.#options.machineId, sealedThrough),
          nextSequence: sealedThrough + 1,
          lastWindow: Number(statements.readMeta.get('last_window') ?? 0),
          snapshot,
          journal: statements.readJournal.all(snapshot?.ordinal ?? -1),
          openHealth: statements.openHealth.all(),
        };
      });
    } catch (error) {
      this.#session = null;
      file.close();
      throw storageError(error);
    }
  }

  /** Repeating a commit, after an unknown outcome and with more rows at its end, replaces the first one. */
  commit(blob: JournalBlob): void {
    this.transaction(() => {
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
  closeWindow(close: WindowClose): void {
    this.transaction(() => {
      this.sealBatches(close.batches, close.sealedAtMs);
      this.keepHistory(close.history);
      this.moveSnapshot(close.snapshot);
      this.statements.writeMeta.run('last_window', String(close.windowOrdinal));
      if (close.status !== null) this.statements.writeMeta.run('last_status', close.status);
      this.trimJournal(close.snapshot.ordinal);
    });
    this.#giveBackPages();
  }

  readOutbox(query: { after: number; before: number; limit: number; newestFirst?: boolean }): Batch[] {
    const { readOutbox, readOutboxNewest } = this.statements;
    return this.guarded(() =>
      (query.newestFirst === true ? readOutboxNewest : readOutbox).all(query.after, query.before, query.limit),
    );
  }

  acknowledge(sequences: number[]): void {
    this.transaction(() => {
      for (const sequence of sequences) this.#release(sequence);
    });
    this.#giveBackPages();
  }

  reject(rejected: { sequence: number; code: string; message: string }[]): void {
    this.transaction(() => {
      for (const { sequence, code, message } of rejected) {
        this.statements.bury.run(code.slice(0, MAX_REASON), message.slice(0, MAX_REASON), sequence);
        this.#release(sequence);
      }
    });
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
      const { heldTotals, oldestHeld, sealedThrough, countDeadLetters, countJournal, readMeta } = this.statements;
      this.#held ??= heldTotals.get() ?? { count: 0, bytes: 0 };
      const oldest = oldestHeld.get();
      return {
        held: this.#held.count,
        heldBytes: this.#held.bytes,
        oldestSequence: oldest?.sequence ?? null,
        oldestSealedMs: oldest?.sealedMs ?? null,
        bytesPerWindow: readPace(readMeta.get('pace'))?.mean ?? null,
        sealedThrough: sealedThrough.get() ?? 0,
        deadLetters: countDeadLetters.get() ?? 0,
        journalBlobs: countJournal.get() ?? 0,
        databaseBytes: databaseBytes(this.#options.path),
      };
    });
  }

  stop(): void {
    if (this.#session === null) return;
    const { file } = this.#session;
    this.#session = null;
    try {
      file.database.pragma('wal_checkpoint(TRUNCATE)');
    } catch (error) {
      throw storageError(error);
    } finally {
      file.close();
    }
  }

  protected get statements(): Statements {
    return this.#opened.statements;
  }

  /** The steps of a close. Public to subclasses only so that a test can put them together wrongly. */
  protected sealBatches(batches: Batch[], sealedAtMs: number): void {
    const { sealedThrough, seal, readMeta, writeMeta } = this.statements;
    const sealed: Batch[] = [];
    let next = (sealedThrough.get() ?? 0) + 1;
    const last = JSON.parse(readMeta.get('last_close') ?? '{}') as Record<string, string>;
    const digests: Record<string, string> = {};
    for (const batch of batches) {
      const { sequence, windowOrdinal, body } = batch;
      const digest = createHash('sha256').update(body).digest('base64');
      digests[sequence] = digest;
      if (last[sequence] === digest) continue;
      if (sequence !== next) throw sequenceConflict(next, sequence);
      // A wall clock may have fractions, which the column refuses.
      seal.run(sequence, windowOrdinal, body, sealedAtMs === null ? null : Math.round(sealedAtMs));
      sealed.push(batch);
      this.#count(1, body.length);
      next++;
    }
    if (batches.length > 0) writeMeta.run('last_close', JSON.stringify(digests));
    // Only what was sealed just now, so that a repeated close leaves the mean as it is.
    if (sealed.length > 0) writeMeta.run('pace', updatePace(readMeta.get('pace'), sealed));
  }

  protected keepHistory(rows: HistoryRow[]): void {
    const { writeHistory, trimHistory } = this.statements;
    let newest = 0;
    for (const { kind, place, window, rev, startMs, endMs, body } of rows) {
      writeHistory.run(kind, place, window, rev, startMs, endMs, body);
      newest = Math.max(newest, endMs);
    }
    // Measured from this close, not from the newest row kept: one close under a wrong clock must not empty the history.
    if (rows.length > 0) trimHistory.run(newest - HISTORY_MS, newest - HISTORY_MS, HISTORY_SLICE);
  }

  protected moveSnapshot({ version, ordinal, body }: Snapshot): void {
    this.statements.writeSnapshot.run(version, ordinal, body);
  }

  /** A blob that straddles the ordinal stays whole: its reader skips the rows up to the snapshot. */
  protected trimJournal(ordinal: number): void {
    this.statements.trimJournal.run(ordinal);
  }

  /** Runs `work` in one transaction. */
  protected transaction<T>(work: () => T): T {
    const { database } = this.#opened.file;
    return this.guarded(() => database.transaction(work).immediate());
  }

  protected guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      // Whatever was counted on the way is rolled back too.
      this.#held = null;
      throw storageError(error);
    }
  }

  get #opened(): { file: OpenDatabase; statements: Statements } {
    if (this.#session !== null) return this.#session;
    throw new AgentError('storage_not_open', 'expected an open database, found none', 'Open the storage first.');
  }

  #release(sequence: number): void {
    const bytes = this.statements.release.get(sequence);
    if (bytes !== undefined) this.#count(-1, -bytes);
  }

  #count(count: number, bytes: number): void {
    if (this.#held === null) return;
    this.#held.count += count;
    this.#held.bytes += bytes;
  }

  /** Shrinks the file by one slice when that much is free beyond the share kept. */
  #giveBackPages(): void {
    const { database } = this.#opened.file;
    try {
      const free = Number(database.pragma('freelist_count', { simple: true }));
      const pages = Number(database.pragma('page_count', { simple: true }));
      if (free - pages * FREE_SHARE < VACUUM_SLICE) return;
      // With `simple` the pragma would free one page only.
      database.pragma(`incremental_vacuum(${VACUUM_SLICE})`);
      // The file itself is cut by a checkpoint.
      database.pragma('wal_checkpoint(PASSIVE)');
    } catch {
      // What was asked is committed: a failure here must not deny it. The next operation meets the same disk and tells.
    }
  }
}

function sequenceConflict(expected: number, found: number): AgentError {
  return new AgentError(
    'sequence_conflict',
    `expected a batch with sequence ${expected}, found ${found}, which is out of order or sealed with other bytes`,
    'Two writers use this database, or it was replaced while in use: stop the daemon and look at its log.',
  );
}
