import { createRawAdvertisement, NO_RSSI } from '../../agent/raw.ts';
import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, Driver, ReadingSink } from '../driver.ts';
import { scanCommands } from './hci-commands.ts';
import {
  ADVERTISING_REPORT,
  BAD_FIELD,
  COMMAND_COMPLETE,
  COMMAND_STATUS,
  EVENT_HEADER,
  EVENT_PACKET,
  EXTENDED,
  EXTENDED_REPORT,
  LE_META,
  LONGEST_EVENT,
  MORE,
  measureEvent,
  NO_EVENT,
  REPORT,
  RSSI_UNKNOWN,
} from './hci-event.ts';
import { ExtendedReports } from './hci-extended.ts';
import { readAdvertiser } from './pdu.ts';
import { ScanStarter } from './scan-starter.ts';

const SCAN_RESPONSE = 4;
/** Octets of an event up to the number of its reports and the type of the first: they tell it from a payload. */
const TELLING = 6;

/**
 * Decodes the events of a Bluetooth controller as H4 packets: a serial controller's line, or what a radio helper passes on.
 *
 * H4 has neither checksum nor sign of where a packet begins. In step, a packet follows the one before; out of step, only
 * an event whose every length and field fits begins one. The last packet stays in the buffer until its follower is one:
 * where it is not, the last may have been torn and have swallowed the beginning of the next, so the search begins
 * inside it.
 */
export class BleHciDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #reading = createRawAdvertisement();
  readonly #extended = new ExtendedReports();
  readonly #buffer = new Uint8Array(8 * LONGEST_EVENT);
  readonly speaker = new ScanStarter({
    steps: scanCommands,
    timeoutMs: 1_000,
    retryMs: 5_000,
    silentMs: 60_000,
    unanswered: () => {
      this.#counts.rejected.unanswered++;
    },
  });
  /** The first byte not yet decided on, and the end of what is there. */
  #at = 0;
  #end = 0;
  /** The last packet that was taken, while its follower is not there; else -1. */
  #last = -1;
  #inStep = false;
  /** Whether the run of skipped bytes has been counted. */
  #runCounted = false;

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#counts.bytes += bytes.length;
    for (let taken = 0; taken < bytes.length; ) {
      const room = Math.min(bytes.length - taken, this.#buffer.length - this.#end);
      this.#buffer.set(bytes.subarray(taken, taken + room), this.#end);
      this.#end += room;
      taken += room;
      this.#decide(arrival, sink);
      this.#compact();
    }
  }

  /** Events are searched anew: only one whose every length and field fits is believed to begin there. */
  reopened(): void {
    if (this.#at < this.#end && !this.#runCounted) {
      this.#counts.rejected.truncated++;
    }
    this.#at = 0;
    this.#end = 0;
    this.#last = -1;
    this.#inStep = false;
    this.#runCounted = false;
    this.#extended.abandon();
  }

  #decide(arrival: number, sink: ReadingSink): void {
    for (;;) {
      const at = this.#at;
      const length = measureEvent(this.#buffer, at, this.#end, !this.#inStep);
      if (length === MORE) {
        return;
      }
      if (length > 0) {
        this.#take(at, length, arrival, sink);
      } else if (!this.#inStep) {
        this.#at++;
        if (!this.#runCounted) {
          this.#runCounted = true;
          this.#counts.rejected.noise++;
        }
      } else if (length === BAD_FIELD) {
        this.#counts.rejected.range++;
        this.#runCounted = true;
        this.#last = at;
        this.#at += EVENT_HEADER + this.#buffer[at + 2];
      } else {
        this.#loseStep();
      }
    }
  }

  #take(at: number, length: number, arrival: number, sink: ReadingSink): void {
    const next = this.#eventWithin(at, length);
    if (next > 0) {
      this.#counts.rejected.truncated++;
      this.#at = next;
      this.#last = -1;
      this.#inStep = true;
      this.#runCounted = true;
      return;
    }
    this.#counts.accepted++;
    this.#last = at;
    this.#at = at + length;
    this.#inStep = true;
    this.#runCounted = false;
    const bytes = this.#buffer;
    const code = bytes[at + 1];
    if (code === COMMAND_COMPLETE) {
      this.speaker.answered(bytes[at + 4] | (bytes[at + 5] << 8));
    } else if (code === COMMAND_STATUS) {
      this.speaker.answered(bytes[at + 5] | (bytes[at + 6] << 8));
    } else if (code === LE_META && bytes[at + 3] === ADVERTISING_REPORT) {
      this.#reports(at, arrival, sink);
    } else if (code === LE_META && bytes[at + 3] === EXTENDED_REPORT) {
      this.#extendedReports(at, arrival, sink);
    }
  }

  #reports(event: number, arrival: number, sink: ReadingSink): void {
    const bytes = this.#buffer;
    const reading = this.#reading;
    let at = event + 5;
    for (let left = bytes[event + 4]; left > 0; left--) {
      const end = at + REPORT + bytes[at + 8];
      this.speaker.heard();
      const random = (bytes[at + 1] & 1) !== 0;
      const isReading = bytes[at] !== SCAN_RESPONSE;
      if (isReading && readAdvertiser(bytes, at + 2, bytes, at + 9, end - 1, random, reading)) {
        const rssi = (bytes[end - 1] << 24) >> 24;
        reading.rssi = rssi === RSSI_UNKNOWN ? NO_RSSI : rssi;
        reading.time = arrival;
        sink.advertisement(reading);
      }
      at = end;
    }
  }

  #extendedReports(event: number, arrival: number, sink: ReadingSink): void {
    const bytes = this.#buffer;
    let at = event + 5;
    for (let left = bytes[event + 4]; left > 0; left--) {
      this.speaker.heard();
      this.#extended.take(bytes, at, arrival, sink);
      at += EXTENDED + bytes[at + 23];
    }
  }

  #loseStep(): void {
    // An event just rejected may have been the torn one that these bytes belong to.
    if (!this.#runCounted) {
      this.#runCounted = true;
      const begun = this.#buffer[this.#at] === EVENT_PACKET;
      this.#counts.rejected[begun ? 'format' : 'noise']++;
    }
    this.#inStep = false;
    this.#at = (this.#last >= 0 ? this.#last : this.#at) + 1;
    this.#last = -1;
  }

  /**
   * Where another event begins inside a report, which is then torn; else -1. Of fewer octets than tell an event apart, its
   * payload may hold any: a report torn so near to its end is taken, its sender being right.
   */
  #eventWithin(at: number, length: number): number {
    if (this.#buffer[at + 1] !== LE_META) {
      return -1;
    }
    const end = at + length;
    for (let i = at + 5; i + TELLING <= end; i++) {
      const begins = this.#buffer[i] === EVENT_PACKET && this.#buffer[i + 1] === LE_META;
      if (begins && measureEvent(this.#buffer, i, end, true) !== NO_EVENT) {
        return i;
      }
    }
    return -1;
  }

  #compact(): void {
    const from = this.#last >= 0 ? this.#last : this.#at;
    this.#buffer.copyWithin(0, from, this.#end);
    this.#at -= from;
    this.#end -= from;
    this.#last = this.#last >= 0 ? 0 : -1;
  }
}

/** The gateway's own Bluetooth adapter, or a controller on a serial line. */
export const bleHci: Driver = {
  name: 'ble-hci',
  kind: 'ble',
  defaultBaud: 0,
  createDecoder: () => new BleHciDecoder(),
};
