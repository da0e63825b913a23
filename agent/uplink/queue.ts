import type { Outbox, SealedBatch } from './port.ts';

/** Batches read ahead of the window: one read of the outbox for many publications. */
const PAGE = 64;
const END = Number.MAX_SAFE_INTEGER;

/**
 * The order in which one session sends: the newest batch first, so that the centre is up to date at once, each batch
 * sealed meanwhile as soon as it is due and there is room, and between them the backlog, oldest first. Yields each batch
 * once, unless it is added again.
 */
export class SendQueue {
  readonly #outbox: Pick<Outbox, 'readOutbox'>;
  #page: SealedBatch[] = [];
  /** The backlog is read up to here. */
  #cursor = 0;
  /** Sent ahead of the cursor: to be passed over when it gets there. */
  readonly #ahead = new Set<number>();
  /** Sequences that were added, and when each may be sent. */
  readonly #fresh = new Map<number, number>();
  #wantNewest = true;

  constructor(outbox: Pick<Outbox, 'readOutbox'>) {
    this.#outbox = outbox;
  }

  /** A batch was sealed, or put back, since the session began. @param due monotonic milliseconds; not sent before. */
  add(sequence: number, due: number): void {
    this.#fresh.set(sequence, due);
  }

  /** When the next of those that were added becomes due after `now`; infinite when none does. */
  dueAfter(now: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const due of this.#fresh.values()) if (due > now) first = Math.min(first, due);
    return first;
  }

  /** The next batch to send, or null when there is none now. Not to be called again before it resolves. */
  async next(now: number): Promise<SealedBatch | null> {
    if (this.#wantNewest) {
      const [newest] = await this.#outbox.readOutbox({ after: 0, before: END, limit: 1, newestFirst: true });
      this.#wantNewest = false;
      if (newest !== undefined && !this.#fresh.has(newest.sequence)) return this.#takeAhead(newest);
    }
    for (let sequence = this.#newestDue(now); sequence !== null; sequence = this.#newestDue(now)) {
      const batch = await this.readOne(sequence);
      this.#fresh.delete(sequence);
      if (batch !== null) return this.#takeAhead(batch);
    }
    while (true) {
      if (this.#page.length === 0) {
        this.#page = await this.#outbox.readOutbox({ after: this.#cursor, before: END, limit: PAGE });
        if (this.#page.length === 0) {
          this.#ahead.clear();
          return null;
        }
      }
      const batch = this.#page.shift();
      if (batch === undefined) continue;
      this.#cursor = batch.sequence;
      // One that was added comes in its own time.
      if (!this.#ahead.delete(batch.sequence) && !this.#fresh.has(batch.sequence)) return batch;
    }
  }

  /** One batch by its sequence, for sending it again; null when the outbox no longer holds it. */
  async readOne(sequence: number): Promise<SealedBatch | null> {
    const [batch] = await this.#outbox.readOutbox({ after: sequence - 1, before: sequence + 1, limit: 1 });
    return batch ?? null;
  }

  #newestDue(now: number): number | null {
    let newest: number | null = null;
    for (const [sequence, due] of this.#fresh) {
      if (due <= now && (newest === null || sequence > newest)) newest = sequence;
    }
    return newest;
  }

  #takeAhead(batch: SealedBatch): SealedBatch {
    if (batch.sequence > this.#cursor) this.#ahead.add(batch.sequence);
    return batch;
  }
}
