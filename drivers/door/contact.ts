import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { type ContactState, readContactByte } from './contact-bytes.ts';

const DEBOUNCE_MS = 50;

/**
 * Counts the closures of a contact: a relay of a people counter, a light beam, a till's drawer. A state holds once it has
 * lasted for the debounce time by the arrival of its octets, so that neither the bounce of a closure nor that of an
 * opening is a closure of its own. A contact that is closed when the line opens is no closure. With `both`, each second
 * closure is an exit; which one was the last is not known after a restart, so that only their sum can be relied upon.
 */
export class ContactDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #debounceMs: number;
  readonly #way: 'in' | 'out' | 'both';
  readonly #till: boolean;
  /** The state as last told, and since when. */
  #told = false;
  #since = 0;
  /** The state that has lasted. */
  #closed = false;
  #known = false;
  #insideNoise = false;
  /** With `both`: the next closure is an exit. */
  #exitNext = false;

  constructor({ role, counts = 'in', debounceMs = DEBOUNCE_MS }: DecoderOptions = {}) {
    this.#till = role === 'transactions';
    this.#way = counts;
    this.#debounceMs = debounceMs;
  }

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#counts.bytes += bytes.length;
    for (const byte of bytes) {
      const state = readContactByte(byte);
      if (state !== undefined) {
        this.#counts.accepted++;
        this.#take(state, arrival, sink);
      } else if (!this.#insideNoise) {
        this.#counts.rejected.noise++;
      }
      this.#insideNoise = state === undefined;
    }
  }

  /** An octet is a whole message: nothing is held but what the contact was, and that is no longer known. */
  reopened(): void {
    this.#known = false;
    this.#insideNoise = false;
  }

  #take({ closed, first }: ContactState, arrival: number, sink: ReadingSink): void {
    if (first || !this.#known) {
      this.#known = true;
      this.#told = closed;
      this.#closed = closed;
      return;
    }
    this.#settle(arrival, sink);
    if (closed !== this.#told) {
      this.#told = closed;
      this.#since = arrival;
      // Without a debounce time a change holds at once.
      this.#settle(arrival, sink);
    }
  }

  #settle(arrival: number, sink: ReadingSink): void {
    if (this.#told === this.#closed || arrival - this.#since < this.#debounceMs) {
      return;
    }
    this.#closed = this.#told;
    if (this.#closed) {
      this.#count(arrival, sink);
    }
  }

  #count(arrival: number, sink: ReadingSink): void {
    if (this.#till) {
      sink.transaction(arrival, 1);
      return;
    }
    const exit = this.#way === 'both' ? this.#exitNext : this.#way === 'out';
    this.#exitNext = !exit;
    sink.crossing(arrival, exit ? 0 : 1, exit ? 1 : 0);
  }
}

/** Contact closures on a modem line of a serial port, which draw their current from DTR or RTS. */
export const doorContact: Driver = {
  name: 'door-contact',
  kind: 'door',
  defaultBaud: 0,
  createDecoder: (options) => new ContactDecoder(options),
};
