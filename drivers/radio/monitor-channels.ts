import type { IwRadio } from './iw.ts';

/** Without a change a single channel is set again, as another program may have changed it. */
const AGAIN_MS = 60_000;
/** After that long, those that were refused are tried again: a regulatory domain may change, a busy radio be free. */
const RETRY_MS = 10 * 60_000;

/** The channels that a radio listens to in turn. Those that are refused are left out, and told. */
export class ChannelPlan {
  readonly #wanted: readonly number[];
  readonly #refused = new Map<number, string>();
  readonly #never = new Map<number, string>();
  #at = -1;
  #setAt = Number.NEGATIVE_INFINITY;
  #retryAt = Number.POSITIVE_INFINITY;

  /**
   * @param wanted none leaves the tuning to others.
   * @param radio null where it is not known what it can.
   */
  constructor(wanted: readonly number[], radio: IwRadio | null) {
    this.#wanted = [...new Set(wanted)];
    for (const channel of radio === null || radio.channels.length === 0 ? [] : this.#wanted) {
      const known = radio?.channels.find(({ number }) => number === channel);
      if (known === undefined) this.#never.set(channel, 'this adapter has no such channel');
      else if (known.disabled) this.#never.set(channel, 'not allowed here (regulatory domain)');
    }
  }

  /** Channels that are listened to. */
  get channels(): number[] {
    return this.#wanted.filter((channel) => !this.#never.has(channel) && !this.#refused.has(channel));
  }

  /** The channel to set now; null for none. */
  next(now: number): number | null {
    if (now >= this.#retryAt) {
      this.#refused.clear();
      this.#retryAt = Number.POSITIVE_INFINITY;
    }
    const { channels } = this;
    if (channels.length === 0 || (channels.length === 1 && now - this.#setAt < AGAIN_MS)) return null;
    const before = this.#wanted[this.#at];
    const next = channels[(channels.indexOf(before) + 1) % channels.length];
    this.#at = this.#wanted.indexOf(next);
    this.#setAt = now;
    return next;
  }

  /** A channel could not be set. @param reason for people. */
  refuse(channel: number, reason: string, now: number): void {
    this.#refused.set(channel, reason);
    this.#retryAt = Math.min(this.#retryAt, now + RETRY_MS);
    this.#setAt = Number.NEGATIVE_INFINITY;
  }

  /** The channel is to be set again at once. */
  again(): void {
    this.#setAt = Number.NEGATIVE_INFINITY;
  }

  /** For people: what is listened to, and what is not and why. */
  get note(): string {
    if (this.#wanted.length === 0) return 'its channel is left alone';
    const { channels } = this;
    const heard =
      channels.length === 0
        ? 'no channel of the settings could be set'
        : channels.length === 1
          ? `channel ${channels[0]}`
          : `channels ${channels.join(', ')} in turn`;
    const reasons = new Map<string, number[]>();
    for (const channel of this.#wanted) {
      const reason = this.#never.get(channel) ?? this.#refused.get(channel);
      if (reason !== undefined) reasons.set(reason, [...(reasons.get(reason) ?? []), channel]);
    }
    return [heard, ...[...reasons].map(([reason, left]) => `without ${left.join(', ')}: ${reason}`)].join('; ');
  }
}
