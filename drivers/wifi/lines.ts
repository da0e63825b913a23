import { createRawSighting } from '../../agent/raw.ts';
import type { Rejection } from '../../agent/readings.ts';
import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, Driver, ReadingSink } from '../driver.ts';
import { LineSplitter } from '../lines.ts';

const PIPE = 0x7c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
/** `XX:XX:XX:XX:XX:XX`. */
const ADDRESS = 17;
/** Two addresses, each with its separator. */
const TWO_ADDRESSES = 2 * (ADDRESS + 1);
const LONGEST_SSID = 32;
const HIGHEST_CHANNEL = 196;
const WEAKEST_RSSI = 127;
const FEWEST_FIELDS = 6;
const NO_DIGIT = 0x100;
const COLONS_OF_ADDRESS = 5;

/** Value of a hexadecimal digit in either case by its character; any other makes each octet it is part of exceed 0xff. */
const HEX = Uint16Array.from({ length: 256 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase());
  return digit < 0 ? NO_DIGIT : digit;
});

/**
 * Decodes the pipe-separated lines of TZ001-class serial modules, told apart by what stands in the line:
 *
 *     SRC|DST|type|subtype|channel|rssi
 *     SRC|DST|type|subtype|channel|rssi|SSID|x|x
 *     OWN|SRC|DST|type|subtype|channel|rssi|power save|router|reserved
 *
 * The formats have no checksum, so a line counts only with its exact fields, whole addresses and every number in range.
 * They have no time, sequence number or elements either: a sighting's time is its arrival, its fingerprint is 0/0.
 */
export class WifiLinesDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #reading = createRawSighting();
  readonly #lines = new LineSplitter(this.#counts, (buffer, start, end) => this.#line(buffer, start, end));
  #sink: ReadingSink | undefined;
  /** Where the last `#number` ended. */
  #at = 0;

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#reading.time = arrival;
    this.#lines.push(bytes);
    this.#sink = undefined;
  }

  /** The rest of a line has no two whole addresses, or it has the sender's: what is read of it is right. */
  reopened(): void {
    this.#lines.reopened();
  }

  #line(buffer: Uint8Array, start: number, end: number): void {
    const rejection = this.#parse(buffer, start, end);
    if (rejection === '') {
      this.#counts.accepted++;
    } else {
      this.#counts.rejected[classify(buffer, start, end, rejection)]++;
    }
  }

  #parse(buffer: Uint8Array, lineStart: number, end: number): Rejection | '' {
    let start = lineStart;
    if (!isAddress(buffer, start, end) || !isAddress(buffer, start + ADDRESS + 1, end)) {
      return 'format';
    }
    const tenFields = buffer[start + TWO_ADDRESSES + 2] === COLON;
    if (tenFields) {
      start += ADDRESS + 1;
      if (!isAddress(buffer, start + ADDRESS + 1, end)) {
        return 'format';
      }
    }
    // A line in which these five fields are whole is at least so long; a shorter one fails at its first missing octet.
    let at = start + TWO_ADDRESSES;
    const type = (HEX[buffer[at]] << 4) | HEX[buffer[at + 1]];
    if (at + 2 >= end || buffer[at + 2] !== PIPE || type > 0xff) {
      return 'format';
    }
    at += 3;
    let subtype = HEX[buffer[at++]];
    if (buffer[at] !== PIPE) {
      subtype = (subtype << 4) | HEX[buffer[at++]];
    }
    if (at >= end || buffer[at] !== PIPE || subtype > 0xff) {
      return 'format';
    }
    const channel = this.#number(buffer, at + 1, end);
    at = this.#at;
    if (channel < 0 || at >= end || buffer[at] !== PIPE) {
      return 'format';
    }
    at++;
    const negative = buffer[at] === MINUS;
    const magnitude = this.#number(buffer, negative ? at + 1 : at, end);
    at = this.#at;
    if (magnitude < 0) {
      return 'format';
    }
    const rest = tenFields ? isFlags(buffer, at, end, 3) : at === end || isSsidTail(buffer, at, end);
    if (!rest) {
      return 'format';
    }
    const tooStrong = !negative && magnitude > 0;
    if (
      type > 3 ||
      subtype > 0xf ||
      channel < 1 ||
      channel > HIGHEST_CHANNEL ||
      tooStrong ||
      magnitude > WEAKEST_RSSI
    ) {
      return 'range';
    }
    return this.#report(buffer, start, type === 0 && subtype === 4, channel, magnitude === 0 ? 0 : -magnitude);
  }

  #report(buffer: Uint8Array, source: number, probe: boolean, channel: number, rssi: number): Rejection | '' {
    const high = (octet(buffer, source) << 16) | (octet(buffer, source + 3) << 8) | octet(buffer, source + 6);
    const low = (octet(buffer, source + 9) << 16) | (octet(buffer, source + 12) << 8) | octet(buffer, source + 15);
    if ((high & 0x010000) !== 0 || (probe && high === 0 && low === 0)) {
      return 'format';
    }
    if (probe) {
      const reading = this.#reading;
      reading.address.set(high, low);
      reading.channel = channel;
      reading.rssi = rssi;
      this.#sink?.sighting(reading);
    }
    return '';
  }

  /** Reads one to three decimal digits from `at` on, leaves `#at` behind them, and returns their value or -1. */
  #number(buffer: Uint8Array, at: number, end: number): number {
    const limit = Math.min(end, at + 3);
    let value = 0;
    let i = at;
    for (; i < limit; i++) {
      const digit = buffer[i] - ZERO;
      if (digit < 0 || digit > 9) {
        break;
      }
      value = value * 10 + digit;
    }
    this.#at = i;
    return i === at ? -1 : value;
  }
}

