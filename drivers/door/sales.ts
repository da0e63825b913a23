/** The most that a till is believed to sell: as many a second, and as many at once. */
const FASTEST_PER_S = 5;
const AT_ONCE = 20;

/**
 * Makes events of a till's running total. The first total of a boot only sets the base, and so does one below the last
 * one. A total that has risen faster than any till sells is damaged: it is set aside and becomes the new base.
 */
export class SalesCounter {
  #boot = -1;
  #total = 0;
  #time = 0;

  /**
   * @param arrival UTC milliseconds at which the total was read.
   * @returns the sales since the last total, or NaN for an implausible one.
   */
  advance(boot: number, total: number, arrival: number): number {
    const sold = boot === this.#boot && total > this.#total ? total - this.#total : 0;
    const plausible = sold <= AT_ONCE + (FASTEST_PER_S * (arrival - this.#time)) / 1_000;
    this.#boot = boot;
    this.#total = total;
    this.#time = arrival;
    return plausible ? sold : Number.NaN;
  }
}
