/**
 * What becomes of the state when the clock turns out to be wrong. Time is cut there: what is open is sealed as partial as
 * it is, at the times that it has under the corrected clock, and counting goes on in what is left of the window that
 * holds the corrected time. What was sealed stays as it was. Durations know nothing of it: visits, dwell and the silence
 * of a counter go on as if the clock had always been right, and so does the business day.
 *
 * Where the machine was off, its clock may have begun anew: times from before that are another clock's, no correction of
 * this one moves them, and how long ago they are is not known.
 */
import type { ClockChange } from '../readings.ts';
import type { CounterState } from './doors.ts';
import { type DayState, endOf } from './settlement.ts';
import type { FoldState } from './state.ts';
import { cutWindow, type WindowState } from './windows.ts';

/** Windows of another clock that end further before the corrected time than this, or after it, are of another day. */
const LONGEST_DAY_MS = 2 * 24 * 3_600_000;
const NEAR_MS = 3_600_000;

export class Correction {
  readonly deltaMs: number;
  readonly restarted: boolean;
  /** The time of the cut, before and after it is corrected. */
  readonly before: number;
  readonly after: number;
  /** Since when times are this clock's. */
  readonly #since: number;

  /** @param change checked here: a correction that is none would end all counting. */
  constructor({ delta_ms: deltaMs, restarted }: ClockChange, { at, clockSince }: FoldState) {
    if (!Number.isSafeInteger(deltaMs))
      throw new Error(`expected a correction in whole milliseconds, found ${deltaMs}`);
    this.deltaMs = deltaMs;
    this.restarted = restarted;
    this.before = at;
    this.after = at + deltaMs;
    this.#since = restarted ? Number.POSITIVE_INFINITY : clockSince;
  }

  /** Since when times are this clock's, once it is corrected. */
  get since(): number {
    return this.restarted ? this.after : this.#since + this.deltaMs;
  }

  /** A time of the state under the corrected clock; never in its future. */
  time(time: number): number {
    return Math.min(this.after, time >= this.#since ? time + this.deltaMs : time);
  }

  /** An open window, as far as it was counted, under the corrected clock. Returns by how much it was moved; null for not. */
  window(window: WindowState): number | null {
    const own = this.#holds(window.end);
    cutWindow(window, this.before);
    if (this.deltaMs === 0 || !own) return null;
    window.start += this.deltaMs;
    window.end += this.deltaMs;
    for (const door of window.doors) {
      if (typeof door.catchUpFrom === 'number') door.catchUpFrom = this.time(door.catchUpFrom);
    }
    // It was wrong, whoever kept it.
    window.clock = 'unknown';
    return this.deltaMs;
  }

  /** Whether windows of the business day, or what is open, are of another clock and too far away to be of one day. */
  partsFrom(day: DayState, openUntil: number): boolean {
    const others = [...day.windows.map(endOf), openUntil].filter((end) => !this.#holds(end));
    return others.some((end) => this.after - end > LONGEST_DAY_MS || end - this.after > NEAR_MS);
  }

  day(day: DayState): void {
    for (const window of day.windows) {
      const { end } = window;
      const now = endOf(window);
      const moved = (this.#holds(now) ? now + this.deltaMs : Math.min(now, this.after)) - end;
      if (moved !== 0) window.correctedMs = moved;
      else delete window.correctedMs;
    }
  }

  /** Whether a span that ends at `end` is this clock's. */
  #holds(end: number): boolean {
    return end > this.#since;
  }

  counters(counters: Record<number, CounterState>): void {
    for (const counter of Object.values(counters)) {
      if (counter.time < this.#since) counter.otherClock = true;
      counter.time = this.time(counter.time);
    }
  }
}
