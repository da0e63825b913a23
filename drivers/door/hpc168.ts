import type { Rejection } from '../../agent/readings.ts';
import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { Poller } from '../poller.ts';

const STX = 0x02;
const ETX = 0x03;
/** Unit (2 octets), command, length of the data, checksum. */
const SHORTEST = 5;
const LONGEST = SHORTEST + 255;
const QUERY_COUNTS = 0x13;
/** An answer is the command it answers with this bit. */
const ANSWER = 0x80;
/** Totals in and out of the first door, then those of a second one. */
const COUNTS_LENGTH = 16;
const TOTAL_WIDTH = 32;
/** The counter names no boot. */
const NO_BOOT = 0;
const POLL_MS = 1_000;
const TIMEOUT_MS = 500;

/**
 * Polls an HPC168 stereo camera counter for its totals: `STX unit(4) command(2) length(2) data checksum(2) ETX`, all but
 * STX and ETX in hexadecimal digits, the checksum the sum modulo 256 of the octets they spell (the layout two independent
 * open implementations agree on). Digits in lower case are read too: the checksum covers the octets, so no other number
 * can come of it. What is well-formed and no answer of this unit is another's, or an echo of a request: neither accepted
 * nor rejected, or an adapter that hears itself would make a dead counter look alive. A late answer is a good one: totals
 * are totals.
 */
export class Hpc168Decoder implements Decoder {
  readonly speaker: Poller;
  readonly #counts: DecoderCounts = createCounts();
  readonly #unit: number;
  readonly #frame = new Uint8Array(LONGEST);
  /** Digits of the frame under way; -1 between frames. */
  #digits = -1;
  /** Inside a run of bytes that was counted. */
  #counted = false;

  constructor({ unit = 1, pollMs = POLL_MS }: DecoderOptions = {}) {
    this.#unit = unit;
    const question = requestOf(unit, QUERY_COUNTS);
    this.speaker = new Poller({
      poll: () => question,
      everyMs: pollMs,
      timeoutMs: TIMEOUT_MS,
      unanswered: () => void this.#counts.rejected.unanswered++,
    });
  }

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#counts.bytes += bytes.length;
    for (const byte of bytes) {
      if (byte === STX) {
        this.#abandon('truncated');
        this.#digits = 0;
      } else if (this.#digits < 0) {
        this.#noise();
      } else if (byte === ETX) {
        this.#end(arrival, sink);
      } else {
        this.#digit(byte);
      }
    }
  }

  reopened(): void {
    if (this.#digits >= 0) {
      this.#counts.rejected.truncated++;
    }
    this.#digits = -1;
    this.#counted = false;
  }

  #digit(byte: number): void {
    const value = digitOf(byte);
    if (value < 0) {
      this.#abandon('truncated');
      this.#noise();
    } else if (this.#digits === 2 * LONGEST) {
      this.#abandon('oversize');
    } else {
      const at = this.#digits++ >> 1;
      this.#frame[at] = (this.#frame[at] << 4) | value;
    }
  }

  /** Gives up the frame under way, if there is one; what follows up to the next STX is part of it. */
  #abandon(reason: Rejection): void {
    if (this.#digits > 0) {
      this.#counts.rejected[reason]++;
      this.#counted = true;
    } else if (this.#digits === 0) {
      this.#noise();
    }
    this.#digits = -1;
  }

  #noise(): void {
    if (!this.#counted) {
      this.#counts.rejected.noise++;
      this.#counted = true;
    }
  }

  #end(arrival: number, sink: ReadingSink): void {
    if (this.#digits === 0) {
      this.#abandon('truncated');
      return;
    }
    const rejection = this.#read(arrival, sink);
    this.#digits = -1;
    this.#counted = false;
    if (rejection !== '') {
      this.#counts.rejected[rejection]++;
    }
  }

  #read(arrival: number, sink: ReadingSink): Rejection | '' {
    const frame = this.#frame;
    const expected = this.#digits < 2 * SHORTEST ? SHORTEST : SHORTEST + frame[3];
    if (this.#digits !== 2 * expected) {
      return this.#digits < 2 * expected ? 'truncated' : 'format';
    }
    if (sumOf(frame.subarray(0, expected - 1)) !== frame[expected - 1]) {
      return 'checksum';
    }
    const unit = (frame[0] << 8) | frame[1];
    const command = frame[2];
    if (unit !== this.#unit || (command & ANSWER) === 0) {
      return '';
    }
    this.speaker.answered();
    if (command === (QUERY_COUNTS | ANSWER)) {
      if (frame[3] !== COUNTS_LENGTH) {
        return 'unsupported';
      }
      const totals = new DataView(frame.buffer, 4);
      sink.counter(arrival, totals.getUint32(0), totals.getUint32(4), NO_BOOT, TOTAL_WIDTH);
    }
    this.#counts.accepted++;
    return '';
  }
}

/** A request without data. */
function requestOf(unit: number, command: number): Uint8Array {
  const octets = [unit >> 8, unit & 0xff, command, 0];
  const text = Buffer.from([...octets, sumOf(octets)])
    .toString('hex')
    .toUpperCase();
  return Buffer.from(`\x02${text}\x03`, 'latin1');
}

function sumOf(octets: Iterable<number>): number {
  let sum = 0;
  for (const octet of octets) {
    sum += octet;
  }
  return sum & 0xff;
}

/** The value of a hexadecimal digit, or -1. */
function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) {
    return byte - 0x30;
  }
  const upper = byte & 0xdf;
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -1;
}

/** HPC168 stereo camera counters on RS-232 or on an RS-485 bus. */
export const doorHpc168: Driver = {
  name: 'door-hpc168',
  kind: 'door',
  defaultBaud: 115_200,
  createDecoder: (options) => new Hpc168Decoder(options),
};
