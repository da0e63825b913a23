/**
 * The live way of the data from rows to sealed batches: intake folds, this makes durable. One queue of storage work keeps
 * the order: a run of rows is committed, or a window is closed in one transaction, never two things at once. When storage
 * fails the queue waits and is tried again; counting goes on in memory meanwhile.
 */
import { Fold } from './analytics/fold.ts';
import type { Parameters } from './analytics/parameters.ts';
import type { SealedWindow } from './analytics/records.ts';
import { AgentError, reasonOf } from './errors.ts';
import { gapToTell, type Range } from './gap-to-tell.ts';
import { Intake } from './intake.ts';
import type { Boundary } from './privacy/boundary.ts';
import { decodeRows, encodeRows } from './storage/columns.ts';
import type { Batch, Gap, HistoryRow, JournalBlob, Opened, Storage, WindowClose } from './storage/storage.ts';

/** Journal bytes waiting for a stalled storage beyond which rows live in memory only, until the next window's snapshot. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** Sealed windows that wait for a failing storage, some 10 KB each; beyond it the oldest are given up, and told as skipped. */
export const MAX_WAITING_WINDOWS = 2_000;
/** Reports and repeated counters may wait this long to be written: a quiet store should not wear its card out. */
const REPORT_COMMIT_MS = 60_000;

export interface PipelineOptions {
  storage: Storage;
  /** Milliseconds on the gateway's timeline; never goes back. */
  now: () => number;
  /** Called once the state is rebuilt, before any row is added to it: time goes on from `atMs`, UTC milliseconds. */
  resume?: (atMs: number) => void;
  /** Encodes a sealed window as one or more batches with sequences from `firstSequence` on. */
  encode: (window: SealedWindow, firstSequence: number) => Batch[];
  /** Encodes a gap record. */
  encodeGap: (ranges: Range[], sequence: number) => Uint8Array;
  commitMs: number;
  doorCommitMs: number;
  /** The status document as JSON, kept with each close; null to keep the last one. */
  status: () => string | null;
  /** Called when sealed windows are encoded, before they are durable. */
  closing?: (windows: SealedWindow[], batches: Batch[]) => void;
  /** Called after a close is durable, with the newest sequence. */
  sealed: (sequence: number) => void;
  /** Called when the database was set aside and another one, with another epoch, goes on in its place. */
  renewed?: (opened: Opened) => void;
  log: (level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string) => void;
}

/**
 * Windows to close in one transaction. They are encoded when their turn comes, as only then their epoch and sequences are
 * certain; and once, because a repeated close must bring the same bytes.
 */
interface Closing {
  windows: SealedWindow[];
  /** How many of `windows` are encoded in `batches` and `history`. */
  encoded: number;
  batches: Batch[];
  history: HistoryRow[];
  gap: WindowClose['gap'];
  kept: Pick<WindowClose, 'windowOrdinal' | 'snapshot' | 'sealedAtMs' | 'status'>;
}

type Work = { commit: JournalBlob } | { close: Closing };

export class Pipeline {
  readonly intake: Intake;
  readonly #options: PipelineOptions;
  readonly #queue: Work[] = [];
  #waitingBytes = 0;
  #pumping: Promise<void> | null = null;
  #nextSequence: number;
  #sealedThrough: number;
  #lastWindow: number;
  /** Gaps whose record is not acknowledged, as storage last told. */
  #gaps: Gap[];
  /** The epoch that seals. */
  #current: Pick<Opened, 'epoch' | 'firstSequence' | 'sealedBefore'>;
  #anew = false;
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
    this.#gaps = opened.gaps;
    this.#current = opened;
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
    options.resume?.(fold.at);
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

  /** When storage last made anything durable, UTC milliseconds. */
  get lastCommit(): number | null {
    return this.#lastCommit === null ? null : this.#lastCommit + this.intake.correction;
  }

  /** Why storage fails, with the AgentError's code where it was one; null while it works. */
  get storageError(): { message: string; code: string | null } | null {
    return this.#storageError;
  }

