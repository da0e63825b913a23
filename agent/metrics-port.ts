/** The loopback port for Prometheus that the settings ask for: opened, moved and closed while the daemon runs. */
import { reasonOf } from './errors.ts';
import { type Loopback, startLoopback } from './local/loopback.ts';
import type { Log } from './logging.ts';

export class MetricsPort {
  readonly #metrics: () => Promise<string>;
  readonly #log: Log;
  #wanted: number | undefined;
  #open: Loopback | null = null;

  constructor(metrics: () => Promise<string>, log: Log) {
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Serves on this port of 127.0.0.1 from now on, or on none. A port that is taken is logged: counting does not need it. */
  async use(port: number | undefined): Promise<void> {
    if (port === this.#wanted) return;
    this.#wanted = port;
    await this.stop();
    if (port === undefined) return;
    try {
      this.#open = await startLoopback({ port, metrics: this.#metrics });
    } catch (error) {
      this.#log('error', { reason: reasonOf(error) }, 'no metrics over TCP; the socket still serves them');
    }
  }

  async stop(): Promise<void> {
    await this.#open?.stop();
    this.#open = null;
  }
}
