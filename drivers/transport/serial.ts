import { readSync } from 'node:fs';
import type { Clock, Timer } from '../../agent/clock.ts';
import type { Transport, TransportEvents } from '../driver.ts';
import { Backoff } from './backoff.ts';
import { explainOpenFailure, type OpenPort, openSerialPort, type PortOpener } from './port.ts';

/** The kernel holds up to 64 KiB of a line: at 2 Mbaud 50 ms are 10 KB of them. */
const POLL_MS = 50;
/** A line that floods must not keep the others waiting: the rest is read at the next tick. */
const BYTES_PER_POLL = 262_144;
/** A tty gives at most 4 KiB a read. */
const READ_SIZE = 65_536;
/** A reader that finds nothing, and not that the line is gone. */
const NOTHING = new Set(['EAGAIN', 'EWOULDBLOCK', 'EINTR']);

export interface SerialOptions {
  /** Path of the device, by-id or by-path for one that must be found again. */
  path: string;
  baudRate: number;
  clock: Clock;
  /** Numbers from 0 to below 1, for the jitter of the waits. */
  random: () => number;
  /** Milliseconds between reads. */
  pollMs?: number;
  /** Opens the line; for tests. */
  open?: PortOpener;
}

/**
 * A serial line that is opened again and again until it is stopped.
 *
 * The library only opens and closes it: its own reader misses a hang-up while bytes flow and then spins for ever. Here the
 * descriptor is read on a timer until it is empty, which costs per tick and not per byte, and sees a hang-up as a read of
 * nothing or an error. Nothing ever throws.
 */
export class SerialTransport implements Transport {
  readonly #options: SerialOptions;
  readonly #backoff: Backoff;
  readonly #chunk = Buffer.allocUnsafeSlow(READ_SIZE);
  #events: TransportEvents | undefined;
  /** The open line. */
  #port: OpenPort | undefined;
  /** The next read while the line is open, the next try to open while it is not. */
  #timer: Timer | undefined;
  /** The attempt under way to open or close; there is never more than one. */
  #busy: Promise<void> | undefined;
  /** What `down` said last, so that each failing attempt does not repeat it. */
  #saidDown = '';
  #delivered = 0;
  #reading = false;

  constructor(options: SerialOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  get delivered(): number {
    return this.#delivered;
  }

  start(events: TransportEvents): void {
    if (this.#events !== undefined) {
      return;
    }
    this.#events = events;
    this.#delivered = 0;
    this.#saidDown = '';
    this.#backoff.reset();
    this.#tryToOpen();
  }

  poll(): void {
    // A consumer that polls while it is being given bytes would see them out of order.
    if (this.#reading || this.#port === undefined) {
      return;
    }
    this.#reading = true;
    try {
      this.#drain(this.#port);
    } finally {
      this.#reading = false;
    }
  }

  /** Closes the line, also one that is just being opened. May be called at any time and more than once. */
  async stop(): Promise<void> {
    this.#events = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#release();
    // Closing can follow an opening that was under way.
    while (this.#busy !== undefined) {
      await this.#busy;
    }
  }

  #drain(port: OpenPort): void {
    for (let budget = BYTES_PER_POLL; budget > 0; ) {
      let count: number;
      try {
        count = readSync(port.fd, this.#chunk, 0, Math.min(READ_SIZE, budget), null);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (!NOTHING.has(code)) {
          this.#hangUp(`the line was hung up (${code || 'read failed'})`);
        }
        return;
      }
      if (count === 0) {
        this.#hangUp('the line was hung up');
        return;
      }
      budget -= count;
      this.#delivered += count;
      this.#backoff.reset();
      this.#events?.bytes(this.#chunk.subarray(0, count));
      if (this.#port !== port) {
        return; // The consumer stopped the transport.
      }
    }
  }

  #hangUp(reason: string): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#release();
    this.#sayDown(reason);
    this.#tryLater();
  }

  /** Closes the line, if it is open. */
  #release(): void {
    const port = this.#port;
    if (port !== undefined) {
      this.#port = undefined;
      this.#run(port.close());
    }
  }

  #tryLater(): void {
    if (this.#events === undefined) {
      return;
    }
    this.#timer = this.#options.clock.after(this.#backoff.next(), () => this.#tryToOpen());
  }

  #tryToOpen(): Promise<void> {
    const before = this.#busy;
    return this.#run(before === undefined ? this.#open() : before.then(() => this.#open()));
  }

  async #open(): Promise<void> {
    const events = this.#events;
    if (events === undefined || this.#port !== undefined) {
      return;
    }
    const { path, baudRate, open = openSerialPort, clock, pollMs = POLL_MS } = this.#options;
    let port: OpenPort;
    try {
      port = await open(path, baudRate);
    } catch (error) {
      if (this.#events === events) {
        this.#sayDown(explainOpenFailure(error));
        this.#tryLater();
      }
      return;
    }
    if (this.#events !== events) {
      await port.close();
      return;
    }
    this.#port = port;
    this.#saidDown = '';
    this.#timer = clock.every(pollMs, () => this.poll());
    events.up();
  }

  #sayDown(reason: string): void {
    if (reason !== this.#saidDown) {
      this.#saidDown = reason;
      this.#events?.down(reason);
    }
  }

  /** Remembers what is under way until it has settled. A line that does not close properly is gone all the same. */
  #run(task: Promise<void>): Promise<void> {
    const settled: Promise<void> = task
      .catch(() => undefined)
      .then(() => {
        if (this.#busy === settled) {
          this.#busy = undefined;
        }
      });
    this.#busy = settled;
    return settled;
  }
}
