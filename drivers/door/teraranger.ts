import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, Driver, ReadingSink, Speaker } from '../driver.ts';
import { type Found, FrameFinder, NOISE } from '../frames.ts';

/** First octets of the frames: two distances, and the counts after a passage. */
const DISTANCES = 0x44;
const COUNTS = [0x50, 0x43];
const DISTANCES_LENGTH = 7;
/** A count frame with the sensor's id, and one of the models that have none. */
const LONG = 15;
const SHORT = 11;
const TOTAL_WIDTH = 16;
const NO_BOOT = 0;
/** As often, while distances show that nobody passed, the counts that still hold are told again. */
const STILL_MS = 10_000;
/** Asks for binary frames; has to go out in one write. */
const BINARY_MODE = Uint8Array.of(0x00, 0x61, 0x01, 0xe7);

/**
 * Decodes a TeraRanger Evo people counter in binary mode: `44 44`, two distances and a CRC-8 all the time; at each passage
 * `50 43`, the sensor's id (not on every model), the balance in - out, the totals in and out, and a CRC-8. Most significant
 * octet first.
 *
 * A CRC-8 lets one damaged frame in 256 pass, and a false total may be thousands of people. So a count frame must also hold
 * what the maker says of its balance: in - out, here modulo 2^16 as the totals roll over. That is 16 more bits of check, and
 * it tells the two lengths apart; where the last frame was long, one that passes as short is held until it has failed as
 * a long one, as distances follow at once.
 */
export class TerarangerDecoder implements Decoder {
  readonly speaker: Speaker = new BinaryMode();
  readonly #counts: DecoderCounts = createCounts();
  readonly #frames = new FrameFinder(this.#counts, (bytes, start, end) => this.#read(bytes, start, end));
  #sink: ReadingSink | undefined;
  #arrival = 0;
  /** Length of the last count frame; 0 before the first. */
  #shape = 0;
  /** The last counts, and when they were told. */
  #entered = 0;
  #left = 0;
  #told = 0;
  /** They were told since the line was opened, so that distances show that they still hold. */
  #current = false;

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#frames.push(bytes);
    this.#sink = undefined;
  }

  /** Who passed while nobody listened is in the next counts: those of before are not told again. */
  reopened(): void {
    this.#frames.abandon();
    this.#current = false;
  }

  #read(bytes: Uint8Array, start: number, end: number): Found {
    const length = end - start;
    const [first, second] = [bytes[start], bytes[start + 1]];
    if (first !== DISTANCES && first !== COUNTS[0]) {
      return NOISE;
    }
    if (length < 2) {
      return 'more';
    }
    if (first === COUNTS[0]) {
      return second === COUNTS[1] ? this.#readCounts(bytes, start, length) : NOISE;
    }
    if (second !== DISTANCES) {
      return NOISE;
    }
    if (length < DISTANCES_LENGTH) {
      return 'more';
    }
    if (!hasCrc(bytes, start, DISTANCES_LENGTH)) {
      return { length: DISTANCES_LENGTH, reason: 'checksum' };
    }
    this.#counts.accepted++;
    // Or the next passage would be one somewhere in a long silence.
    if (this.#current && this.#arrival - this.#told >= STILL_MS) this.#tell();
    return { length: DISTANCES_LENGTH };
  }

  #readCounts(bytes: Uint8Array, start: number, length: number): Found {
    if (length < SHORT) {
      return 'more';
    }
    const short = isWhole(bytes, start, SHORT);
    if (short && this.#shape !== LONG) {
      return this.#take(bytes, start, SHORT);
    }
    if (length < LONG) {
      return 'more';
    }
    if (isWhole(bytes, start, LONG)) {
      return this.#take(bytes, start, LONG);
    }
    if (short) {
      return this.#take(bytes, start, SHORT);
    }
    const intact = hasCrc(bytes, start, SHORT) || hasCrc(bytes, start, LONG);
    return { length: this.#shape || LONG, reason: intact ? 'format' : 'checksum' };
  }

  #take(bytes: Uint8Array, start: number, length: number): Found {
    this.#shape = length;
    this.#current = true;
    this.#counts.accepted++;
    const at = start + length - 5;
    this.#entered = u16(bytes, at);
    this.#left = u16(bytes, at + 2);
    this.#tell();
    return { length };
  }

  #tell(): void {
    this.#told = this.#arrival;
    this.#sink?.counter(this.#arrival, this.#entered, this.#left, NO_BOOT, TOTAL_WIDTH);
  }
}

/** Says once at each opening that frames are to be binary: a counter may have been left in text mode. */
class BinaryMode implements Speaker {
  readonly waiting = false;
  #said = false;

  open(): void {
    this.#said = false;
  }

  speak(_now: number, send: (frame: Uint8Array) => void): number {
    if (!this.#said) {
      this.#said = true;
      send(BINARY_MODE);
    }
    return Number.POSITIVE_INFINITY;
  }
}

/** A count frame with a good checksum whose balance is that of its totals. */
function isWhole(bytes: Uint8Array, start: number, length: number): boolean {
  const at = start + length - 5;
  const balance = u16(bytes, at - 2);
  return hasCrc(bytes, start, length) && balance === ((u16(bytes, at) - u16(bytes, at + 2)) & 0xffff);
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** CRC-8 of polynomial 07 hex from 0, unreflected, in the last octet of the frame. */
function hasCrc(bytes: Uint8Array, start: number, length: number): boolean {
  let crc = 0;
  for (let at = start; at < start + length - 1; at++) {
    crc ^= bytes[at];
    for (let bit = 0; bit < 8; bit++) {
      crc = ((crc << 1) ^ (crc & 0x80 ? 0x07 : 0)) & 0xff;
    }
  }
  return crc === bytes[start + length - 1];
}

/** TeraRanger Evo people counters on USB or a UART backboard. */
export const doorTeraranger: Driver = {
  name: 'door-teraranger',
  kind: 'door',
  defaultBaud: 115_200,
  createDecoder: () => new TerarangerDecoder(),
};
