import type { Clock, Timer } from '../../agent/clock.ts';
import type { Speaker } from '../driver.ts';

/** A speaker that wants to be asked at once is asked no more often than this, milliseconds. */
const SHORTEST_WAIT_MS = 5;

/** Asks a driver's speaker what it has to say while its line is open, when it is due and after what it has heard. */
export class Conversation {
  readonly #clock: Clock;
  readonly #speaker: Speaker;
  readonly #send: (frame: Uint8Array) => void;
  readonly #listen: () => void;
  #timer: Timer | undefined;
  #open = false;
  #asking = false;
  /** Something was heard while the speaker was asked. */
  #heard = false;

  /**
   * @param send writes a frame to the line in one piece.
   * @param listen takes in what waits on the line, so that a late answer comes in before the next question goes out.
   */
  constructor(clock: Clock, speaker: Speaker, send: (frame: Uint8Array) => void, listen: () => void = () => {}) {
    this.#clock = clock;
    this.#speaker = speaker;
    this.#send = send;
    this.#listen = listen;
  }

  /** An answer may still come. */
  get waiting(): boolean {
    return this.#open && this.#speaker.waiting;
  }

  /** The line is open. */
  open(): void {
    this.#open = true;
    this.#speaker.open(this.#clock.monotonic());
    this.#ask();
  }

  /** A chunk was decoded. */
  heard(): void {
    if (this.#open) this.#ask();
  }

  /** The line is closed. */
  close(): void {
    this.#open = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #askWhenDue(): void {
    this.#timer = undefined;
    this.#listen();
    if (this.#open) this.#ask();
  }

  #ask(): void {
    // What is sent to a simulated sensor may be answered, and heard, before sending is over.
    this.#heard = true;
    if (this.#asking) return;
    this.#asking = true;
    this.#heard = false;
    this.#timer?.cancel();
    const now = this.#clock.monotonic();
    const due = this.#speaker.speak(now, this.#send);
    this.#asking = false;
    const wait = this.#heard ? SHORTEST_WAIT_MS : Math.max(SHORTEST_WAIT_MS, due - now);
    // Writing can find the line hung up.
    if (!this.#open || wait === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.after(wait, () => this.#askWhenDue());
  }
}
