/**
 * Readings of cumulative counters that say nothing new. A counter that is polled each second, or that sends a heartbeat,
 * repeats its totals: a quiet store should not write because of it. One repeat a minute is written. A later one is held
 * back, and written only when the totals change: so the journal knows when they were last heard as they were, and a gap
 * in it is a silence, never a thinning.
 */

/** Less than the silence after which a difference counts as caught up (analytics/doors.ts). */
const REPEAT_MS = 60_000;

/** One reading of a counter. */
export interface Totals {
  entered: number;
  left: number;
  boot: number;
  width: number;
  /** UTC milliseconds at which it was so. */
  time: number;
}

interface Heard extends Totals {
  /** Time of the newest reading that was written. */
  written: number;
}

export class RepeatedTotals {
  readonly #heard = new Map<number, Heard>();

  /**
   * Takes a reading in and writes what is to be written, oldest first.
   * @param write gets whether the reading is news, not a repeat.
   */
  take(sensor: number, totals: Totals, write: (totals: Totals, news: boolean) => void): void {
    const heard = this.#heard.get(sensor);
    if (heard !== undefined && alike(heard, totals)) {
      heard.time = Math.max(heard.time, totals.time);
      if (heard.time - heard.written < REPEAT_MS) return;
      heard.written = heard.time;
      write(totals, false);
      return;
    }
    if (heard !== undefined && heard.time > heard.written) write(heard, false);
    this.#heard.set(sensor, { ...totals, written: totals.time });
    write(totals, true);
  }
}

function alike(one: Totals, other: Totals): boolean {
  return (
    one.entered === other.entered && one.left === other.left && one.boot === other.boot && one.width === other.width
  );
}
