import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Watches how long the event loop stalls: while it stalls, no port is read. */
export class LoopWatch {
  readonly #histogram: ReturnType<typeof monitorEventLoopDelay>;

  constructor(resolutionMs = 10) {
    this.#histogram = monitorEventLoopDelay({ resolution: resolutionMs });
    this.#histogram.enable();
  }

  /** The longest stall since the start, in milliseconds. */
  get longestMs(): number {
    return Math.round(this.#histogram.max / 1e6);
  }

  stop(): void {
    this.#histogram.disable();
  }
}
