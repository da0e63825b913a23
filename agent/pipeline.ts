/**
 * The live way of the data from rows to sealed batches: intake folds, this makes durable. One queue of storage work keeps
 * the order: a run of rows is committed, or a window is closed in one transaction, never two things at once. When storage
 * fails the queue waits and is tried again; counting goes on in memory meanwhile.
 */
import { Fold } from './analytics/fold.ts';
import type { Parameters } from './analytics/parameters.ts';
import type { SealedWindow } from './analytics/records.ts';
import { AgentError, reasonOf } from './errors.ts';
import { Intake } from './intake.ts';
import type { Boundary } from './privacy/boundary.ts';
import { decodeRows, encodeRows } from './storage/columns.ts';
import type { Batch, HistoryRow, JournalBlob, Opened, Storage, WindowClose } from './storage/storage.ts';

/** Journal bytes waiting for a stalled storage beyond which rows live in memory only, until the next window's snapshot. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** Reports and repeated counters may wait this long to be written: a quiet store should not wear its card out. */
const REPORT_COMMIT_MS = 60_000;

export interface PipelineOptions {
  storage: Storage;
  /** UTC milliseconds on the gateway's timeline; never goes back. */
  now: () => number;
  /** Encodes a sealed window as one or more batches with sequences from `firstSequence` on. */
  encode: (window: SealedWindow, firstSequence: number) => Batch[];
  commitMs: number;
  doorCommitMs: number;
  /** The status document as JSON, kept with each close; null to keep the last one. */
  status: () => string | null;
  /** Called when windows are sealed, before they are durable. */
  closing?: (windows: SealedWindow[], batches: Batch[]) => void;
  /** Called after a close is durable, with the newest sequence. */
  sealed: (sequence: number) => void;
  log: (level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string) => void;
}

type Work = { commit: JournalBlob } | { close: WindowClose };

export class Pipeline {
  readonly intake: Intake;
  readonly #options: PipelineOptions;
  readonly #queue: Work[] = [];
  #waitingBytes = 0;
  #pumping: Promise<void> | null = null;
  #nextSequence: number;
  #sealedThrough: number;
  #lastWindow: number;
  #committedOrdinal: number;
  #lastCommit: number | null = null;
  #storageError: { message: string; code: string | null } | null = null;
  #busySince: number | null = null;
  #unjournaled = 0;
  /** First and last ordinal of rows that only memory holds. */
  #hole: { first: number; last: number } | null = null;

