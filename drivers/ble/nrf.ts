import { createRawAdvertisement } from '../../agent/raw.ts';
import type { Rejection } from '../../agent/readings.ts';
import { createCounts, tally } from '../counts.ts';
import type { Decoder, DecoderCounts, Driver, ReadingSink } from '../driver.ts';
import { SourceTime } from '../source-time.ts';
import { CRC24_START, crc24 } from './crc24.ts';
import { nrfScan, PING_RESP, RESP_TIMESTAMP, RESP_VERSION } from './nrf-commands.ts';
import { NrfFraming } from './nrf-framing.ts';
import { FIRST_ADVERTISING_CHANNEL, LAST_ADVERTISING_CHANNEL, readAdvertisingPdu, WEAKEST_RSSI } from './pdu.ts';
import { ScanStarter } from './scan-starter.ts';
import { WrappingClock } from './wrapping-clock.ts';

const HEADER = 6;
const BLE_HEADER = 10;
const LATEST_VERSION = 3;

const EVENT_FOLLOW = 0x01;
const EVENT_ADV_PDU = 0x02;
const EVENT_CONNECT = 0x05;
const EVENT_DATA_PDU = 0x06;
const EVENT_DISCONNECT = 0x09;
const MESSAGES = [EVENT_FOLLOW, EVENT_CONNECT, EVENT_DISCONNECT, PING_RESP, RESP_VERSION, RESP_TIMESTAMP] as const;

const ACCESS_ADDRESS = HEADER + BLE_HEADER;
const PDU = ACCESS_ADDRESS + 4;
const CRC = 3;
const CODED = 2;

/** Microseconds after which the 32-bit clock is at zero again. */
const CLOCK_PERIOD = 2 ** 32;
/** A larger step of the 16-bit packet counter is a sniffer that restarted. */
const LARGEST_GAP = 1_000;

/**
 * Decodes the nRF Sniffer's packets of protocol versions 1, 2 and 3.
 *
 * The sniffer tells by a flag whether the PDU's CRC was right on the air. The CRC comes along too and would catch damage on
 * the serial line, but it is not documented that every firmware fills it in: once one has proven right, a PDU that
 * contradicts its own is rejected.
 */
