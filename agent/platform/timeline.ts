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

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#monotonicAnchor = clock.monotonic();
    this.#wallAnchor = Math.floor(clock.wall());
    this.#last = this.#wallAnchor;
  }

  /** Goes on from `ms` where it is behind: a restart under a clock that was set back must not use times twice. */
  goOnFrom(ms: number): void {
    if (ms <= this.now()) return;
    this.#wallAnchor = ms;
    this.#monotonicAnchor = this.#clock.monotonic();
    this.#last = ms;
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
