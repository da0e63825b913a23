import { createRawAdvertisement, type RawAdvertisement } from '../../agent/raw.ts';
import type { Rejection } from '../../agent/readings.ts';
import { createCounts, tally } from '../counts.ts';
import type { Decoder, DecoderCounts, Driver, ReadingSink } from '../driver.ts';
import { LineSplitter } from '../lines.ts';
import { SourceTime } from '../source-time.ts';
import { classifyAdvertiser } from './advertising.ts';
import { type AdvertisementMessage, readMessage } from './json-message.ts';
import { isDeviceAddress, isRssi } from './pdu.ts';
import { ScanStarter, type Step } from './scan-starter.ts';

/** The answers of an AT dongle do not name their question. */
const ANSWER = 1;

/**
 * Decodes the JSON lines of BLE sniffers, in three dialects told apart by their keys: our own contract for ESP32 boards
 * (`{"v":1,"t":"adv",...}`), BleuIO dongles in verbose mode (`{"SF":...}`) and OpenMQTTGateway (`{"id":...,"rssi":...}`)
 * with its log lines between. Only the contract has a time; without one a reading's time is its arrival.
 *
 * Only a BleuIO has to be told to scan. To a line on which nothing is heard, a bare `AT` is said, which the others do not
 * heed; everything else only once a dongle has answered it.
 */
export class BleJsonDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #reading = createRawAdvertisement();
  readonly #time = new SourceTime();
  readonly #lines = new LineSplitter(this.#counts, (buffer, start, end) =>
    this.#line(Buffer.from(buffer.buffer, buffer.byteOffset + start, end - start).toString('latin1')),
  );
  readonly speaker = new ScanStarter({
    steps: dongleScan,
    patienceMs: 5_000,
    timeoutMs: 2_000,
    retryMs: 30_000,
    silentMs: 60_000,
    unanswered: () => {
      // Nothing that never answered is known to be a dongle.
      if (this.#isDongle) this.#counts.rejected.unanswered++;
    },
  });
  #isDongle = false;
  #sink: ReadingSink | undefined;
  #arrival = 0;

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#lines.push(bytes);
    this.#sink = undefined;
  }

  /** The rest of a line is never a whole object. Whether the sniffer kept its power, and its clock, is not known. */
  reopened(): void {
    this.#lines.reopened();
    this.#time.restart();
  }

  #line(text: string): void {
    const line = text.trim();
    if (line === '') {
      return;
    }
    tally(this.#counts, this.#read(line));
  }

  #read(line: string): Rejection | '' {
    if (!line.startsWith('{')) {
      return this.#text(line);
    }
    const message = readMessage(line);
    if (typeof message === 'object') {
      return this.#advertisement(message);
    }
    switch (message) {
      case 'answer':
        this.#answered();
        return '';
      case 'stopped':
        this.speaker.stopped();
        return '';
      case 'other':
        return '';
      default:
        return message;
    }
  }

  #text(line: string): Rejection | '' {
    if (/^(?:OK|ERROR)$/.test(line)) {
      this.#answered();
      return '';
    }
    // The echo of what was said, and the log of an OpenMQTTGateway.
    return /^AT(?:[A-Z0-9+]|$)/.test(line) || /^[A-Z]: /.test(line) ? '' : 'noise';
  }

  #answered(): void {
    this.#isDongle = true;
    this.speaker.answered(ANSWER);
  }

  #advertisement({ address, random, data, rssi, channel, uptimeMs }: AdvertisementMessage): Rejection | '' {
    const reading = this.#reading;
    const high = Number.parseInt(address.slice(0, 6), 16);
    const low = Number.parseInt(address.slice(6), 16);
    if (!isDeviceAddress(high, low)) {
      return 'format';
    }
    if (!isRssi(rssi)) {
      return 'range';
    }
    reading.address.set(high, low);
    reading.random = random;
    reading.rssi = rssi === 0 ? 0 : rssi;
    reading.channel = channel;
    reading.advertiser = classOf(reading, data);
    reading.time = this.#time.map(uptimeMs, this.#arrival);
    this.speaker.heard();
    this.#sink?.advertisement(reading);
    return '';
  }
}

function classOf({ address, random }: RawAdvertisement, data: Uint8Array | undefined): RawAdvertisement['advertiser'] {
  return data === undefined ? 'other' : classifyAdvertiser(address, random, data, 0, data.length);
}

/** Verbose answers, central role, RSSI in each line, all advertisements with their data. */
function dongleScan(): Step[] {
  const frame = (text: string) => Buffer.from(text, 'latin1');
  const say = (text: string): Step => ({ frame: frame(text), answer: ANSWER, needed: true });
  return [
    say('AT\r'),
    // A scan that is running is stopped, or it would refuse the rest. What is said on this has no answer.
    { frame: frame('\x03') },
    // Firmware before 2.2.0 may acknowledge it in words of its own.
    { frame: frame('ATV1\r'), answer: ANSWER },
    say('AT+CENTRAL\r'),
    say('AT+SHOWRSSI1\r'),
    say('AT+FINDSCANDATA=\r'),
  ];
}

/** ESP32 boards, BleuIO dongles and OpenMQTTGateways that send JSON lines. */
export const bleJson: Driver = {
  name: 'ble-json',
  kind: 'ble',
  defaultBaud: 115_200,
  createDecoder: () => new BleJsonDecoder(),
};
