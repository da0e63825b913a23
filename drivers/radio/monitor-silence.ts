const MINUTE_MS = 60_000;
/** The first step; further ones after twice the silence each, and from then on at least each hour. */
const FIRST_MS = 5 * MINUTE_MS;
const LONGEST_MS = 60 * MINUTE_MS;

/**
 * When a radio that hears nothing is to be set up anew. An empty street is silent as well, and nobody can tell: so what
 * is done costs seconds, and is done ever more rarely. Times are monotonic milliseconds.
 */
export class SilenceWatch {
  #since: number;
  #dueAt: number;
  #told = '';

  constructor(now: number) {
    this.#since = now;
    this.#dueAt = now + FIRST_MS;
  }

  /** What was done about the silence, for people; empty while nothing was. */
  get told(): string {
    return this.#told;
  }

  /** A frame came. */
  heard(now: number): void {
    this.#since = now;
    this.#dueAt = now + FIRST_MS;
    this.#told = '';
  }

  /** What is due: first the interface is set up anew, then what reads it as well. Whoever asks does it. */
  due(now: number): 'interface' | 'all' | null {
    if (now < this.#dueAt) return null;
    const due = this.#told === '' ? 'interface' : 'all';
    const silent = now - this.#since;
    this.#dueAt = now + Math.min(silent, LONGEST_MS);
    this.#told = `no probe request for ${Math.floor(silent / MINUTE_MS)} minutes, so it was set up anew`;
    return due;
  }
}
