import type { Rejection } from '../../agent/readings.ts';
import { createCounts, tally } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { LineSplitter } from '../lines.ts';
import { SourceTime } from '../source-time.ts';
import { type CounterMessage, readMessage } from './message.ts';
import { SalesCounter } from './sales.ts';

const HIGHEST_COUNT = 0xffffffff;
const WIDTH = 32;
/** A jump of the sequence above this is a damaged number and no loss. */
const LARGEST_GAP = 10_000;
/** An uptime this near to where it was to be expected went on, whatever the boot id says, milliseconds. */
const SAME_UPTIME_MS = 2_000;
/** The boot of a total that names none. */
const NO_BOOT = 0;

/**
 * Decodes the lines of door counters and tills: the JSON contract (`message.ts`); a bare whole number, the running total
 * of entries; lines of `+` and `-`, each an event; `inc`, `in`, `dec` and `out`, each an event; `STARTUP..`, a notice. All
 * else is boot text. A sensor that has spoken JSON once speaks nothing else: what looks like a bare number then is line
 * noise, and would be people. Nor is a bare number believed before a line end was seen: it can be the last digits of a
 * total, which look like a restart, and the next line tells the total anyway. An event is told once, and is believed: the
 * rest of one is none. In the role `transactions` each entry is a sale and an exit is nothing.
 */
export class DoorLinesDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #time = new SourceTime();
  readonly #lines = new LineSplitter(this.#counts, (buffer, start, end) => this.#line(buffer, start, end));
  readonly #sales: SalesCounter | undefined;
  #sink: ReadingSink | undefined;
  #arrival = 0;
  /** Boot and sequence number of the last report; -1 before the first. */
  #boot = -1;
  #seq = 0;
  /** Uptime and arrival of the last report. */
  #uptime = 0;
  #reported = 0;
  /** A boot id that one report named while the uptime went on; -1 for none. */
  #doubtfulBoot = -1;

  constructor(options: DecoderOptions = {}) {
    this.#sales = options.role === 'transactions' ? new SalesCounter() : undefined;
  }

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#lines.push(bytes);
    this.#sink = undefined;
  }

  /** The clock, the sequence and the totals of a boot go on, if the boot does. */
  reopened(): void {
    this.#lines.reopened();
  }

  #line(buffer: Uint8Array, start: number, end: number): void {
    // Door lines are a few a second: strings are cheap enough. Latin-1 keeps one character for each octet.
    const line = Buffer.from(buffer.buffer, buffer.byteOffset + start, end - start)
      .toString('latin1')
      .trim();
    if (line === '') {
      return;
    }
    tally(this.#counts, this.#read(line));
  }

  #read(line: string): Rejection | '' {
    if (line.startsWith('{')) {
      const message = readMessage(line);
      if (typeof message === 'object') {
        return this.#report(message);
      }
      return message === 'other' ? '' : message;
    }
    if (this.#boot !== -1) {
      return 'noise';
    }
    if (/^-?\d+$/.test(line)) {
      if (!this.#lines.isWhole) {
        return 'truncated';
      }
      const total = Number(line);
      return total >= 0 && total <= HIGHEST_COUNT && !Object.is(total, -0)
        ? this.#total(this.#arrival, NO_BOOT, total, 0)
        : 'range';
    }
    if (/^[+-]+$/.test(line)) {
      for (const sign of line) {
        this.#event(sign === '+');
      }
      return '';
    }
    if (/^[+-]\d/.test(line)) {
      return 'format';
    }
    if (/^(inc|in|dec|out)$/i.test(line)) {
      this.#event(/^in/i.test(line));
      return '';
    }
    return line.startsWith('STARTUP') ? '' : 'noise';
  }

  #report({ boot, seq, entered, left, ms }: CounterMessage): Rejection | '' {
    if (this.#isDamaged(boot, ms)) {
      return 'format';
    }
    if (boot === this.#boot) {
      const lost = seq - this.#seq - 1;
      if (lost > 0 && lost <= LARGEST_GAP) {
        this.#counts.rejected.missing += lost;
      }
    } else {
      this.#time.restart();
    }
    this.#boot = boot;
    this.#seq = seq;
    this.#uptime = ms;
    this.#reported = this.#arrival;
    return this.#total(this.#time.map(ms, this.#arrival), boot, entered, left);
  }

  /**
   * A boot id that changed while the uptime did not is a damaged digit; taken for a restart, the whole total would count
   * as people. A second report with the same id is believed.
   */
  #isDamaged(boot: number, ms: number): boolean {
    if (this.#boot === -1 || boot === this.#boot) {
      return false;
    }
    const expected = this.#uptime + (this.#arrival - this.#reported);
    const believed = Math.abs(ms - expected) > SAME_UPTIME_MS || boot === this.#doubtfulBoot;
    this.#doubtfulBoot = believed ? -1 : boot;
    return !believed;
  }

  #total(time: number, boot: number, entered: number, left: number): Rejection | '' {
    if (this.#sales === undefined) {
      this.#sink?.counter(time, entered, left, boot, WIDTH);
      return '';
    }
    const sold = this.#sales.advance(boot, entered, this.#arrival);
    if (sold > 0) {
      this.#sink?.transaction(time, sold);
    }
    return Number.isNaN(sold) ? 'range' : '';
  }

  #event(entered: boolean): void {
    if (this.#sales === undefined) {
      this.#sink?.crossing(this.#arrival, entered ? 1 : 0, entered ? 0 : 1);
    } else if (entered) {
      this.#sink?.transaction(this.#arrival, 1);
    }
  }
}

/** Door counters and tills that send lines of text. */
export const doorLines: Driver = {
  name: 'door-lines',
  kind: 'door',
  defaultBaud: 115_200,
  createDecoder: (options) => new DoorLinesDecoder(options),
};
