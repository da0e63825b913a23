import type { Outbox, SealedBatch } from './port.ts';

/** Batches read ahead of the window: one read of the outbox for many publications. */
const PAGE = 64;
const END = Number.MAX_SAFE_INTEGER;

/**
 * The order in which one session sends: the newest batch first, so that the centre is up to date at once, each batch
 * sealed meanwhile as soon as there is room, and between them the backlog, oldest first. Yields each batch once.
 */
export class SendQueue {
  readonly #outbox: Pick<Outbox, 'readOutbox'>;
  #page: SealedBatch[] = [];
  /** The backlog is read up to here. */
  #cursor = 0;
  /** Sent ahead of the cursor: to be passed over when it gets there. */
  readonly #ahead = new Set<number>();
  #fresh: number[] = [];
  #wantNewest = true;

  constructor(outbox: Pick<Outbox, 'readOutbox'>) {
    this.#outbox = outbox;
  }

  /** A batch was sealed since the session began. */
  add(sequence: number): void {
    this.#fresh.push(sequence);
  }

  /** The next batch to send, or null when there is none now. Not to be called again before it resolves. */
  async next(): Promise<SealedBatch | null> {
    if (this.#wantNewest) {
      const [newest] = await this.#outbox.readOutbox({ after: 0, before: END, limit: 1, newestFirst: true });
      this.#wantNewest = false;
      if (newest !== undefined) return this.#takeAhead(newest);
    }
    while (this.#fresh.length > 0) {
      const sequence = this.#fresh[this.#fresh.length - 1];
      const known = sequence <= this.#cursor || this.#ahead.has(sequence);
      const batch = known ? null : await this.readOne(sequence);
      // By value: another may have been added during the read.
      this.#fresh = this.#fresh.filter((other) => other !== sequence);
      if (batch !== null) return this.#takeAhead(batch);
    }
    while (true) {
      if (this.#page.length === 0) {
        this.#page = await this.#outbox.readOutbox({ after: this.#cursor, before: END, limit: PAGE });
        if (this.#page.length === 0) return null;
      }
      const batch = this.#page.shift();
      if (batch === undefined) continue;
      this.#cursor = batch.sequence;
      if (!this.#ahead.delete(batch.sequence)) return batch;
    }
  }

  /** One batch by its sequence, for sending it again; null when the outbox no longer holds it. */
  async readOne(sequence: number): Promise<SealedBatch | null> {
    const [batch] = await this.#outbox.readOutbox({ after: sequence - 1, before: sequence + 1, limit: 1 });
    return batch ?? null;
  }

  #takeAhead(batch: SealedBatch): SealedBatch {
    this.#ahead.add(batch.sequence);
    return batch;
  }
}
