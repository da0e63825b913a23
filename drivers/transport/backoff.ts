const SHORTEST_MS = 250;
const LONGEST_MS = 30_000;

/**
 * Full-jitter exponential back-off: each wait is uniform between 0 and a limit that doubles from 0.25 s to 30 s, so that
 * many ports lost at once do not come back in step.
 */
export class Backoff {
  readonly #random: () => number;
  #limit = SHORTEST_MS;

  /** @param random gives numbers from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds to wait before the next try. */
  next(): number {
    const wait = this.#random() * this.#limit;
    this.#limit = Math.min(LONGEST_MS, this.#limit * 2);
    return wait;
  }

  /** After a success: the next wait is short again. */
  reset(): void {
    this.#limit = SHORTEST_MS;
  }
}
