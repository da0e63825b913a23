/** How far the source's clock may go back before it counts as restarted; less is reordering inside the source. */
const BACKWARD_MS = 1_000;
/** The fastest that a source's crystal is believed to lag behind the gateway's, as a ratio (100 ppm). */
const DRIFT = 100e-6;
/** A delay between source and arrival above this is no delay but a wrong mapping. */
const LONGEST_DELAY_MS = 60_000;

/**
 * Maps a source's own clock (milliseconds since its boot, or since 1970) to the gateway's timeline.
 *
 * A line and its buffers only ever add delay, so the truest offset is the smallest `arrival - source` seen: the lower
 * envelope. A smaller one holds at once; the offset rises by at most 100 ppm of the time gone by, which follows a source
 * whose crystal is slow. So a burst that was held up in a buffer keeps its own spacing.
 *
 * The mapping starts anew, with the reading at its arrival, when the source goes back by more than 1 s (it restarted or
 * its counter wrapped), when a reading would lie more than 60 s before its arrival (the mapping is wrong, as after a
 * suspended gateway or a damaged timestamp), and at `restart()`.
 *
 * The result depends only on the sequence of pairs, is never after the arrival, and within one mapping never decreases
 * while the source does not.
 */
export class SourceTime {
  /** NaN while there is no mapping. */
  #offset = Number.NaN;
  #newestSource = 0;
  #lastArrival = 0;

  /** Forgets the mapping; the next pair makes a new one. */
  restart(): void {
    this.#offset = Number.NaN;
  }

  /**
   * @param source milliseconds on the source's clock; one that is not finite is answered with the arrival.
   * @param arrival UTC milliseconds on the gateway's timeline; never decreases.
   * @returns UTC milliseconds on the gateway's timeline, at most `arrival`.
   */
  map(source: number, arrival: number): number {
    if (!Number.isFinite(source)) {
      return arrival;
    }
    const candidate = arrival - source;
    if (Number.isNaN(this.#offset) || source < this.#newestSource - BACKWARD_MS) {
      return this.#start(source, arrival, candidate);
    }
    if (candidate < this.#offset) {
      this.#offset = candidate;
    } else {
      this.#offset = Math.min(candidate, this.#offset + DRIFT * Math.max(0, arrival - this.#lastArrival));
    }
    this.#lastArrival = arrival;
    // Rounding alone could put the sum a fraction of a microsecond after the arrival.
    const mapped = Math.min(arrival, source + this.#offset);
    if (arrival - mapped > LONGEST_DELAY_MS) {
      return this.#start(source, arrival, candidate);
    }
    this.#newestSource = Math.max(this.#newestSource, source);
    return mapped;
  }

  #start(source: number, arrival: number, offset: number): number {
    this.#offset = offset;
    this.#newestSource = source;
    this.#lastArrival = arrival;
    return arrival;
  }
}
