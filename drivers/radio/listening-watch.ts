/** Resident memory at which a process is replaced: noble keeps some 1.3 kB of every address it ever saw. */
const MOST_MEMORY = 120 * 1024 * 1024;
const LONGEST_LIFE_MS = 6 * 3_600_000;
/** Without an advertisement: scanning can stop without a word. */
const SILENCE_MS = 60_000;
/** Scans that are started anew before the process is. */
const RESCANS = 3;
const MEMORY_MS = 10_000;
/** A process that does not say how much memory it takes for so long hangs. */
const ANSWER_MS = 30_000;

/** When a process that scans is to be asked something or replaced. Times are monotonic milliseconds. */
export class ListeningWatch {
  readonly #sinceMs: number;
  #silentSince: number;
  #rescans = 0;
  #askedAt: number;
  #answeredAt: number;
  #rss = 0;

  constructor(now: number) {
    this.#sinceMs = now;
    this.#silentSince = now;
    this.#askedAt = now;
    this.#answeredAt = now;
  }

  /** An advertisement came. */
  heard(now: number): void {
    this.#silentSince = now;
    this.#rescans = 0;
  }

  /** It told its memory, in bytes. */
  told(rss: number): void {
    this.#rss = rss;
    this.#answeredAt = this.#askedAt;
  }

  /** What is due. Whoever asks does it. */
  due(now: number): 'memory' | 'rescan' | 'replace' | null {
    const hangs = this.#answeredAt < this.#askedAt && now - this.#answeredAt >= MEMORY_MS + ANSWER_MS;
    if (this.#rss > MOST_MEMORY || now - this.#sinceMs >= LONGEST_LIFE_MS || hangs) return 'replace';
    if (now - this.#silentSince >= SILENCE_MS) {
      if (this.#rescans >= RESCANS) return 'replace';
      this.#silentSince = now;
      this.#rescans++;
      return 'rescan';
    }
    if (now - this.#askedAt < MEMORY_MS) return null;
    this.#askedAt = now;
    return 'memory';
  }
}
