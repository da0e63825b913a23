import { createRawAdvertisement } from '../../agent/raw.ts';
import type { Rejection } from '../../agent/readings.ts';
import { createCounts, tally } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { LineSplitter, MAX_LINE } from '../lines.ts';
import { SourceTime } from '../source-time.ts';
import { base64Run, decodeBase64 } from './base64.ts';
import { FIRST_ADVERTISING_CHANNEL, isRssi, LAST_ADVERTISING_CHANNEL, readAdvertisingPdu } from './pdu.ts';
import { ScanStarter } from './scan-starter.ts';
import { markerNumber, sniffleScan } from './sniffle-commands.ts';
import { WrappingClock } from './wrapping-clock.ts';

const BLE_FRAME = 0x10;
const DEBUG = 0x11;
const MARKER = 0x12;
const STATE = 0x13;
const MEASUREMENT = 0x14;

/** Count of groups and type, in front of everything. */
const HEAD = 2;
const FRAME_HEADER = 12;
const PDU_HEADER = 2;
const CRC_ERROR = 0x4000;
const LENGTH_BITS = 0x3fff;
/** The sniffer's 4 MHz counter of 32 bits, divided by four: microseconds after which its clock is at zero again. */
const CLOCK_PERIOD = 2 ** 30;

/**
 * Decodes Sniffle's lines of base64. They have no checksum of their own, so a line counts only where every length agrees:
 * the number of groups, the length of the PDU, the length in the PDU.
 */
export class BleSniffleDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #reading = createRawAdvertisement();
  readonly #lines = new LineSplitter(this.#counts, (buffer, start, end) => this.#line(buffer, start, end));
  readonly #message = new Uint8Array(MAX_LINE);
  readonly #time = new SourceTime();
  readonly #clock = new WrappingClock(CLOCK_PERIOD);
  readonly speaker: ScanStarter;
  #starts = 0;
  #sink: ReadingSink | undefined;
  #arrival = 0;

  constructor({ advertisingChannel = FIRST_ADVERTISING_CHANNEL }: DecoderOptions = {}) {
    this.speaker = new ScanStarter({
      steps: () => {
        this.#starts = (this.#starts + 1) & 0xffff;
        return sniffleScan(advertisingChannel, this.#starts);
      },
      timeoutMs: 1_000,
      retryMs: 5_000,
      silentMs: 60_000,
      unanswered: () => {
        this.#counts.rejected.unanswered++;
      },
    });
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

  /** In the rest of a line the lengths do not agree. Whether the sniffer kept its power, and its clock, is not known. */
  reopened(): void {
    this.#lines.reopened();
    this.#time.restart();
  }

  #line(buffer: Uint8Array, start: number, end: number): void {
    tally(this.#counts, this.#read(buffer, start, end));
  }

  #read(buffer: Uint8Array, start: number, end: number): Rejection | '' {
    const message = this.#message;
    const head = end - start >= 4 ? decodeBase64(buffer, start, start + 4, message) : -1;
    if (head < HEAD || message[1] < BLE_FRAME || message[1] > MEASUREMENT) {
      return 'noise';
    }
    const stated = 4 * message[0];
    if (start + base64Run(buffer, start, end) !== end || stated < end - start) {
      return 'format';
    }
    if (stated > end - start) {
      return 'truncated';
    }
    const length = decodeBase64(buffer, start, end, message);
    return length < 0 ? 'format' : this.#take(message, length);
  }

  #take(message: Uint8Array, length: number): Rejection | '' {
    switch (message[1]) {
      case BLE_FRAME:
        return this.#frame(message, length);
      case DEBUG:
        return '';
      case MARKER:
        if (length < HEAD + 4) {
          return 'format';
        }
        this.speaker.answered(markerNumber(message, HEAD + 4, length));
        return '';
      case STATE:
        return length === HEAD + 1 ? '' : 'format';
      default:
        return length > HEAD && length === HEAD + 1 + message[HEAD] ? '' : 'format';
    }
  }

  #frame(message: Uint8Array, length: number): Rejection | '' {
    if (length < FRAME_HEADER + PDU_HEADER) {
      return 'format';
    }
    const lengths = message[6] | (message[7] << 8);
    const pdu = lengths & LENGTH_BITS;
    if (FRAME_HEADER + pdu !== length || PDU_HEADER + message[FRAME_HEADER + 1] !== pdu) {
      return 'format';
    }
    if ((lengths & CRC_ERROR) !== 0) {
      return 'checksum';
    }
    const stamp = (message[2] | (message[3] << 8) | (message[4] << 16) | (message[5] << 24)) >>> 0;
    const rssi = (message[10] << 24) >> 24;
    const channel = message[11] & 0x3f;
    if (stamp >= CLOCK_PERIOD || !isRssi(rssi) || channel > LAST_ADVERTISING_CHANNEL) {
      return 'range';
    }
    if (channel < FIRST_ADVERTISING_CHANNEL) {
      return '';
    }
    const reading = this.#reading;
    const payload = FRAME_HEADER + PDU_HEADER;
    const verdict = readAdvertisingPdu(message, message[FRAME_HEADER], pdu - PDU_HEADER, payload, reading);
    if (verdict === 'advertisement') {
      reading.channel = channel;
      reading.rssi = rssi;
      reading.time = this.#time.map(this.#clock.unwrap(stamp, this.#arrival), this.#arrival);
      this.#sink?.advertisement(reading);
    }
    if (verdict === 'advertisement' || verdict === 'other') {
      this.speaker.heard();
      return '';
    }
    return verdict;
  }
}

/** Sniffle on a TI CC1352 or CC26x2 board. */
export const bleSniffle: Driver = {
  name: 'ble-sniffle',
  kind: 'ble',
  defaultBaud: 2_000_000,
  createDecoder: (options) => new BleSniffleDecoder(options),
};
