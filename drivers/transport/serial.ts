import { readSync } from 'node:fs';
import type { Clock, Timer } from '../../agent/clock.ts';
import type { Speaker, Transport, TransportEvents } from '../driver.ts';
import { Backoff } from './backoff.ts';
import { Conversation } from './conversation.ts';
import {
  explainOpenFailure,
  type LineSettings,
  NOT_NOW,
  type OpenPort,
  openSerialPort,
  type PortOpener,
} from './port.ts';

/** The kernel holds up to 64 KiB of a line: at 2 Mbaud 50 ms are 10 KB of them. */
const POLL_MS = 50;
/** A line that floods must not keep the others waiting: the rest is read at the next tick. */
const BYTES_PER_POLL = 262_144;
/** A tty gives at most 4 KiB a read. */
const READ_SIZE = 65_536;
/** Milliseconds between reads while an answer may come: the next question waits for it. */
const ANSWER_POLL_MS = 10;
/** What a line that takes no bytes may leave unsent; what is said beyond it is lost, as on a line that is cut. */
const MOST_UNSENT = 4_096;

export interface SerialOptions extends LineSettings {
  /** Path of the device, by-id or by-path for one that must be found again. */
  path: string;
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
 * nothing or an error. What is said on the line is written at once; what the line does not take then, at the next reads.
 * Nothing ever throws.
 */
export class SerialTransport implements Transport {
  readonly #options: SerialOptions;
  readonly #backoff: Backoff;
  readonly #chunk = Buffer.allocUnsafeSlow(READ_SIZE);
  #events: TransportEvents | undefined;
  /** The open line. */
  #port: OpenPort | undefined;
  #conversation: Conversation | undefined;
  /** The next read while the line is open, the next try to open while it is not. */
  #timer: Timer | undefined;
  /** The next read while an answer is waited for. */
  #answerTimer: Timer | undefined;
  /** What the line did not take yet. */
  #unsent: Uint8Array = new Uint8Array(0);
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
    this.#conversation = this.#conversationWith(events.speaker);
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
      if (this.#unsent.length > 0) this.#sendUnsent(this.#port);
      if (this.#port !== undefined) this.#drain(this.#port);
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
        if (!NOT_NOW.has(code)) {
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
      this.#conversation?.heard();
      if (this.#port !== port) {
        return; // The consumer stopped the transport, or the line could not be written to.
      }
    }
  }

  #conversationWith(speaker: Speaker | undefined): Conversation | undefined {
    if (speaker === undefined) return undefined;
    const { clock } = this.#options;
    return new Conversation(
      clock,
      speaker,
      (frame) => this.#write(frame),
      () => this.poll(),
    );
  }

  #write(frame: Uint8Array): void {
    if (this.#port === undefined || this.#unsent.length + frame.length > MOST_UNSENT) return;
    this.#unsent = this.#unsent.length === 0 ? frame.slice() : Buffer.concat([this.#unsent, frame]);
    this.#sendUnsent(this.#port);
    this.#expectAnswer();
  }

  #sendUnsent(port: OpenPort): void {
    try {
      this.#unsent = this.#unsent.subarray(port.write(this.#unsent));
    } catch (error) {
      this.#hangUp(`the line was hung up (${(error as NodeJS.ErrnoException).code ?? 'write failed'})`);
    }
  }

  /** Reads more often until the answer is there, or is waited for no more. */
  #expectAnswer(): void {
    this.#answerTimer?.cancel();
    this.#answerTimer = undefined;
    const { clock, pollMs = POLL_MS } = this.#options;
    if (this.#port === undefined || pollMs <= ANSWER_POLL_MS) return;
    this.#answerTimer = clock.after(ANSWER_POLL_MS, () => {
      this.#answerTimer = undefined;
      this.poll();
      // What was read may have led to the next question, which has set the timer itself.
      if (this.#answerTimer === undefined && this.#conversation?.waiting) this.#expectAnswer();
    });
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
      this.#unsent = new Uint8Array(0);
      this.#answerTimer?.cancel();
      this.#answerTimer = undefined;
      this.#conversation?.close();
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
    const { path, open = openSerialPort, clock, pollMs = POLL_MS } = this.#options;
    let port: OpenPort;
    try {
      port = await open(path, this.#options);
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
    // Whoever is told can stop the transport.
    if (this.#port === port) this.#conversation?.open();
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
