import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '../../agent/clock.ts';
import type { Transport, TransportEvents } from '../driver.ts';
import { FrameDecoder, RADIO_PROTOCOL } from '../radio/frames.ts';
import type { RadioState } from '../radio/source.ts';
import { Backoff } from './backoff.ts';

/** For a helper to say its first word. */
const GREETING_MS = 10_000;

export interface RadioTransportOptions {
  /** Path of the helper's socket. */
  socket: string;
  /** Id of the sensor, as in the name of the helper's unit. */
  sensorId: string;
  clock: Clock;
  /** Numbers from 0 to below 1, for the jitter of the waits. */
  random: () => number;
}

/**
 * A radio, heard through its helper's socket, that is connected to again and again until it is stopped. The line is up
 * while the helper listens. Nothing ever throws.
 */
export class RadioTransport implements Transport {
  readonly #options: RadioTransportOptions;
  readonly #backoff: Backoff;
  #events: TransportEvents | undefined;
  #socket: Socket | undefined;
  /** The next try to connect, or the patience with one that says nothing. */
  #timer: Timer | undefined;
  #closed: Promise<void> = Promise.resolve();
  #up = false;
  #saidDown = '';
  #delivered = 0;

  constructor(options: RadioTransportOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  get delivered(): number {
    return this.#delivered;
  }

  start(events: TransportEvents): void {
    if (this.#events !== undefined) return;
    this.#events = events;
    this.#delivered = 0;
    this.#saidDown = '';
    this.#backoff.reset();
    this.#connect();
  }

  /** Bytes come when they come: the kernel's socket has no more of them than this process was told of. */
  poll(): void {}

  /** May be called at any time and more than once. */
  async stop(): Promise<void> {
    this.#events = undefined;
    this.#up = false;
    this.#timer?.cancel();
    this.#socket?.destroy();
    await this.#closed;
  }

  #connect(): void {
    const { socket: path, clock } = this.#options;
    const socket = connect(path);
    this.#socket = socket;
    let reason = 'the radio helper ended the connection';
    const close = (why: string): void => {
      reason = why;
      socket.destroy();
    };
    const frames = new FrameDecoder({
      bytes: (chunk) => this.#pass(socket, chunk),
      state: (state, detail, version) => {
        if (version !== undefined && version !== RADIO_PROTOCOL) close(this.#otherRelease());
        else if (this.#socket === socket && !socket.destroyed) this.#heard(state, detail);
      },
    });
    socket.on('data', (chunk) => {
      if (!socket.destroyed && !frames.push(chunk)) close('what answers on its socket is no radio helper');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = this.#explain(error.code ?? 'error');
    });
    this.#timer = clock.after(GREETING_MS, () => close('the radio helper does not answer'));
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
        if (this.#socket === socket) this.#lost(reason);
      });
    });
  }

  #pass(socket: Socket, chunk: Uint8Array): void {
    // Stopped, or down: what was heard before it went down is gone with it.
    if (this.#socket !== socket || !this.#up) return;
    this.#delivered += chunk.length;
    this.#events?.bytes(chunk);
  }

  #heard(state: RadioState, detail: string): void {
    this.#timer?.cancel();
    if (state !== 'listening') {
      this.#sayDown(detail);
      return;
    }
    this.#backoff.reset();
    if (this.#up) return;
    this.#up = true;
    this.#saidDown = '';
    this.#events?.up();
  }

  #lost(reason: string): void {
    this.#timer?.cancel();
    this.#socket = undefined;
    if (this.#events === undefined) return;
    this.#sayDown(reason);
    this.#timer = this.#options.clock.after(this.#backoff.next(), () => this.#connect());
  }

  #sayDown(reason: string): void {
    this.#up = false;
    if (reason === this.#saidDown) return;
    this.#saidDown = reason;
    this.#events?.down(reason);
  }

  #explain(code: string): string {
    const { sensorId } = this.#options;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return `the radio helper does not run; start it: systemctl start footfall-radio@${sensorId}`;
    }
    if (code === 'EACCES' || code === 'EPERM') {
      return `no permission to use the radio helper's socket; start it anew: systemctl restart footfall-radio@${sensorId}`;
    }
    return `the radio helper's socket failed (${code})`;
  }

  #otherRelease(): string {
    return `the radio helper is of another release; start it anew: systemctl restart footfall-radio@${this.#options.sensorId}`;
  }
}
