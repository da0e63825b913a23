/**
 * The gateway's timeline: milliseconds that never go back. It runs on the monotonic clock from an anchor on the wall
 * clock, so that a stepped wall clock cannot bend a dwell. UTC is the timeline and a correction.
 *
 * A wall clock that is a little off is followed: forward at once, backward by time that runs slower by at most 1 % until
 * both agree. One that is far off is not: the correction that it asks for is told, and made when `correct` is called, at
 * most once a minute, so that a clock that flaps costs no more than one cut of the open window a minute.
 */
import type { Clock } from '../clock.ts';

/** Off by more than this, a clock that is trusted was set; less is followed. */
const STEP_MS = 60_000;
/** A clock that was not trusted until now, or is not, may be off by this without having been set. */
const UNTRUSTED_STEP_MS = 2_000;
const BETWEEN_CORRECTIONS_MS = 60_000;
const SLOWEST = 0.99;
/** The timeline comes to agree within this, where 1 % is enough for it. */
const AGREE_WITHIN_MS = 1_000;

export class Timeline {
  readonly #clock: Clock;
  /** The timeline and the monotonic clock at one moment, and how fast the one runs on the other since. */
  #anchor: number;
  #monotonicAnchor: number;
  #rate = 1;
  #last: number;
  #correction = 0;
  /** How far the wall clock was ahead when it was last looked at; while it is not trusted only a change of it counts. */
  #ahead = 0;
  /** Whether it was trusted then; null before the first look. */
  #trusted: boolean | null = null;
  #correctedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#monotonicAnchor = clock.monotonic();
    this.#anchor = Math.floor(clock.wall());
    this.#last = this.#anchor;
  }

  /**
   * Goes on from `ms` where it is behind: a restart under a clock that was set back must not use times twice. To be called
   * before the clock is followed for the first time.
   * @returns by how much it was behind; 0 where it was not.
   */
  goOnFrom(ms: number): number {
    const behind = ms - this.now();
    if (behind <= 0) return 0;
    this.#run(ms, 1);
    this.#ahead = this.#clock.wall() - ms;
    return behind;
  }

  /** Now, in whole milliseconds of the timeline; at least every earlier answer. */
  now(): number {
    const mapped = Math.floor(this.#exact());
    if (mapped > this.#last) this.#last = mapped;
    return this.#last;
  }

  /** Now, in whole UTC milliseconds; may go back when a correction is made. */
  utc(): number {
    return this.now() + this.#correction;
  }

  /**
   * Follows the wall clock. To be called every second or so.
   * @param trusted whether the wall clock is known to be right.
   * @returns the correction that is wanted, whole milliseconds, positive where time is behind; 0 for none.
   */
  follow(trusted: boolean): number {
    const exact = this.#exact();
    const ahead = this.#clock.wall() - (exact + this.#correction);
    const far = Math.abs(ahead) > (trusted && this.#trusted !== false ? STEP_MS : UNTRUSTED_STEP_MS);
    // A clock that nobody vouches for is believed once somebody sets it, not because it says so from the start.
    const believed = trusted || Math.abs(ahead - this.#ahead) > UNTRUSTED_STEP_MS;
    if (far && believed) {
      this.#run(exact, 1);
      return this.#clock.monotonic() - this.#correctedAt < BETWEEN_CORRECTIONS_MS ? 0 : Math.round(ahead);
    }
    this.#trusted = trusted;
    this.#ahead = far || ahead < 0 ? ahead : 0;
    if (far) this.#run(exact, 1);
    else if (ahead >= 0) this.#run(exact + ahead, 1);
    else this.#run(exact, Math.max(SLOWEST, 1 + ahead / AGREE_WITHIN_MS));
    return 0;
  }

  /** Corrects UTC by `ms`; the timeline itself runs on. */
  correct(ms: number): void {
    this.#correction += ms;
    this.#ahead = 0;
    this.#correctedAt = this.#clock.monotonic();
  }

  #exact(): number {
    return this.#anchor + (this.#clock.monotonic() - this.#monotonicAnchor) * this.#rate;
  }

  /** Runs on from `at`, at this pace. */
  #run(at: number, rate: number): void {
    this.#anchor = at;
    this.#monotonicAnchor = this.#clock.monotonic();
    this.#rate = rate;
  }
}
