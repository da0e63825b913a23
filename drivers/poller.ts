import type { Speaker } from './driver.ts';

export interface PollerOptions {
  /** Frames sent once after the line was opened, in order; each is answered, or given up after `timeoutMs`. */
  startUp?: () => readonly Uint8Array[];
  /** The question that is asked again and again. */
  poll: () => Uint8Array;
  everyMs: number;
  /** How long an answer may take. */
  timeoutMs: number;
  /** A question was not answered in time. */
  unanswered: () => void;
}

/**
 * Asks a sensor that only speaks when it is spoken to: one question at a time. After one that was not answered the line is
 * left quiet for as long again, so that a late answer is not taken for that of the next question.
 */
export class Poller implements Speaker {
  readonly #options: PollerOptions;
  #startUp: Uint8Array[] = [];
  /** When the answer is overdue; Infinity while no question is out. */
  #overdue = Number.POSITIVE_INFINITY;
  /** Nothing is said before this. */
  #quietUntil = 0;
  #nextPoll = 0;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  get waiting(): boolean {
    return this.#overdue !== Number.POSITIVE_INFINITY;
  }

  open(now: number): void {
    this.#startUp = [...(this.#options.startUp?.() ?? [])];
    this.#overdue = Number.POSITIVE_INFINITY;
    this.#quietUntil = now;
    this.#nextPoll = now;
  }

  /** The decoder has found the answer to the question that is out. */
  answered(): void {
    this.#overdue = Number.POSITIVE_INFINITY;
  }

  /** Asks this next, before the next poll. */
  insert(frame: Uint8Array): void {
    this.#startUp.push(frame);
  }

  speak(now: number, send: (frame: Uint8Array) => void): number {
    const { everyMs, timeoutMs, unanswered } = this.#options;
    if (this.waiting) {
      if (now < this.#overdue) return this.#overdue;
      this.#overdue = Number.POSITIVE_INFINITY;
      this.#quietUntil = now + timeoutMs;
      unanswered();
    }
    const due = this.#startUp.length > 0 ? this.#quietUntil : Math.max(this.#quietUntil, this.#nextPoll);
    if (now < due) return due;
    const frame = this.#startUp.shift() ?? this.#nextQuestion(now, everyMs);
    this.#overdue = now + timeoutMs;
    send(frame);
    return this.#overdue;
  }

  /** On the beat, however late this one is; beats that were missed are left out. */
  #nextQuestion(now: number, everyMs: number): Uint8Array {
    this.#nextPoll += everyMs * (Math.floor((now - this.#nextPoll) / everyMs) + 1);
    return this.#options.poll();
  }
}
