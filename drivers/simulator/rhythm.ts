import type { Random } from './random.ts';

/** When a transmitter sends bursts of probe requests. Milliseconds. */
export interface Rhythm {
  /** Time to the first burst of one met at a random moment. */
  first(random: Random): number;
  /** Time from the end of a burst to the next. */
  gap(random: Random): number;
  /** Frames in a burst, 1 to 12. */
  frames(random: Random): number;
}

/**
 * Gaps with the screen on and off. Set so that on one channel 16 % of gaps exceed two minutes and hold 59 % of the
 * time, and a phone is heard with probability 0.32 within 25 s and almost surely within ten minutes, as measured on
 * labelled phones.
 */
const ON_LEAST_MS = 2_500;
const ON_MEAN_MS = 26_000;
const OFF_LEAST_MS = 120_000;
const OFF_MEAN_MS = 205_000;
/** Share of gaps that are screen-off gaps, and the chance that one follows another. */
const OFF_SHARE = 0.16;
const OFF_AGAIN = 0.4;
const ON_TO_OFF = (OFF_SHARE * (1 - OFF_AGAIN)) / (1 - OFF_SHARE);

/** A phone: a two-state chain of short gaps (screen on) and long ones (screen off). */
export class PhoneRhythm implements Rhythm {
  #off = false;

  /** The equilibrium residual: the state by the time it holds, and what is left of its gap. */
  first(random: Random): number {
    const on = (1 - OFF_SHARE) * ON_MEAN_MS;
    this.#off = random.chance((OFF_SHARE * OFF_MEAN_MS) / (on + OFF_SHARE * OFF_MEAN_MS));
    const [least, mean] = this.#off ? [OFF_LEAST_MS, OFF_MEAN_MS] : [ON_LEAST_MS, ON_MEAN_MS];
    return random.chance(least / mean) ? random.uniform(0, least) : least + random.exponential(mean - least);
  }

  gap(random: Random): number {
    this.#off = random.chance(this.#off ? OFF_AGAIN : ON_TO_OFF);
    const [least, mean] = this.#off ? [OFF_LEAST_MS, OFF_MEAN_MS] : [ON_LEAST_MS, ON_MEAN_MS];
    return least + random.exponential(mean - least);
  }

  frames(random: Random): number {
    return Math.min(1 + random.poisson(random.exponential(2.5)), 12);
  }
}

/** A thing that scans by a timer: a period of 30 to 300 s that jitters by 1 %. */
export class MetronomeRhythm implements Rhythm {
  readonly #periodMs: number;

  constructor(random: Random) {
    this.#periodMs = random.uniform(30_000, 300_000);
  }

  first(random: Random): number {
    return random.uniform(0, this.#periodMs);
  }

  gap(random: Random): number {
    return this.#periodMs * random.uniform(0.99, 1.01);
  }

  frames(random: Random): number {
    return random.integer(1, 3);
  }
}

/** A thing that scans when something happens to it: exponential gaps with a mean of 1 to 10 min. */
export class RandomRhythm implements Rhythm {
  readonly #meanMs: number;

  constructor(random: Random) {
    this.#meanMs = random.uniform(60_000, 600_000);
  }

  first(random: Random): number {
    return random.exponential(this.#meanMs);
  }

  gap(random: Random): number {
    return ON_LEAST_MS + random.exponential(this.#meanMs);
  }

  frames(random: Random): number {
    return random.integer(1, 6);
  }
}