  /** Since when storage has not answered, UTC milliseconds; null while nothing is asked of it. */
  get busySince(): number | null {
    return this.#busySince === null ? null : this.#busySince + this.intake.correction;
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

  /** Seals under another epoch from now on: the collector has other batches under the sequences of this one. */
  beginAnew(): void {
    this.#anew = true;
    void this.#pump();
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

  #close(sealed: SealedWindow[]): void {
    const { fold } = this.intake;
    const windows = sealed.filter((window) => !this.#wasSealed(window));
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
    const windowOrdinal = sealed.at(-1)?.ordinal ?? this.#lastWindow;
    this.#lastWindow = windowOrdinal;
    const sealedAtMs = this.#options.now() + this.intake.correction;
    const kept = { windowOrdinal, snapshot, sealedAtMs, status: this.#options.status() };
    const last = this.#queue.at(-1);
    if (last !== undefined && 'close' in last && !(this.#queue.length === 1 && this.#pumping !== null)) {
      // Behind a storage that fails, closes become one: only the newest snapshot is of use.
      last.close.windows.push(...windows);
      last.close.kept = kept;
      this.#boundWaiting(last.close);
    } else {
      this.#queue.push({ close: { windows: [...windows], encoded: 0, batches: [], history: [], gap: null, kept } });
    }
  }

  /** Whether an earlier epoch sealed it: a state that was put back brings it again, and it must not be counted again. */
  #wasSealed({ ordinal, endMs }: SealedWindow): boolean {
    const before = this.#current.sealedBefore;
    return before !== null && ordinal <= before.window && endMs <= before.atMs;
  }

  /** Gives up the oldest windows beyond the bound that have no sequence yet. */
  #boundWaiting(close: Closing): void {
    const over = Math.min(close.windows.length - MAX_WAITING_WINDOWS, close.windows.length - close.encoded - 1);
    if (over <= 0) return;
    const given = close.windows.splice(close.encoded, over);
    close.windows[close.encoded].skipped += given.reduce((sum, { skipped }) => sum + skipped + 1, 0);
  }

  /** What a close brings to storage; encodes what is not encoded yet. */
  #encode(close: Closing): WindowClose {
    const { encode, encodeGap, closing } = this.#options;
    const batches: Batch[] = [];
    const fresh = close.windows.slice(close.encoded);
    for (const window of fresh) batches.push(...encode(window, this.#nextSequence + batches.length));
    if (fresh.length > 0) closing?.(fresh, batches);
    const gap = close.gap === null ? gapToTell(this.#gaps, this.#current) : null;
    if (gap !== null) {
      const sequence = this.#nextSequence + batches.length;
      const { windowOrdinal } = close.kept;
      batches.push({ sequence, windowOrdinal, body: encodeGap(gap.ranges, sequence) });
      close.gap = { sequence, ...gap };
    }
    this.#nextSequence += batches.length;
    close.batches.push(...batches);
    close.history.push(...fresh.flatMap(historyOf));
    close.encoded = close.windows.length;
    return { ...close.kept, batches: close.batches, gap: close.gap, history: close.history };
  }

  #pump(): Promise<void> {
    this.#pumping ??= this.#drain().finally(() => {
      this.#pumping = null;
    });
    return this.#pumping;
  }

  async #drain(): Promise<void> {
    if (this.#anew && !(await this.#renew('restored'))) return;
    this.#anew = false;
    while (this.#queue.length > 0) {
      const work = this.#queue[0];
      this.#busySince = this.#options.now();
      try {
        if ('commit' in work) await this.#options.storage.commit(work.commit);
        else this.#gaps = await this.#options.storage.closeWindow(this.#encode(work.close));
      } catch (error) {
        if (isUnusable(error) && (await this.#renew('damaged'))) continue;
        this.#failed(error);
        return;
      } finally {
        this.#busySince = null;
      }
      this.#queue.shift();
      this.#worked();
      if ('commit' in work) this.#committed(work.commit);
      else this.#closed(work.close);
    }
  }

  #worked(): void {
    this.#lastCommit = this.#options.now();
    if (this.#storageError !== null) this.#options.log('info', {}, 'storage works again');
    this.#storageError = null;
  }

  #committed({ body, lastOrdinal }: JournalBlob): void {
    this.#waitingBytes -= body.length;
    const last = Math.min(lastOrdinal, (this.#hole?.first ?? Infinity) - 1);
    this.#committedOrdinal = Math.max(this.#committedOrdinal, last);
  }

  #closed({ kept, batches }: Closing): void {
    const { ordinal } = kept.snapshot;
    this.#committedOrdinal = Math.max(this.#committedOrdinal, ordinal);
    if (this.#hole !== null && this.#hole.first <= ordinal) {
      this.#hole = this.#hole.last <= ordinal ? null : { first: ordinal + 1, last: this.#hole.last };
    }
    const last = batches.at(-1);
    if (last === undefined) return;
    this.#sealedThrough = last.sequence;
    this.#options.sealed(last.sequence);
  }

  /**
   * Goes on in a new database where the old one is damaged, or in a new epoch of a sound one. The state in memory is whole:
   * nothing that was counted is lost.
   */
  async #renew(reason: 'damaged' | 'restored'): Promise<boolean> {
    let opened: Opened;
    try {
      opened = await this.#options.storage.renew(reason);
    } catch (error) {
      this.#options.log('error', { reason: reasonOf(error) }, 'no new epoch could be begun');
      return false;
    }
    this.#nextSequence = opened.nextSequence;
    this.#sealedThrough = opened.nextSequence - 1;
    this.#gaps = opened.gaps;
    this.#current = opened;
    const closes = this.#queue.filter((work) => 'close' in work);
    for (const { close } of closes) Object.assign(close, { encoded: 0, batches: [], history: [], gap: null });
    if (reason === 'damaged') {
      // The snapshot of the close that follows holds what the commits would have brought.
      this.#queue.splice(0, this.#queue.length, ...closes);
      this.#waitingBytes = 0;
      this.#close([]);
    }
    this.#options.renewed?.(opened);
    return true;
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

function historyOf({ records }: SealedWindow): HistoryRow[] {
  return records.map((record) => {
    const { kind, place, window, rev, start_ms: startMs, end_ms: endMs } = record;
    return { kind, place, window, rev, startMs, endMs, body: JSON.stringify(record) };
  });
}

/** The database itself is of no use any more, whatever the disk does. */
function isUnusable(error: unknown): boolean {
  return error instanceof AgentError && (error.code === 'database_damaged' || error.code === 'storage_not_open');
}
