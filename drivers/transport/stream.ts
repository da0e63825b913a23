import type { Transport, TransportEvents } from '../driver.ts';

/**
 * A transport whose other end is in this process: the simulator, a replayed recording, a test. Bytes arrive in the very
 * call that pushes them. As on a real line, bytes sent while the line is down, or before it is started, are lost.
 */
export class MemoryTransport implements Transport {
  #events: TransportEvents | undefined;
  #connected = true;
  #delivered = 0;

  get delivered(): number {
    return this.#delivered;
  }

  /** Whether the line is there. */
  get connected(): boolean {
    return this.#connected;
  }

  start(events: TransportEvents): void {
    this.#events = events;
    this.#delivered = 0;
    if (this.#connected) {
      events.up();
    } else {
      events.down('the line is not there');
    }
  }

  /** Sends bytes up the line; false where they were lost. */
  push(bytes: Uint8Array): boolean {
    if (this.#events === undefined || !this.#connected) {
      return false;
    }
    this.#delivered += bytes.length;
    this.#events.bytes(bytes);
    return true;
  }

  /** Cuts the line, until `restore()`. */
  hangUp(reason = 'the line was hung up'): void {
    if (this.#connected) {
      this.#connected = false;
      this.#events?.down(reason);
    }
  }

  restore(): void {
    if (!this.#connected) {
      this.#connected = true;
      this.#events?.up();
    }
  }

  /** Nothing ever waits: `push` delivers at once. */
  poll(): void {}

  stop(): Promise<void> {
    this.#events = undefined;
    return Promise.resolve();
  }
}
