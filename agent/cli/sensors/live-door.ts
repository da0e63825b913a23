/** People through one door as they come, whether its counter tells events or running totals. */
import type { LiveReading } from './live.ts';

export interface Crossings {
  in: number;
  out: number;
}

export class LiveDoor {
  /** Of people counted since the listening began. */
  readonly counted: Crossings = { in: 0, out: 0 };
  /** The counter's own totals; null while it has told none. */
  totals: Crossings | null = null;
  /** Totals that went back: the counter was restarted, or rolled over. What came meanwhile is not known. */
  restarts = 0;
  /** UTC milliseconds of the last person counted; null before the first. */
  lastMs: number | null = null;

  /**
   * What the reading adds; null where that cannot be known, as a total is the first one, or has gone back. Of no kind but
   * a door's, nothing.
   */
  take(reading: LiveReading): Crossings | null {
    if (reading.kind !== 'door') return { in: 0, out: 0 };
    const { in: entered, out: left, total, at_ms: at } = reading;
    if (!total) return this.#add({ in: entered, out: left }, at);
    const before = this.totals;
    this.totals = { in: entered, out: left };
    if (before === null) return null;
    if (entered < before.in || left < before.out) {
      this.restarts++;
      return null;
    }
    return this.#add({ in: entered - before.in, out: left - before.out }, at);
  }

  #add(more: Crossings, at: number): Crossings {
    this.counted.in += more.in;
    this.counted.out += more.out;
    if (more.in + more.out > 0) this.lastMs = at;
    return more;
  }
}