  private constructor(options: PipelineOptions, fold: Fold, boundary: Boundary, opened: Opened) {
    this.#options = options;
    this.#nextSequence = opened.nextSequence;
    this.#sealedThrough = opened.nextSequence - 1;
    this.#lastWindow = opened.lastWindow;
    this.#committedOrdinal = fold.ordinal;
    this.intake = new Intake(fold, boundary, (batch) => this.#journal(encodeRows(batch, 0, batch.length), batch));
  }

  /**
   * Rebuilds the state a database holds: the snapshot, then the journal by ordinal. A snapshot that cannot be read is a
   * warm-up: the journal behind it is folded into an empty state and the records say so.
   * @param parameters builds the parameters from those the state was counted with, so that sensors keep their indices.
   */
  static restore(
    options: PipelineOptions,
    opened: Opened,
    boundary: Boundary,
    parameters: (previous: Parameters | undefined) => Parameters,
  ): Pipeline {
    const fold = restoreFold(options, opened, parameters);
    const pipeline = new Pipeline(options, fold, boundary, opened);
    // A new state is made durable before its first row: the journal alone does not say what its rows mean.
    const sealed = fold.takeSealed();
    if (opened.snapshot === null || fold.warmingUp || sealed.length > 0) pipeline.#close(sealed);
    const wanted = parameters(fold.parameters);
    pipeline.changeParameters(wanted);
    return pipeline;
  }

  /** Counts with other parameters from now on: sensors are known at once, the rest holds from the next window. */
  changeParameters(wanted: Parameters): void {
    if (wanted.id === this.intake.fold.parameters.id) return;
    this.intake.arriveAt(this.#options.now());
    this.intake.parametersChanged(JSON.stringify(wanted));
    // At once: who starts the sensors looks them up in the fold's parameters.
    this.intake.foldPending();
  }

  get sealedThrough(): number {
    return this.#sealedThrough;
  }

  /** Rows taken in and not yet durable, by journal or snapshot. */
  get uncommitted(): number {
    return this.intake.lastOrdinal - this.#committedOrdinal;
  }

  get lastCommit(): number | null {
    return this.#lastCommit;
  }

  /** Why storage fails, with the AgentError's code where it was one; null while it works. */
  get storageError(): { message: string; code: string | null } | null {
    return this.#storageError;
  }

  /** Since when storage has not answered, UTC milliseconds on the gateway's timeline; null while nothing is asked of it. */
  get busySince(): number | null {
    return this.#busySince;
  }

  /** Rows that no journal holds because storage stalled for too long; the next window's snapshot does. */
  get unjournaled(): number {
    return this.#unjournaled;
  }

  /** Folds up to now, closes windows that are due, commits rows that are due. Resolves when storage has nothing to do. */
  tick(): Promise<void> {
    const now = this.#options.now();
    this.intake.advance(now);
    const sealed = this.intake.fold.takeSealed();
    if (sealed.length > 0) this.#close(sealed);
    else if (this.#commitDue(now)) this.intake.handOverPending();
    return this.#pump();
  }

  /** Makes everything taken in so far durable, as far as storage allows. */
  async flush(): Promise<void> {
    this.intake.handOverPending();
    await this.#pump();
  }

  #commitDue(now: number): boolean {
    const { commitMs, doorCommitMs } = this.#options;
    return (
      now - this.intake.oldest('door') >= doorCommitMs ||
      now - this.intake.oldest('sighting') >= commitMs ||
      now - this.intake.oldest('report') >= REPORT_COMMIT_MS
    );
  }

  #journal(body: Uint8Array, rows: { firstOrdinal: number; lastOrdinal: number; length: number }): void {
    if (this.#waitingBytes + body.length > MAX_WAITING_BYTES) {
      this.#unjournaled += rows.length;
      this.#hole = { first: this.#hole?.first ?? rows.firstOrdinal, last: rows.lastOrdinal };
      return;
    }
    this.#waitingBytes += body.length;
    this.#queue.push({ commit: { firstOrdinal: rows.firstOrdinal, lastOrdinal: rows.lastOrdinal, body } });
    void this.#pump();
  }

  #close(windows: SealedWindow[]): void {
    const batches: Batch[] = [];
    const history: HistoryRow[] = [];
    for (const window of windows) {
      batches.push(...this.#options.encode(window, this.#nextSequence + batches.length));
      for (const record of window.records) {
        const { kind, place, rev, start_ms: startMs, end_ms: endMs } = record;
        history.push({ kind, place, window: record.window, rev, startMs, endMs, body: JSON.stringify(record) });
      }
    }
    this.#nextSequence += batches.length;
    const { fold } = this.intake;
    // The snapshot holds every row folded so far: rows still waiting for their commit need no journal of their own.
    this.intake.dropPending();
    for (let index = this.#queue.length - 1; index >= 0; index--) {
      const work = this.#queue[index];
      if ('commit' in work && !(index === 0 && this.#pumping !== null)) {
        this.#waitingBytes -= work.commit.body.length;
        this.#queue.splice(index, 1);
      }
    }
    const snapshot = { version: Fold.version, ordinal: fold.ordinal, body: fold.snapshot() };
    const windowOrdinal = windows.at(-1)?.ordinal ?? this.#lastWindow;
    this.#lastWindow = windowOrdinal;
    this.#options.closing?.(windows, batches);
    const kept = { windowOrdinal, snapshot, sealedAtMs: this.#options.now(), status: this.#options.status() };
    const last = this.#queue.at(-1);
    if (last !== undefined && 'close' in last && !(this.#queue.length === 1 && this.#pumping !== null)) {
      // Behind a storage that fails, closes become one: only the newest snapshot is of use.
      last.close.batches.push(...batches);
      last.close.history.push(...history);
      Object.assign(last.close, kept);
    } else {
      this.#queue.push({ close: { ...kept, batches, history } });
    }
  }

  #pump(): Promise<void> {
    this.#pumping ??= this.#drain().finally(() => {
      this.#pumping = null;
    });
    return this.#pumping;
  }

  async #drain(): Promise<void> {
    const { storage } = this.#options;
    while (this.#queue.length > 0) {
      const work = this.#queue[0];
      this.#busySince = this.#options.now();
      try {
        if ('commit' in work) await storage.commit(work.commit);
        else await storage.closeWindow(work.close);
      } catch (error) {
        this.#failed(error);
        return;
      } finally {
        this.#busySince = null;
      }
      this.#queue.shift();
      this.#lastCommit = this.#options.now();
      if (this.#storageError !== null) this.#options.log('info', {}, 'storage works again');
      this.#storageError = null;
      if ('commit' in work) {
        this.#waitingBytes -= work.commit.body.length;
        const last = Math.min(work.commit.lastOrdinal, (this.#hole?.first ?? Infinity) - 1);
        this.#committedOrdinal = Math.max(this.#committedOrdinal, last);
      } else {
        const { ordinal } = work.close.snapshot;
        this.#committedOrdinal = Math.max(this.#committedOrdinal, ordinal);
        if (this.#hole !== null && this.#hole.first <= ordinal) {
          this.#hole = this.#hole.last <= ordinal ? null : { first: ordinal + 1, last: this.#hole.last };
        }
        const last = work.close.batches.at(-1);
        if (last !== undefined) {
          this.#sealedThrough = last.sequence;
          this.#options.sealed(last.sequence);
        }
      }
    }
  }

  #failed(error: unknown): void {
    const message = reasonOf(error);
    const code = error instanceof AgentError ? error.code : null;
    if (this.#storageError?.message !== message) {
      this.#options.log('error', { code, reason: message }, 'storage failed; counting in memory');
    }
    this.#storageError = { message, code };
  }
}

function restoreFold(
  options: PipelineOptions,
  opened: Opened,
  parameters: (previous: Parameters | undefined) => Parameters,
): Fold {
  const { snapshot, journal, lastWindow } = opened;
  let fold: Fold | null = null;
  if (snapshot !== null) {
    try {
      fold = Fold.restore(snapshot.body);
    } catch (error) {
      options.log('warn', { reason: reasonOf(error) }, 'the snapshot cannot be read; warming up from an empty state');
    }
  }
  const blobs = journal.flatMap(({ body }) => {
    try {
      return [decodeRows(body)];
    } catch (error) {
      options.log(
        'error',
        { reason: reasonOf(error) },
        'a run of inputs in the journal cannot be read; it is left out',
      );
      return [];
    }
  });
  if (fold === null) {
    const firstAt = blobs[0]?.at[0] ?? options.now();
    fold = Fold.start(parameters(undefined), firstAt, { ordinal: snapshot?.ordinal ?? 0, window: lastWindow });
    if (snapshot !== null) fold.markWarmUp();
  }
  for (const rows of blobs) fold.apply(rows, 0, rows.length);
  return fold;
}
