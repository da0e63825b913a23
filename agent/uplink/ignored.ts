import type { Clock } from '../clock.ts';
import type { Log } from '../mqtt/link.ts';

/**
 * Why an acknowledgement, or one entry of it, was not taken.
 * - `retained`: it is an old one, or nobody's.
 * - `empty`, `oversized` (over 64 KiB), `malformed`: of the message.
 * - `other_epoch`: the sequence is on its way, but belongs to another epoch than the one acknowledged.
 * - `not_sent`: the sequence is not on its way: never sent, acknowledged before, or nobody's.
 */
export type IgnoredReason = 'retained' | 'empty' | 'oversized' | 'malformed' | 'other_epoch' | 'not_sent';

export type IgnoredCounts = Record<IgnoredReason, number>;

const TELL_EVERY_MS = 10 * 60_000;
/** An acknowledgement that comes twice is the rule after each resend: nothing to tell. */
const ORDINARY: readonly IgnoredReason[] = ['retained', 'not_sent'];

/** Counts what was ignored, and tells it at most every ten minutes, however much comes. */
export class Ignored {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly counts: IgnoredCounts = { retained: 0, empty: 0, oversized: 0, malformed: 0, other_epoch: 0, not_sent: 0 };
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param where which field of it is wrong; never its content. */
  add(reason: IgnoredReason, where?: string): void {
    this.counts[reason]++;
    const now = this.#clock.monotonic();
    if (ORDINARY.includes(reason) || now - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = now;
    const fields = where === undefined ? {} : { where };
    this.#log('warn', { reason, ...fields, ignored: { ...this.counts } }, 'Ignored an acknowledgement');
  }
}