function octet(buffer: Uint8Array, at: number): number {
  return (HEX[buffer[at]] << 4) | HEX[buffer[at + 1]];
}

/** True where a whole address and a separator stand at `at`, inside the line. */
function isAddress(buffer: Uint8Array, at: number, end: number): boolean {
  return (
    at + ADDRESS < end &&
    (octet(buffer, at) |
      octet(buffer, at + 3) |
      octet(buffer, at + 6) |
      octet(buffer, at + 9) |
      octet(buffer, at + 12) |
      octet(buffer, at + 15)) <=
      0xff &&
    buffer[at + 2] === COLON &&
    buffer[at + 5] === COLON &&
    buffer[at + 8] === COLON &&
    buffer[at + 11] === COLON &&
    buffer[at + 14] === COLON &&
    buffer[at + ADDRESS] === PIPE
  );
}

/** True where the line ends with exactly `count` fields of one digit, each behind a separator. */
function isFlags(buffer: Uint8Array, at: number, end: number, count: number): boolean {
  if (end - at !== 2 * count) {
    return false;
  }
  for (let i = at; i < end; i += 2) {
    const digit = buffer[i + 1] - ZERO;
    if (buffer[i] !== PIPE || digit < 0 || digit > 9) {
      return false;
    }
  }
  return true;
}

/**
 * True for `|SSID|x|x`. An SSID may hold a separator, so its end is counted from the line's; its length limit of 32
 * octets (IEEE 802.11-2020, 9.4.2.2) is what tells two lines spliced into one from it.
 */
function isSsidTail(buffer: Uint8Array, at: number, end: number): boolean {
  const ssid = end - 4 - (at + 1);
  return ssid >= 0 && ssid <= LONGEST_SSID && buffer[at] === PIPE && isFlags(buffer, end - 4, end, 2);
}

/** The reason of a line that does not parse: no such line at all, too short for one, or one that is wrong. */
function classify(buffer: Uint8Array, start: number, end: number, rejection: Rejection): Rejection {
  if (rejection !== 'format') {
    return rejection;
  }
  let fields = 1;
  let colons = 0;
  let startsLikeAddress = true;
  for (let i = start; i < end; i++) {
    const code = buffer[i];
    if (code === PIPE) {
      startsLikeAddress &&= colons > 0;
      fields++;
    } else if (code === COLON) {
      colons++;
    } else if (fields === 1 && HEX[code] === NO_DIGIT) {
      startsLikeAddress = false;
    }
  }
  const rightCount = fields === 6 || fields === 9 || fields === 10;
  if (rightCount && colons >= COLONS_OF_ADDRESS) {
    return 'format';
  }
  if (!startsLikeAddress || colons === 0) {
    return 'noise';
  }
  return fields < FEWEST_FIELDS || fields === 7 || fields === 8 ? 'truncated' : 'format';
}

/** TZ001-class Wi-Fi probe modules. */
export const wifiLines: Driver = {
  name: 'wifi-lines',
  kind: 'wifi',
  defaultBaud: 115_200,
  createDecoder: () => new WifiLinesDecoder(),
};
