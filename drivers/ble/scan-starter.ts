import type { Speaker } from '../driver.ts';

/** One thing to say on the way to scanning. */
export interface Step {
  frame: Uint8Array;
  /** What its answer is known by; absent where there is none to wait for. */
  answer?: number;
  /** Without its answer there is no use in going on. */
  needed?: boolean;
}

export interface ScanStarterOptions {
  /** What is said to make the sniffer scan, made anew for each start. */
  steps: () => readonly Step[];
  /** How long an answer may take. */
  timeoutMs: number;
  /** How long to wait after a needed answer did not come. */
  retryMs: number;
  /** With no advertisement for so long, a scan that has been started is started again. */
  silentMs: number;
  /** How long to listen before the first word, for sniffers that may already be scanning. */
  patienceMs?: number;
  /** An answer did not come in time. */
  unanswered: () => void;
}

/** Makes a sniffer scan, and again when it has fallen silent: they forget, restart and get stuck. */
export class ScanStarter implements Speaker {
  readonly #options: ScanStarterOptions;
  #steps: readonly Step[] = [];
  #next = 0;
  /** When the answer that is waited for is overdue; Infinity while there is none. */
  #overdue = Number.POSITIVE_INFINITY;
  /** Nothing is said before this. */
  #quietUntil = 0;
  /** When a scan that has been started counts as silent. */
  #silentAt = 0;
  #heard = false;

  constructor(options: ScanStarterOptions) {
    this.#options = options;
  }

  get waiting(): boolean {
    return this.#overdue !== Number.POSITIVE_INFINITY;
  }

  open(now: number): void {
    this.#heard = false;
    this.#begin(now + (this.#options.patienceMs ?? 0));
  }

  /** The decoder has found an answer. */
  answered(answer: number): void {
    if (this.waiting && this.#steps[this.#next - 1].answer === answer) {
      this.#overdue = Number.POSITIVE_INFINITY;
    }
  }

  /** The decoder has found an advertisement. */
  heard(): void {
    this.#heard = true;
  }

  /** The sniffer said that it has stopped scanning. */
  stopped(): void {
    if (this.#next === this.#steps.length) {
      this.#silentAt = 0;
      this.#heard = false;
    }
  }

  speak(now: number, send: (frame: Uint8Array) => void): number {
    const { timeoutMs, retryMs, silentMs, unanswered } = this.#options;
    if (this.#heard) {
      this.#heard = false;
      this.#silentAt = now + silentMs;
      // One that scans need not be started.
      if (this.#next === 0) this.#quietUntil = this.#silentAt;
    }
    if (this.waiting) {
      if (now < this.#overdue) return this.#overdue;
      this.#overdue = Number.POSITIVE_INFINITY;
      unanswered();
      if (this.#steps[this.#next - 1].needed === true) this.#begin(now + retryMs);
    }
    if (this.#next === this.#steps.length) {
      if (now < this.#silentAt) return this.#silentAt;
      this.#begin(now);
    }
    if (now < this.#quietUntil) return this.#quietUntil;
    const step = this.#steps[this.#next++];
    this.#silentAt = now + silentMs;
    if (step.answer !== undefined) this.#overdue = now + timeoutMs;
    send(step.frame);
    if (this.waiting) return this.#overdue;
    return this.#next < this.#steps.length ? now : this.#silentAt;
  }

  #begin(at: number): void {
    this.#steps = this.#options.steps();
    this.#next = 0;
    this.#overdue = Number.POSITIVE_INFINITY;
    this.#quietUntil = at;
  }
}
