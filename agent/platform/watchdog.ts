import type { Clock, Timer } from '../clock.ts';
import type { ServiceNotifier } from './notify.ts';

/** systemd.service(5) asks for a sign of life each half of the interval; a third leaves room for one that is late. */
const FEEDS_PER_INTERVAL = 3;

export interface WatchdogOptions {
  notifier: Pick<ServiceNotifier, 'watchdog'>;
  /** The machine's, never a virtual one. */
  clock: Clock;
  /** After this long without a sign of life systemd ends the service; `ServiceNotifier.watchdogMs`. */
  intervalMs: number;
  /** Whether the program still does its work. A process that merely runs is no sign of life. */
  healthy: () => boolean;
}

/** Gives signs of life for as long as the program is healthy: one that hangs is killed and started again by systemd. */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: Timer | null = null;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer !== null) return;
    const { clock, intervalMs } = this.#options;
    this.#timer = clock.every(intervalMs / FEEDS_PER_INTERVAL, () => this.#feed());
    this.#feed();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #feed(): void {
    if (this.#options.healthy()) this.#options.notifier.watchdog();
  }
}
