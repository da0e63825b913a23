import type { Clock } from '../../agent/clock.ts';
import type { Transport, TransportEvents } from '../driver.ts';
import { Conversation } from './conversation.ts';

/**
 * A transport whose other end is in this process: the simulator, a replayed recording, a test. Bytes arrive in the very
 * call that pushes them. As on a real line, bytes sent while the line is down, or before it is started, are lost.
 */
export class MemoryTransport implements Transport {
  #events: TransportEvents | undefined;
  #connected = true;
  #delivered = 0;
  readonly #answering: { clock: Clock; take: (frame: Uint8Array) => void } | undefined;
  #conversation: Conversation | undefined;

  /** @param answering what takes the frames that the driver says on the line, and the clock it is asked by. */
  constructor(answering?: { clock: Clock; take: (frame: Uint8Array) => void }) {
    this.#answering = answering;
  }

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
    const { speaker } = events;
    const answering = this.#answering;
    this.#conversation = speaker && answering && new Conversation(answering.clock, speaker, answering.take);
    if (this.#connected) {
      events.up();
      if (this.#events === events) this.#conversation?.open();
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
    this.#conversation?.heard();
    return true;
  }

  /** Cuts the line, until `restore()`. */
  hangUp(reason = 'the line was hung up'): void {
    if (this.#connected) {
      this.#connected = false;
      this.#conversation?.close();
      this.#events?.down(reason);
    }
  }

  restore(): void {
    if (!this.#connected) {
      this.#connected = true;
      this.#events?.up();
      if (this.#events !== undefined) this.#conversation?.open();
    }
  }

  /** Nothing ever waits: `push` delivers at once. */
  poll(): void {}

  stop(): Promise<void> {
    this.#events = undefined;
    this.#conversation?.close();
    return Promise.resolve();
  }
}
