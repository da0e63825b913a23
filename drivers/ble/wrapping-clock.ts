/** Counts in a millisecond. */
const TICKS_PER_MS = 1_000;

/**
 * A sniffer's microsecond counter that wraps, as milliseconds that do not: of all counts that the stamp can stand for,
 * the one nearest to where the arrivals say it should be. So it survives silences longer than the counter.
 */
export class WrappingClock {
  readonly #period: number;
  /** Unwrapped microseconds of the last stamp; NaN before the first. */
  #last = Number.NaN;
  #lastArrival = 0;

  /** @param period microseconds after which the counter is at zero again. */
  constructor(period: number) {
    this.#period = period;
  }

  /**
   * @param stamp microseconds, 0 to below the period.
   * @param arrival UTC milliseconds on the gateway's timeline.
   * @returns milliseconds on the sniffer's clock, wraps taken out.
   */
  unwrap(stamp: number, arrival: number): number {
    if (Number.isNaN(this.#last)) {
      this.#last = stamp;
    } else {
      const expected = this.#last + (arrival - this.#lastArrival) * TICKS_PER_MS;
      this.#last = stamp + this.#period * Math.round((expected - stamp) / this.#period);
    }
    this.#lastArrival = arrival;
    return this.#last / TICKS_PER_MS;
  }
}
