import type { Clock, Timer } from '../../agent/clock.ts';
import { reasonOf } from '../../agent/errors.ts';
import { contactByte } from '../door/contact-bytes.ts';
import type { Transport, TransportEvents } from '../driver.ts';
import { Backoff } from './backoff.ts';
import { explainOpenFailure } from './port.ts';

/** The library cannot wait for a change, so the lines are asked for, well within the debounce time of any contact. */
const POLL_MS = 20;
/** Bounce is over after this; the decoder then hears the state once more, and need not wait for the beat. */
const SETTLE_MS = 50;
const BEAT_MS = 1_000;

export type ModemLine = 'cts' | 'dsr' | 'dcd';

/** An open serial port, as far as its modem lines are concerned. */
export interface ModemLines {
  read(): Promise<Readonly<Record<ModemLine, boolean>>>;
  close(): Promise<void>;
}

export interface ContactOptions {
  /** Path of the device. */
  path: string;
  /** The modem line that the contact is on. */
  line: ModemLine;
  clock: Clock;
  /** Numbers from 0 to below 1, for the jitter of the waits. */
  random: () => number;
  /** Milliseconds between reads. */
  pollMs?: number;
  /** Milliseconds after a change at which the state is told once more: the debounce time of the decoder. */
  settleMs?: number;
  /** Opens the port; for tests. */
  open?: (path: string) => Promise<ModemLines>;
}

/**
 * A contact on a modem line, polled and passed on as the octets of `contact-bytes.ts`. The port is opened again and again
 * until the transport is stopped. Nothing ever throws.
 */
export class ContactTransport implements Transport {
  readonly #options: ContactOptions;
  readonly #backoff: Backoff;
  #events: TransportEvents | undefined;
  /** The open port. */
  #lines: ModemLines | undefined;
  /** The next read while the port is open, the next try to open while it is not. */
  #timer: Timer | undefined;
  /** Opening and closing, one after the other. */
  #busy: Promise<void> = Promise.resolve();
  /** What `down` said last, so that each failing attempt does not repeat it. */
  #saidDown = '';
  #delivered = 0;
  #reading = false;
  #closed = false;
  /** When the state is told next, on the monotonic clock. */
  #nextTold = 0;
  #changed = 0;

  constructor(options: ContactOptions) {
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
    this.#queue(() => this.#open());
  }

  poll(): void {
    void this.#poll();
  }

  /** Closes the port, also one that is just being opened. May be called at any time and more than once. */
  stop(): Promise<void> {
    this.#events = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#release();
    return this.#busy;
  }

  async #poll(): Promise<void> {
    const lines = this.#lines;
    // Two reads under way could answer out of order.
    if (lines === undefined || this.#reading) {
      return;
    }
    this.#reading = true;
    try {
      const state = await lines.read();
      if (this.#lines === lines) {
        this.#tell(state[this.#options.line]);
      }
    } catch (error) {
      if (this.#lines === lines) {
        this.#release();
        this.#fail(explainReadFailure(error));
      }
    } finally {
      this.#reading = false;
    }
  }

  #tell(closed: boolean): void {
    const { clock, settleMs = SETTLE_MS } = this.#options;
    const now = clock.monotonic();
    if (closed !== this.#closed) {
      this.#closed = closed;
      this.#changed = now;
      this.#send(closed, false);
    } else if (now >= this.#nextTold) {
      this.#send(closed, false);
    } else {
      return;
    }
    const settled = this.#changed + settleMs;
    this.#nextTold = now < settled ? settled : now + BEAT_MS;
  }

  #send(closed: boolean, first: boolean): void {
    this.#delivered++;
    this.#events?.bytes(Uint8Array.of(contactByte({ closed, first })));
  }

  /** Closes the port, if it is open. */
  #release(): void {
    const lines = this.#lines;
    if (lines !== undefined) {
      this.#lines = undefined;
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#queue(() => lines.close());
    }
  }

  #fail(reason: string): void {
    if (this.#events === undefined) {
      return;
    }
    if (reason !== this.#saidDown) {
      this.#saidDown = reason;
      this.#events.down(reason);
    }
    this.#timer = this.#options.clock.after(this.#backoff.next(), () => this.#queue(() => this.#open()));
  }

  async #open(): Promise<void> {
    const events = this.#events;
    if (events === undefined || this.#lines !== undefined) {
      return;
    }
    const { path, line, open = openModemLines, clock, pollMs = POLL_MS } = this.#options;
    let lines: ModemLines;
    try {
      lines = await open(path);
    } catch (error) {
      if (this.#events === events) {
        this.#fail(explainOpenFailure(error));
      }
      return;
    }
    // A port without modem lines can be opened, and shows itself only here.
    const state = await lines.read().catch((error: unknown) => explainReadFailure(error));
    if (this.#events !== events || typeof state === 'string') {
      await lines.close().catch(() => undefined);
      if (this.#events === events) {
        this.#fail(String(state));
      }
      return;
    }
    this.#lines = lines;
    this.#saidDown = '';
    this.#backoff.reset();
    this.#closed = state[line];
    this.#nextTold = clock.monotonic() + BEAT_MS;
    this.#timer = clock.every(pollMs, () => this.#poll());
    events.up();
    this.#send(this.#closed, true);
  }

  /** Does `task` after what is under way. A port that does not close properly is gone all the same. */
  #queue(task: () => Promise<void>): Promise<void> {
    this.#busy = this.#busy.then(task).catch(() => undefined);
    return this.#busy;
  }
}

/** Why the modem lines could not be read, in words. */
export function explainReadFailure(error: unknown): string {
  return /inappropriate ioctl|ENOTTY|EINVAL|invalid argument/i.test(reasonOf(error))
    ? 'has no modem lines: use a serial port or USB adapter that has CTS, DSR or DCD'
    : `the line was hung up: ${explainOpenFailure(error)}`;
}

/** Opens a serial port for its modem lines alone, locked against a second reader; DTR and RTS are on while it is open. */
export async function openModemLines(path: string): Promise<ModemLines> {
  // Loaded here so that nothing that only names the transport loads a native library.
  const { SerialPort } = await import('serialport');
  const port = await SerialPort.binding.open({ path, baudRate: 9_600, hupcl: false, lock: true });
  return {
    read: () => port.get(),
    close: () => port.close(),
  };
}