export class BleNrfDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #reading = createRawAdvertisement();
  readonly #framing = new NrfFraming(this.#counts, (buffer, length) => this.#packet(buffer, length));
  readonly #time = new SourceTime();
  readonly #clock = new WrappingClock(CLOCK_PERIOD);
  readonly speaker = new ScanStarter({
    steps: nrfScan,
    timeoutMs: 500,
    retryMs: 5_000,
    silentMs: 60_000,
    unanswered: () => {
      this.#counts.rejected.unanswered++;
    },
  });
  #sink: ReadingSink | undefined;
  #arrival = 0;
  /** Counter of the last packet; -1 before the first. */
  #counter = -1;
  /** Packets damaged up to then, whose counters are not known. */
  #damagedBefore = 0;
  #crcProven = false;

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#framing.push(bytes);
    this.#sink = undefined;
  }

  /** Whether the sniffer kept its power, its clock and its packet counter is not known. */
  reopened(): void {
    this.#framing.reopened();
    this.#counter = -1;
    this.#time.restart();
  }

  #packet(bytes: Uint8Array, length: number): void {
    const before = this.#counter;
    const verdict = this.#read(bytes, length);
    tally(this.#counts, verdict);
    if (this.#counter !== before) {
      this.#damagedBefore = this.#damaged();
    }
  }

  #read(bytes: Uint8Array, length: number): Rejection | '' {
    if (length < HEADER) {
      return 'truncated';
    }
    const version = bytes[2];
    const first = version === 1;
    const stated = HEADER + (first ? bytes[1] : bytes[0] | (bytes[1] << 8));
    if (version === 0 || version > LATEST_VERSION) {
      return stated === length || (bytes[0] === HEADER && HEADER + bytes[1] === length) ? 'unsupported' : 'format';
    }
    if ((first && bytes[0] !== HEADER) || stated < length) {
      return 'format';
    }
    if (stated > length) {
      return 'truncated';
    }
    const id = bytes[5];
    this.#count(bytes[3] | (bytes[4] << 8));
    if (id === EVENT_ADV_PDU || id === EVENT_DATA_PDU) {
      return this.#pdu(bytes, length, id, version);
    }
    if (!MESSAGES.some((message) => message === id)) {
      return 'unsupported';
    }
    this.speaker.answered(id);
    return '';
  }

  /** The packet counter tells what was lost on the way; packets that came damaged are not missing as well. */
  #count(counter: number): void {
    const lost = (counter - this.#counter - 1) & 0xffff;
    if (this.#counter >= 0 && lost <= LARGEST_GAP) {
      this.#counts.rejected.missing += Math.max(0, lost - (this.#damaged() - this.#damagedBefore));
    }
    this.#counter = counter;
  }

  #damaged(): number {
    const { truncated, format, oversize } = this.#counts.rejected;
    return truncated + format + oversize;
  }

  #pdu(bytes: Uint8Array, length: number, id: number, version: number): Rejection | '' {
    if (length < PDU || bytes[HEADER] !== BLE_HEADER) {
      return 'format';
    }
    const flags = bytes[HEADER + 1];
    if ((flags & 1) === 0) {
      return 'checksum';
    }
    const advertising =
      bytes[ACCESS_ADDRESS] === 0xd6 &&
      bytes[ACCESS_ADDRESS + 1] === 0xbe &&
      bytes[ACCESS_ADDRESS + 2] === 0x89 &&
      bytes[ACCESS_ADDRESS + 3] === 0x8e;
    if (!advertising) {
      return id === EVENT_ADV_PDU ? 'format' : '';
    }
    return this.#advertisingPdu(bytes, length, version, ((flags >> 4) & 7) === CODED);
  }

  #advertisingPdu(bytes: Uint8Array, length: number, version: number, coded: boolean): Rejection | '' {
    // The coded PHY has an octet that names its coding first. One that was never on the air stands behind the header.
    const header = coded ? PDU + 1 : PDU;
    const payload = header + 3;
    const pduLength = bytes[header + 1];
    if (payload + CRC > length || payload + pduLength + CRC !== length) {
      return 'format';
    }
    if (!this.#isSound(bytes, header, payload, payload + pduLength)) {
      return 'checksum';
    }
    const channel = bytes[HEADER + 2];
    const rssi = -bytes[HEADER + 3];
    if (rssi < WEAKEST_RSSI) {
      return 'range';
    }
    if (channel < FIRST_ADVERTISING_CHANNEL || channel > LAST_ADVERTISING_CHANNEL) {
      // Extended advertisements go on over the other channels.
      return channel < FIRST_ADVERTISING_CHANNEL ? '' : 'range';
    }
    const reading = this.#reading;
    const verdict = readAdvertisingPdu(bytes, bytes[header], pduLength, payload, reading);
    if (verdict === 'advertisement') {
      reading.channel = channel;
      reading.rssi = rssi === 0 ? 0 : rssi;
      reading.time = this.#timeOf(bytes, version);
      this.#sink?.advertisement(reading);
    }
    if (verdict === 'advertisement' || verdict === 'other') {
      this.speaker.heard();
      return '';
    }
    return verdict;
  }

  #isSound(bytes: Uint8Array, header: number, payload: number, end: number): boolean {
    const sent = bytes[end] | (bytes[end + 1] << 8) | (bytes[end + 2] << 16);
    if (sent === 0) {
      return true;
    }
    const right = crc24(crc24(CRC24_START, bytes, header, header + 2), bytes, payload, end) === sent;
    this.#crcProven ||= right;
    return right || !this.#crcProven;
  }

  /** Only version 3 stamps packets with its clock; the older ones give the gap to the packet before. */
  #timeOf(bytes: Uint8Array, version: number): number {
    if (version < 3) {
      return this.#arrival;
    }
    const at = HEADER + 6;
    const stamp = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
    return this.#time.map(this.#clock.unwrap(stamp, this.#arrival), this.#arrival);
  }
}

/** Nordic's nRF Sniffer for Bluetooth LE on a development kit or dongle. */
export const bleNrf: Driver = {
  name: 'ble-nrf',
  kind: 'ble',
  defaultBaud: 1_000_000,
  createDecoder: () => new BleNrfDecoder(),
};
