import { createRawSighting } from '../../agent/raw.ts';
import type { Rejection } from '../../agent/readings.ts';
import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, Driver, ReadingSink } from '../driver.ts';
import { SourceTime } from '../source-time.ts';
import { addressEnd, BROADCAST, differs, FLAG, Literal, octet, runOf, stands, tailStart, WORD } from './json-fields.ts';
import { LongLines } from './long-lines.ts';

const TS = new Literal('{"ts":');
const CHANNEL = new Literal(',"ch":');
const RSSI = new Literal(',"rssi":');
const TYPE = new Literal(',"type":"');
const PROBE = new Literal('Management","subtype":"ProbeReq","len":');
const SUBTYPE = new Literal('","subtype":"');
const LENGTH = new Literal('","len":');
const RECEIVER = new Literal(',"addr1":"');
const SENDER = new Literal('","addr2":"');
const THIRD = new Literal('","addr3":"');
const FLAGS = new Literal('","flags":{');
const SSID = new Literal('},"ssid":"');
/** Stands in no line. */
const NOWHERE = new Literal('\n\n\n\n');

const MINUS = 0x2d;
const ZERO = 0x30;
const LONGEST_SSID = 32;
/** The module writes a line into 512 bytes, the last of which is no character: longer ones are cut there. */
const CUT_AT = 511;
const HIGHEST_CHANNEL = 196;
const WEAKEST_RSSI = 127;
const SHORTEST_PROBE = 24;
/** The length of a received frame is a number of 12 bits. */
const LONGEST_FRAME = 4095;
/** The millisecond counter of a 32-bit microcontroller wraps after 49.7 days. */
const WRAP = 2 ** 32;
const TS_DIGITS = 12;

/**
 * Decodes the JSON lines of ESP32 sniffers, one a frame:
 *
 *     {"ts":ms,"ch":6,"rssi":-71,"type":"Management","subtype":"ProbeReq","len":142,"addr1":"..","addr2":"..",
 *      "addr3":"..","flags":{..},"ssid":"..","vendor":"0050F2,.."}
 *
 * It is no JSON: the SSID stands in it as it came, with quotes, braces, line ends and all, so that its end is counted from
 * the end of the line; its limit of 32 octets (IEEE 802.11-2020, 9.4.2.2) tells two lines spliced into one from it. The
 * format has no checksum, so a line counts only with its exact fields, whole addresses and every number in range. What
 * stands in front of the SSID is certain without the rest: a line that the module cut at its 511 bytes counts, and so
 * does one that is broken by a line end within the SSID.
 *
 * A probe request's sender is addr2. `ts` counts milliseconds since the module's boot. There are no elements and no
 * sequence number: the fingerprint is 0/0.
 */
