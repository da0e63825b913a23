import type { Random } from '../random.ts';

/** The program of a module starts some time after power, and its clock runs since power. */
const START_MS = 400;

/** The crystal of a module, and how long a frame stays in it before it is on the line. */
export class ModuleClock {
  readonly #latencyUs: number;
  /** Crystal error: parts per million. */
  readonly #ppm: number;
  #bootMs = 0;

  constructor(random: Random) {
    this.#latencyUs = random.uniform(1_000, 15_000);
    this.#ppm = random.uniform(-40, 40);
  }

  /** The program has started. */
  boot(ms: number): void {
    this.#bootMs = ms - START_MS;
  }

  /** What the clock showed, in microseconds, when the frame was received that is sent at `ms`. */
  uptimeUs(ms: number): number {
    return (ms - this.#bootMs) * 1000 * (1 + this.#ppm / 1e6) - this.#latencyUs;
  }
}
