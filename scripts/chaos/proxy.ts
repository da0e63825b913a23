/** A TCP proxy whose line can be cut, swallowed or slowed: what a bad network does between a program and its broker. */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  near: Socket;
  far: Socket;
  /** Milliseconds that what comes now is held back; Infinity: it is swallowed, and no end is told either. */
  delayMs: number;
}

/**
 * Each connection goes to a port that `upstream` names at that moment, as a load balancer in front of a cluster sends it to
 * a node that lives; null closes it at once.
 */
export class FaultyProxy {
  readonly #server: Server;
  readonly #upstream: () => number | null;
  readonly #pairs = new Set<Pair>();
  #delayMs = 0;

  private constructor(upstream: () => number | null) {
    this.#upstream = upstream;
    this.#server = createServer({ noDelay: true }, (near) => this.#accept(near));
  }

  static async open(upstream: () => number | null): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(upstream);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return `mqtt://127.0.0.1:${address.port}`;
  }

  /** Resets every connection. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** What stands now goes nowhere from now on, and neither end is told: only keep-alives find out. */
  halfOpen(): void {
    for (const pair of this.#pairs) pair.delayMs = Number.POSITIVE_INFINITY;
  }

  /** Everything, on new connections too, is held back by so many milliseconds; 0 ends that. */
  delay(ms: number): void {
    this.#delayMs = ms;
    for (const pair of this.#pairs) if (pair.delayMs !== Number.POSITIVE_INFINITY) pair.delayMs = ms;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(near: Socket): void {
    const port = this.#upstream();
    near.on('error', () => undefined);
    if (port === null) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    far.on('error', () => undefined);
    const pair: Pair = { near, far, delayMs: this.#delayMs };
    this.#pairs.add(pair);
    this.#join(pair, near, far);
    this.#join(pair, far, near);
  }

  #join(pair: Pair, from: Socket, to: Socket): void {
    /** When the last of what was held back is handed on: nothing may overtake it. */
    let last = 0;
    const after = (task: () => void): void => {
      if (pair.delayMs === Number.POSITIVE_INFINITY) return;
      const now = performance.now();
      last = Math.max(last, now + pair.delayMs);
      if (last <= now) task();
      else setTimeout(task, last - now);
    };
    from.on('data', (bytes) =>
      after(() => {
        if (!to.destroyed) to.write(bytes);
      }),
    );
    from.on('close', () =>
      after(() => {
        to.destroy();
        this.#pairs.delete(pair);
      }),
    );
  }
}
