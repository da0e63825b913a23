import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../mqtt/link.ts';
import type { Outbox, SealedBatch } from './port.ts';

/** A batch by its name. */
export type Named = Pick<SealedBatch, 'sequence' | 'epoch'>;

export interface Rejection extends Named {
  code: string;
  message: string;
}

/** While more is on its way, what is acknowledged within this time is one commit: fewer of them wear the card less. */
const GATHER_MS = 20;

/** Carries acknowledgements into the outbox, one call at a time. */
export class Settlement {
  readonly #outbox: Pick<Outbox, 'acknowledge' | 'reject'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #settled: (acknowledged: number, rejected: number) => void;
  readonly #failed: (batches: Named[]) => void;
  /** Acknowledged but not yet committed: neither in flight nor gone. */
  readonly #open = new Set<number>();
  #accepted: Named[] = [];
  #rejected: Rejection[] = [];
  #running: Promise<void> | null = null;
  /** As `flush` was told last. */
  #more = false;
  /** Begins the next commit. */
  #due: Timer | null = null;

  /**
   * @param settled called after each commit.
   * @param failed called with the batches that the outbox still holds because storage failed.
   */
  constructor(
    outbox: Pick<Outbox, 'acknowledge' | 'reject'>,
    clock: Clock,
    log: Log,
    settled: (acknowledged: number, rejected: number) => void,
    failed: (batches: Named[]) => void,
  ) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#log = log;
    this.#settled = settled;
    this.#failed = failed;
  }

  get size(): number {
    return this.#open.size;
  }

  has(sequence: number): boolean {
    return this.#open.has(sequence);
  }

  accept({ sequence, epoch }: Named): void {
    this.#open.add(sequence);
    this.#accepted.push({ sequence, epoch });
  }

  reject(rejection: Rejection): void {
    this.#open.add(rejection.sequence);
    this.#rejected.push(rejection);
  }

  /** Commits what was taken; returns at once. @param more whether more is on its way, and may join it. */
  flush(more: boolean): void {
    this.#more = more;
    if (!more) this.#begin();
    else if (this.#running === null && this.#waits) this.#due ??= this.#clock.after(GATHER_MS, () => this.#begin());
  }

  /** Resolves when all that was taken is committed or has failed. */
  async idle(): Promise<void> {
    while (this.#running !== null || this.#waits) {
      this.#begin();
      await this.#running;
    }
  }

  get #waits(): boolean {
    return this.#accepted.length + this.#rejected.length > 0;
  }

  #begin(): void {
    if (this.#running !== null || !this.#waits) return;
    this.#due?.cancel();
    this.#due = null;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      this.flush(this.#more);
    });
  }

  async #run(): Promise<void> {
    const accepted = this.#accepted;
    const rejected = this.#rejected;
    this.#accepted = [];
    this.#rejected = [];
    if (accepted.length > 0) {
      const sequences = accepted.map(({ sequence }) => sequence);
      await this.#commit(accepted, () => this.#outbox.acknowledge(sequences), accepted.length, 0);
    }
    if (rejected.length > 0) {
      const words = rejected.map(({ sequence, code, message }) => ({ sequence, code, message }));
      await this.#commit(rejected, () => this.#outbox.reject(words), 0, rejected.length);
    }
  }

  async #commit(batches: Named[], call: () => Promise<void>, accepted: number, rejected: number): Promise<void> {
    let error: unknown = null;
    try {
      await call();
    } catch (thrown) {
      error = thrown ?? new Error('unknown');
    }
    for (const { sequence } of batches) this.#open.delete(sequence);
    if (error === null) return this.#settled(accepted, rejected);
    this.#log('error', { reason: reasonOf(error) }, 'The outbox could not take an acknowledgement');
    this.#failed(batches);
  }
}
