import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { type Found, FrameFinder, NOISE } from '../frames.ts';
import { Poller } from '../poller.ts';

const REQUEST = 0x7e;
const ANSWER = 0x7f;
const REQUEST_LENGTH = 8;
const ANSWER_LENGTH = 18;
const STATUS = 0x10;
/** Offsets in an answer. */
const UNIT = 2;
const LEFT_TOTAL = 6;
const RIGHT_TOTAL = 9;
const TOTAL_WIDTH = 24;
const NO_BOOT = 0;
const POLL_MS = 1_000;
const TIMEOUT_MS = 300;
/** An answer takes 19 ms at 9600 bits per second: bytes that wait for longer than this belong to no frame. */
const QUIET_MS = 300;
const OTHERS: Found = { length: ANSWER_LENGTH };
const ECHO: Found = { length: REQUEST_LENGTH };

/**
 * Polls an RS-485 turnstile or flap gate for its status: requests of 8 octets `7E 00 unit command data data data check`,
 * answers of 18 octets `7F version unit fault gate alarm`, the passages to the left and to the right with 24 bits each,
 * most significant octet first, 5 octets of state, and the check. All octets of either sum up to FF hex modulo 256 (the
 * layout of the one open implementation). Passages to the left are entries.
 *
 * Answers of other units and requests, echoed or another master's, are neither accepted nor rejected. As the check is weak
 * and nothing marks an answer's end, half an answer is given up after a pause and never put together with the next one.
 */
export class TurnstileDecoder implements Decoder {
  readonly speaker: Poller;
  readonly #counts: DecoderCounts = createCounts();
  readonly #frames = new FrameFinder(this.#counts, (bytes, start, end) => this.#read(bytes, start, end));
  readonly #unit: number;
  #sink: ReadingSink | undefined;
  #arrival = 0;

  constructor({ unit = 1, pollMs = POLL_MS }: DecoderOptions = {}) {
    this.#unit = unit;
    const question = requestOf(unit, STATUS);
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
    if (bytes.length === 0) {
      return;
    }
    if (arrival - this.#arrival > QUIET_MS) {
      this.#frames.abandon();
    }
    this.#sink = sink;
    this.#arrival = arrival;
    this.#frames.push(bytes);
    this.#sink = undefined;
  }

  reopened(): void {
    this.#frames.abandon();
  }

  #read(bytes: Uint8Array, start: number, end: number): Found {
    const length = end - start;
    if (bytes[start] === REQUEST) {
      return readEcho(bytes, start, length);
    }
    if (bytes[start] !== ANSWER) {
      return NOISE;
    }
    if (length < ANSWER_LENGTH) {
      return 'more';
    }
    const ours = bytes[start + UNIT] === this.#unit;
    if (!sumsUp(bytes, start, ANSWER_LENGTH)) {
      return ours ? { length: ANSWER_LENGTH, reason: 'checksum' } : NOISE;
    }
    if (!ours) {
      return OTHERS;
    }
    this.speaker.answered();
    this.#counts.accepted++;
    const [entered, left] = [u24(bytes, start + LEFT_TOTAL), u24(bytes, start + RIGHT_TOTAL)];
    this.#sink?.counter(this.#arrival, entered, left, NO_BOOT, TOTAL_WIDTH);
    return { length: ANSWER_LENGTH };
  }
}

function readEcho(bytes: Uint8Array, start: number, length: number): Found {
  if (length > 1 && bytes[start + 1] !== 0) {
    return NOISE;
  }
  if (length < REQUEST_LENGTH) {
    return 'more';
  }
  return sumsUp(bytes, start, REQUEST_LENGTH) ? ECHO : NOISE;
}

function requestOf(unit: number, command: number): Uint8Array {
  const request = Uint8Array.of(REQUEST, 0, unit, command, 0, 0, 0, 0);
  request[REQUEST_LENGTH - 1] = ~request.reduce((sum, octet) => sum + octet);
  return request;
}

function sumsUp(bytes: Uint8Array, start: number, length: number): boolean {
  let sum = 1;
  for (let at = start; at < start + length; at++) {
    sum += bytes[at];
  }
  return (sum & 0xff) === 0;
}

function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
}

/** Turnstiles and flap gates on an RS-485 bus. */
export const doorTurnstile: Driver = {
  name: 'door-turnstile',
  kind: 'door',
  defaultBaud: 9_600,
  createDecoder: (options) => new TurnstileDecoder(options),
};
