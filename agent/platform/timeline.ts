/**
 * The gateway's timeline: UTC milliseconds that never go back. It runs on the monotonic clock from an anchor on the wall
 * clock, so that a stepped wall clock cannot bend a dwell.
 */
import type { Clock } from '../clock.ts';

export class Timeline {
  readonly #clock: Clock;
  #wallAnchor: number;
  #monotonicAnchor: number;
  #last: number;

  /** @param floorMs the latest time already used, so that a restart under a clock set back goes on from there. */
  constructor(clock: Clock, floorMs = 0) {
    this.#clock = clock;
    this.#monotonicAnchor = clock.monotonic();
    this.#wallAnchor = Math.max(Math.floor(clock.wall()), floorMs);
    this.#last = this.#wallAnchor;
  }

  /** Now, in whole UTC milliseconds; at least every earlier answer. */
  now(): number {
    const mapped = Math.floor(this.#wallAnchor + (this.#clock.monotonic() - this.#monotonicAnchor));
    if (mapped > this.#last) this.#last = mapped;
    return this.#last;
  }

  /**
   * Follows the wall clock: being ahead is taken over; a step back is not, time goes on at its pace until the wall clock
   * has caught up or the program restarts. Returns the wall clock's distance from the timeline, positive when ahead.
   */
  follow(): number {
    const ahead = this.#clock.wall() - this.now();
    if (ahead > 0) {
      this.#wallAnchor = Math.floor(this.#clock.wall());
      this.#monotonicAnchor = this.#clock.monotonic();
    }
    return ahead;
  }
}
