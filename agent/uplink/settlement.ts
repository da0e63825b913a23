import { reasonOf } from '../errors.ts';
import type { Log } from '../mqtt/link.ts';
import type { Outbox, SealedBatch } from './port.ts';

/** A batch by its name. */
export type Named = Pick<SealedBatch, 'sequence' | 'epoch'>;

export interface Rejection extends Named {
  code: string;
  message: string;
}

/**
 * Carries acknowledgements into the outbox: one call at a time, with all that arrived meanwhile in the next, so that a
 * fast collector costs the card one commit for many batches.
 */
export class Settlement {
  readonly #outbox: Pick<Outbox, 'acknowledge' | 'reject'>;
  readonly #log: Log;
  readonly #settled: (acknowledged: number, rejected: number) => void;
  readonly #failed: (batches: Named[]) => void;
  /** Acknowledged but not yet committed: neither in flight nor gone. */
  readonly #open = new Set<number>();
  #accepted: Named[] = [];
  #rejected: Rejection[] = [];
  #running: Promise<void> | null = null;

  /**
   * @param settled called after each commit.
   * @param failed called with the batches that the outbox still holds because storage failed.
   */
  constructor(
    outbox: Pick<Outbox, 'acknowledge' | 'reject'>,
    log: Log,
    settled: (acknowledged: number, rejected: number) => void,
    failed: (batches: Named[]) => void,
  ) {
    this.#outbox = outbox;
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

  /** Starts committing what was taken; returns at once. */
  flush(): void {
    if (this.#running !== null || this.#open.size === 0) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** Resolves when all that was taken is committed or has failed. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#accepted.length + this.#rejected.length > 0) {
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
