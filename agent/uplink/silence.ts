/** What a session that stands may still lack: a broker that takes what is published, a collector that acknowledges it. */

/** A broker takes a publication within milliseconds; a slow network needs a minute for a large one. */
const UNTAKEN_TELL_MS = 60_000;
/** Nothing at all was taken for so long: another connection may do better. */
const UNTAKEN_GIVE_UP_MS = 10 * 60_000;
const UNACKNOWLEDGED_TELL_MS = 120_000;

export type Silence = 'untaken' | 'unacknowledged' | 'dead';

/** Tells, once each, how long nothing has moved. Times are monotonic milliseconds. */
export class SilenceWatch {
  /** Since when the broker has taken nothing of what is published; null while nothing waits for it. */
  #untakenSince: number | null = null;
  #unacknowledgedSince: number | null = null;
  readonly #told = new Set<Silence>();

  /** A batch was published. */
  sent(now: number): void {
    this.#untakenSince ??= now;
    this.#unacknowledgedSince ??= now;
  }

  /** The broker took a batch. @param waiting batches that it has still to take. */
  taken(now: number, waiting: number): void {
    this.#untakenSince = waiting > 0 ? now : null;
    this.#told.delete('untaken');
  }

  /** The collector acknowledged one. @param waiting batches that it has still to acknowledge. */
  acknowledged(now: number, waiting: number): void {
    this.#unacknowledgedSince = waiting > 0 ? now : null;
    this.#told.delete('unacknowledged');
  }

  /** When `next` may have something to tell; infinite when nothing is awaited. */
  get due(): number {
    return Math.min(...this.#limits().map(({ at }) => at));
  }

  /** What has just become true, each told once. */
  next(now: number): { what: Silence; lastingMs: number } | null {
    const first = this.#limits().find(({ at }) => at <= now);
    if (first === undefined) return null;
    this.#told.add(first.what);
    return { what: first.what, lastingMs: now - first.since };
  }

  reset(): void {
    this.#untakenSince = null;
    this.#unacknowledgedSince = null;
    this.#told.clear();
  }

  #limits(): { what: Silence; since: number; at: number }[] {
    const untaken = this.#untakenSince ?? Number.POSITIVE_INFINITY;
    // Where the broker takes nothing, no collector can answer.
    const unacknowledged = this.#told.has('untaken') ? null : this.#unacknowledgedSince;
    const limits: { what: Silence; since: number; afterMs: number }[] = [
      { what: 'dead', since: untaken, afterMs: UNTAKEN_GIVE_UP_MS },
      { what: 'untaken', since: untaken, afterMs: UNTAKEN_TELL_MS },
      { what: 'unacknowledged', since: unacknowledged ?? Number.POSITIVE_INFINITY, afterMs: UNACKNOWLEDGED_TELL_MS },
    ];
    return limits
      .filter(({ what }) => !this.#told.has(what))
      .map(({ what, since, afterMs }) => ({ what, since, at: since + afterMs }));
  }
}
