import { createRawAdvertisement, NO_RSSI } from '../../agent/raw.ts';
import type { ReadingSink } from '../driver.ts';
import { EXTENDED, RSSI_UNKNOWN } from './hci-event.ts';
import { readAdvertiser } from './pdu.ts';

const ANONYMOUS = 0xff;
const SCAN_RESPONSE = 0x08;
const MORE_TO_COME = 1;
/** The most data an advertising set holds (Bluetooth Core 5.4, Vol 6, Part B, 2.3.4.9). */
const LONGEST_DATA = 1_650;
const NOTHING = new Uint8Array(EXTENDED);

/**
 * Extended advertising reports (Bluetooth Core 5.4, Vol 4, Part E, 7.7.65.13). The data of one advertisement may come in
 * several reports; the reading is passed on with the last. One that another overtakes in parts is dropped.
 */
export class ExtendedReports {
  readonly #reading = createRawAdvertisement();
  readonly #data = new Uint8Array(LONGEST_DATA);
  /** Address type, address and set of the advertisement that is being put together. */
  readonly #head = new Uint8Array(EXTENDED);
  #length = 0;

  /** Takes the report at `at`, whose fields have been checked. */
  take(bytes: Uint8Array, at: number, arrival: number, sink: ReadingSink): void {
    const type = bytes[at];
    if ((type & SCAN_RESPONSE) !== 0 || bytes[at + 2] === ANONYMOUS) {
      return;
    }
    const from = at + EXTENDED;
    const end = from + bytes[at + 23];
    const status = (type >> 5) & 0b11;
    if (!this.#isSame(bytes, at)) {
      if (status === 0) {
        this.#pass(bytes, at, bytes, from, end, arrival, sink);
        return;
      }
      this.#length = 0;
      this.#head.set(bytes.subarray(at, at + EXTENDED));
    }
    const room = Math.min(end - from, LONGEST_DATA - this.#length);
    this.#data.set(bytes.subarray(from, from + room), this.#length);
    this.#length += room;
    if (status !== MORE_TO_COME) {
      this.#pass(bytes, at, this.#data, 0, this.#length, arrival, sink);
      this.abandon();
    }
  }

  /** The rest of an advertisement will not come. */
  abandon(): void {
    this.#length = 0;
    this.#head.set(NOTHING);
  }

  /** Whether the report goes on where the last one stopped. */
  #isSame(bytes: Uint8Array, at: number): boolean {
    if (this.#length === 0 || this.#head[11] !== bytes[at + 11]) {
      return false;
    }
    for (let i = 2; i <= 8; i++) {
      if (this.#head[i] !== bytes[at + i]) {
        return false;
      }
    }
    return true;
  }

  #pass(
    bytes: Uint8Array,
    at: number,
    data: Uint8Array,
    start: number,
    end: number,
    arrival: number,
    sink: ReadingSink,
  ): void {
    const reading = this.#reading;
    if (readAdvertiser(bytes, at + 3, data, start, end, (bytes[at + 2] & 1) !== 0, reading)) {
      const rssi = (bytes[at + 13] << 24) >> 24;
      reading.rssi = rssi === RSSI_UNKNOWN ? NO_RSSI : rssi;
      reading.time = arrival;
      sink.advertisement(reading);
    }
  }
}
