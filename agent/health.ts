/**
 * Turns what is wrong now, told anew each time, into what began and what ended: the memory behind "since when". Pure;
 * the changes are stored by whoever asks for them.
 *
 * What is wrong and what was told of it are kept apart. A change that may not be told, because there were too many or
 * because storage takes none, is not lost: as soon as there is room, what was told is brought up to what is, so that
 * `began` and `ended` of a reason always alternate. What came and went in between is counted.
 */
import type { Reason } from './local/document.ts';
import type { HealthChange } from './storage/storage.ts';

/** A sensor's first frame and the uplink's first connection come within this, or the reason is there again. */
const SETTLE_MS = 150_000;
const MINUTE_MS = 60_000;
const CHANGES_A_MINUTE = 20;
/** Changes kept for a storage that takes none. */
const MAX_WAITING = 1_000;
/** The rest stays here while these are being stored, so that the bound holds however long that takes. */
const MAX_TAKEN = 200;

export interface HealthOptions {
  /** What an earlier run left open. */
  open: HealthChange[];
  /** The start of this run, UTC milliseconds as all times here. */
  nowMs: number;
  /** How long what an earlier run left open may take to be observed again before it counts as ended. */
  settleMs?: number;
}

interface Entry {
  readonly code: string;
  readonly subject: string;
  message: string;
  /** When it began; null while it is not open. */
  sinceMs: number | null;
  /** When it last ended. */
  endedMs: number;
  /** The beginning that was told and whose end was not; null where there is none. */
  toldMs: number | null;
  /** Left open by an earlier run and not observed yet in this one. */
  left: boolean;
}

export class Health {
  readonly #startMs: number;
  readonly #settleMs: number;
  /** Those told longest ago come first, so that none starves while others flap. */
  readonly #entries = new Map<string, Entry>();
  #waiting: HealthChange[] = [];
  #minute: number;
  /** Changes told, and changes that came to pass, in this minute. */
  #told = 0;
  #passed = 0;
  #wellSinceMs: number;

  constructor({ open, nowMs, settleMs = SETTLE_MS }: HealthOptions) {
    this.#startMs = nowMs;
    this.#settleMs = settleMs;
    this.#minute = nowMs;
    this.#wellSinceMs = nowMs;
    for (const { code, subject, message, atMs } of open) {
      // A beginning in the future is one under a wrong clock.
      const sinceMs = Math.min(atMs, nowMs);
      const entry = { code, subject, message, sinceMs, endedMs: sinceMs, toldMs: sinceMs, left: true };
      this.#entries.set(identity(code, subject), entry);
    }
  }

  /**
   * Takes what is wrong now. Gives it back with `since_ms` moved to when it began, be it in an earlier run, and since
   * when nothing is open, which is the start or the last end and without meaning while something is open.
   */
  observe(reasons: Reason[], nowMs: number): { reasons: Reason[]; wellSinceMs: number } {
    const observed = new Set<string>();
    const corrected = reasons.map((reason) => {
      const key = identity(reason.code, reason.subject);
      observed.add(key);
      return { ...reason, since_ms: this.#begin(key, reason, nowMs) };
    });
    const settled = nowMs - this.#startMs >= this.#settleMs;
    for (const [key, entry] of this.#entries) {
      if (entry.sinceMs === null || observed.has(key) || (entry.left && !settled)) continue;
      entry.sinceMs = null;
      entry.endedMs = nowMs;
      this.#passed++;
      this.#wellSinceMs = nowMs;
    }
    this.#tell(nowMs);
    return { reasons: corrected, wellSinceMs: this.#wellSinceMs };
  }

  /** Notes something that neither begins nor ends, such as a start. Not bounded by the minute: events are few. */
  event(code: string, message: string, nowMs: number): void {
    if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push({ atMs: nowMs, code, subject: '', change: 'event', message });
    }
  }

  /** The next of what is to be stored, in order, and the caller's from now on; empty when nothing is left. */
  takeChanges(): HealthChange[] {
    return this.#waiting.splice(0, MAX_TAKEN);
  }

  /** Takes back what could not be stored, to be asked for again. */
  giveBack(changes: HealthChange[]): void {
    this.#waiting = [...changes, ...this.#waiting];
  }

  #begin(key: string, { code, subject, message, since_ms }: Reason, nowMs: number): number {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.sinceMs !== null) {
      entry.left = false;
      return entry.sinceMs;
    }
    const sinceMs = Math.min(since_ms, nowMs);
    this.#passed++;
    if (entry === undefined) {
      this.#entries.set(key, { code, subject, message, sinceMs, endedMs: sinceMs, toldMs: null, left: false });
    } else {
      Object.assign(entry, { sinceMs, message });
    }
    return sinceMs;
  }

  #tell(nowMs: number): void {
    if (nowMs - this.#minute >= MINUTE_MS) this.#nextMinute(nowMs);
    for (const [key, entry] of [...this.#entries]) {
      if (entry.toldMs !== null && entry.toldMs !== entry.sinceMs && this.#room) {
        this.#change(entry, 'ended', entry.endedMs);
        entry.toldMs = null;
        this.#toTheEnd(key, entry);
      }
      if (entry.toldMs === null && entry.sinceMs !== null && this.#room) {
        this.#change(entry, 'began', entry.sinceMs);
        entry.toldMs = entry.sinceMs;
        this.#toTheEnd(key, entry);
      }
      if (entry.toldMs === null && entry.sinceMs === null) this.#entries.delete(key);
    }
  }

  /** Tells how many changes of the minute came and went untold; those that still can be told stay to be. */
  #nextMinute(nowMs: number): void {
    let behind = 0;
    for (const { sinceMs, toldMs } of this.#entries.values()) {
      if (sinceMs !== toldMs) behind += sinceMs !== null && toldMs !== null ? 2 : 1;
    }
    const untold = this.#passed - this.#told - behind;
    this.#minute = nowMs;
    this.#told = 0;
    this.#passed = behind + Math.max(0, untold);
    if (untold <= 0 || this.#waiting.length >= MAX_WAITING) return;
    this.event('changes_left_out', `${untold} more changes came and went, too fast to note each.`, nowMs);
    this.#passed = behind;
  }

  get #room(): boolean {
    return this.#told < CHANGES_A_MINUTE && this.#waiting.length < MAX_WAITING;
  }

  #change({ code, subject, message }: Entry, change: 'began' | 'ended', atMs: number): void {
    this.#waiting.push({ atMs, code, subject, change, message });
    this.#told++;
  }

  #toTheEnd(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }
}

function identity(code: string, subject: string): string {
  return `${code}\0${subject}`;
}
