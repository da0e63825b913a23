import { sniffleFrame, sniffleLine, sniffleMarker } from '../encode/sniffle.ts';
import type { Advertisement, AdvertisingFormat, AirModule } from '../formats.ts';

const LF = 0x0a;
const LONGEST_LINE = 512;

const SET_CHANNEL = 0x10;
const SET_RSSI_FILTER = 0x12;
const RESET = 0x17;
const MARKER = 0x18;
const VERSION = 0x24;

const STATE = 0x13;
const MEASUREMENT = 0x14;
/** Stays on its channel. */
const STATIC = 0;
const FIRMWARE_VERSION = [5, 5, 1, 10, 0, 1];

/** A Sniffle sniffer: listens to channel 37 from power-on, one channel at a time, and repeats markers. */
export class BleSniffleFormat implements AdvertisingFormat {
  readonly #latencyUs: number;
  /** Crystal error: parts per million. */
  readonly #ppm: number;
  #bootMs = 0;
  #channel = 37;
  #weakestDbm = -128;
  #received = '';

  constructor({ random }: AirModule) {
    this.#latencyUs = random.uniform(500, 4_000);
    this.#ppm = random.uniform(-40, 40);
  }

  boot(ms: number): Uint8Array {
    this.#bootMs = ms - 100;
    this.#channel = 37;
    this.#weakestDbm = -128;
    this.#received = '';
    return sniffleLine(STATE, [STATIC]);
  }

  advertisement(ms: number, advertisement: Advertisement, rssi: number, channel: number): Uint8Array {
    if (channel !== this.#channel || rssi < this.#weakestDbm) return new Uint8Array();
    return sniffleFrame({ advertisement, stampUs: this.#uptimeUs(ms), rssi, channel });
  }

  receive(ms: number, bytes: Uint8Array): Uint8Array {
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte !== LF) {
        this.#received = (this.#received + String.fromCharCode(byte)).slice(-LONGEST_LINE);
        continue;
      }
      const [groups, opcode, ...body] = Buffer.from(this.#received, 'base64');
      const whole = groups === Math.ceil((2 + body.length) / 3);
      if (whole) answers.push(this.#command(ms, opcode, Uint8Array.from(body)));
      this.#received = '';
    }
    return Buffer.concat(answers);
  }

  #command(ms: number, opcode: number, body: Uint8Array): Uint8Array {
    switch (opcode) {
      case SET_CHANNEL:
        this.#channel = body[0];
        break;
      case SET_RSSI_FILTER:
        this.#weakestDbm = (body[0] << 24) >> 24;
        break;
      case RESET:
        return this.boot(ms);
      case MARKER:
        return sniffleMarker(this.#uptimeUs(ms), body);
      case VERSION:
        return sniffleLine(MEASUREMENT, FIRMWARE_VERSION);
    }
    return new Uint8Array();
  }

  #uptimeUs(ms: number): number {
    return Math.max(0, (ms - this.#bootMs) * 1_000 * (1 + this.#ppm / 1e6) - this.#latencyUs);
  }
}