export class WifiJsonDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #reading = createRawSighting();
  readonly #time = new SourceTime();
  readonly #lines = new LongLines(this.#counts, (buffer, start, end) => this.#line(buffer, start, end));
  #sink: ReadingSink | undefined;
  #arrival = 0;
  /** The buffer that holds the line, and a view of it. */
  #viewed: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#viewed.buffer);
  /**
   * What stood between the sender's address and the SSID of the last probe request: the same in nearly all of them, so that
   * its hundred bytes need not be read one by one.
   */
  #usual = NOWHERE;
  /** Where the last `#number` ended. */
  #at = 0;
  /** The line before was noise: what follows belongs to the same run. */
  #inNoise = false;
  /** Octets that the SSID of the line before may still have, where a line end broke it; else -1. */
  #openSsid = -1;
  /** The last `ts`, and what its wraps so far add to it. */
  #lastTs = 0;
  #wrapped = 0;

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#lines.push(bytes);
    this.#sink = undefined;
  }

  /** The rest of a line never begins as one does. Whether the module kept its power, and its clock, is not known. */
  reopened(): void {
    this.#lines.reopened();
    this.#openSsid = -1;
    this.#inNoise = false;
    this.#time.restart();
  }

  #line(buffer: Uint8Array, start: number, end: number): void {
    const open = this.#openSsid;
    this.#openSsid = -1;
    const rejection = this.#parse(buffer, start, end);
    if (rejection === '') {
      this.#counts.accepted++;
    } else if (rejection === 'noise') {
      const tail = tailStart(buffer, start, end);
      if (open >= 0 && tail >= 0 && tail - start <= open) {
        return; // The rest of an SSID with a line end in it.
      }
      if (tail >= 0) {
        this.#counts.rejected.truncated++;
      } else if (!this.#inNoise) {
        this.#counts.rejected.noise++;
      }
      this.#inNoise = tail < 0;
      return;
    } else {
      this.#counts.rejected[rejection]++;
    }
    this.#inNoise = false;
  }

  #parse(buffer: Uint8Array, start: number, end: number): Rejection | '' {
    if (this.#viewed !== buffer) {
      this.#viewed = buffer;
      this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    }
    const view = this.#view;
    let at = start;
    if (!stands(view, at, end, TS)) {
      return 'noise';
    }
    const ts = this.#number(buffer, at + TS.length, end, TS_DIGITS);
    at = this.#at;
    if (ts < 0 || !stands(view, at, end, CHANNEL)) {
      return differs(buffer, at, end, CHANNEL);
    }
    const channel = this.#number(buffer, at + CHANNEL.length, end, 3);
    at = this.#at;
    if (channel < 0 || !stands(view, at, end, RSSI)) {
      return differs(buffer, at, end, RSSI);
    }
    at += RSSI.length;
    const negative = buffer[at] === MINUS;
    const magnitude = this.#number(buffer, negative ? at + 1 : at, end, 3);
    at = this.#at;
    if (magnitude < 0 || !stands(view, at, end, TYPE)) {
      return differs(buffer, at, end, TYPE);
    }
    at += TYPE.length;
    const probe = stands(view, at, end, PROBE);
    if (probe) {
      at += PROBE.length;
    } else {
      at = runOf(buffer, at, end, WORD);
      if (!stands(view, at, end, SUBTYPE)) {
        return differs(buffer, at, end, SUBTYPE);
      }
      at = runOf(buffer, at + SUBTYPE.length, end, WORD);
      if (!stands(view, at, end, LENGTH)) {
        return differs(buffer, at, end, LENGTH);
      }
      at += LENGTH.length;
    }
    const length = this.#number(buffer, at, end, 5);
    at = this.#at;
    if (length < 0 || !stands(view, at, end, RECEIVER)) {
      return differs(buffer, at, end, RECEIVER);
    }
    at = addressEnd(view, buffer, at + RECEIVER.length, end, probe);
    if (at < 0 || !stands(view, at, end, SENDER)) {
      return differs(buffer, at, end, SENDER);
    }
    const sender = at + SENDER.length;
    at = addressEnd(view, buffer, sender, end, probe);
    if (at > 0 && probe && stands(view, at, end, this.#usual)) {
      at += this.#usual.length;
    } else {
      const from = at;
      if (at < 0 || !stands(view, at, end, THIRD)) {
        return differs(buffer, at, end, THIRD);
      }
      at = addressEnd(view, buffer, at + THIRD.length, end, probe);
      if (at < 0 || !stands(view, at, end, FLAGS)) {
        return differs(buffer, at, end, FLAGS);
      }
      at = runOf(buffer, at + FLAGS.length, end, FLAG);
      if (!stands(view, at, end, SSID)) {
        return differs(buffer, at, end, SSID);
      }
      at += SSID.length;
      // Another third address is that of an access point, which is not kept.
      if (probe && stands(view, from + THIRD.length, end, BROADCAST)) {
        this.#usual = new Literal(new Uint8Array(buffer.subarray(from, at)));
      }
    }
    const rest = this.#checkRest(buffer, at, end, start);
    if (rest !== '') {
      return rest;
    }
    const tooStrong = !negative && magnitude > 0;
    const wrongLength = length > LONGEST_FRAME || (probe && length < SHORTEST_PROBE);
    if (channel < 1 || channel > HIGHEST_CHANNEL || tooStrong || magnitude > WEAKEST_RSSI || wrongLength) {
      return 'range';
    }
    return probe ? this.#report(buffer, sender, ts, channel, magnitude === 0 ? 0 : -magnitude) : '';
  }

  /** The SSID and what follows it, from `ssid` on. */
  #checkRest(buffer: Uint8Array, ssid: number, end: number, start: number): Rejection | '' {
    const tail = tailStart(buffer, ssid, end);
    const length = (tail < 0 ? end : tail) - ssid;
    if (length > LONGEST_SSID && end - start < CUT_AT) {
      return tail < 0 ? 'truncated' : 'format';
    }
    if (tail < 0 && length < LONGEST_SSID) {
      this.#openSsid = LONGEST_SSID - length - 1;
    }
    return '';
  }

  #report(buffer: Uint8Array, at: number, ts: number, channel: number, rssi: number): Rejection | '' {
    const high = (octet(buffer, at) << 16) | (octet(buffer, at + 3) << 8) | octet(buffer, at + 6);
    const low = (octet(buffer, at + 9) << 16) | (octet(buffer, at + 12) << 8) | octet(buffer, at + 15);
    if ((high & 0x010000) !== 0 || (high === 0 && low === 0)) {
      return 'format';
    }
    const reading = this.#reading;
    reading.address.set(high, low);
    reading.time = this.#time.map(this.#unwrap(ts), this.#arrival);
    reading.channel = channel;
    reading.rssi = rssi;
    this.#sink?.sighting(reading);
    return '';
  }

  /** A counter of 32 bits that falls by more than half its range has wrapped; a smaller fall is a restart. */
  #unwrap(ts: number): number {
    if (ts < this.#lastTs - WRAP / 2 && this.#lastTs < WRAP) {
      this.#wrapped += WRAP;
    }
    this.#lastTs = ts;
    return ts + this.#wrapped;
  }

  /** Reads at most `digits` decimal digits without a leading zero, leaves `#at` behind them; returns their value or -1. */
  #number(buffer: Uint8Array, start: number, end: number, digits: number): number {
    const limit = Math.min(end, start + digits);
    let value = 0;
    let at = start;
    for (; at < limit; at++) {
      const digit = buffer[at] - ZERO;
      if (digit < 0 || digit > 9) {
        break;
      }
      value = value * 10 + digit;
    }
    this.#at = at;
    return at === start || (buffer[start] === ZERO && at > start + 1) ? -1 : value;
  }
}

/** ESP32 sniffers that print JSON lines. */
export const wifiJson: Driver = {
  name: 'wifi-json',
  kind: 'wifi',
  defaultBaud: 921_600,
  createDecoder: () => new WifiJsonDecoder(),
};
