import { type NrfVersion, nrfAdvertisement, nrfPacket } from '../encode/nrf.ts';
import type { Advertisement, AdvertisingFormat, AirModule } from '../formats.ts';

const VARIANTS: Readonly<Record<string, NrfVersion>> = { v1: 1, v2: 2, v3: 3 };
const START = 0xab;
const END = 0xbc;
const ESCAPE = 0xcd;
const ID = 5;

const REQ_SCAN_CONT = 0x07;
const PING_REQ = 0x0d;
const REQ_VERSION = 0x1b;
const REQ_TIMESTAMP = 0x1d;
const GO_IDLE = 0xfe;
const FIRMWARE = '4.1.1';
const FIRMWARE_NUMBER = 1_116;

/** An nRF Sniffer: idle until it is told to scan; answers pings and questions for its version and clock. */
export class BleNrfFormat implements AdvertisingFormat {
  readonly #version: NrfVersion;
  readonly #latencyUs: number;
  /** Crystal error: parts per million. */
  readonly #ppm: number;
  #bootMs = 0;
  #lastUs = 0;
  #counter = 0;
  #scanning = false;
  /** A packet that is not whole yet; undefined between packets. */
  #received: number[] | undefined;

  constructor({ sensor, random }: AirModule) {
    this.#version = VARIANTS[sensor.variant ?? 'v3'] ?? 3;
    this.#latencyUs = random.uniform(500, 4_000);
    this.#ppm = random.uniform(-40, 40);
  }

  boot(ms: number): Uint8Array {
    this.#bootMs = ms - 100;
    this.#lastUs = 0;
    this.#counter = 0;
    this.#scanning = false;
    this.#received = undefined;
    return new Uint8Array();
  }

  advertisement(ms: number, advertisement: Advertisement, rssi: number, channel: number): Uint8Array {
    if (!this.#scanning) return new Uint8Array();
    const us = this.#uptimeUs(ms);
    const stampUs = this.#version === 3 ? us : Math.max(0, us - this.#lastUs);
    this.#lastUs = us;
    return nrfAdvertisement({ version: this.#version, counter: this.#count(), advertisement, stampUs, rssi, channel });
  }

  receive(ms: number, bytes: Uint8Array): Uint8Array {
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte === START) this.#received = [];
      else if (byte === END && this.#received !== undefined) {
        answers.push(this.#request(ms, plain(this.#received)));
        this.#received = undefined;
      } else this.#received?.push(byte);
    }
    return Buffer.concat(answers);
  }

  #request(ms: number, request: readonly number[]): Uint8Array {
    switch (request[ID]) {
      case REQ_SCAN_CONT:
        this.#scanning = true;
        break;
      case GO_IDLE:
        this.#scanning = false;
        break;
      case PING_REQ:
        return this.#answer(PING_REQ + 1, [FIRMWARE_NUMBER & 0xff, FIRMWARE_NUMBER >> 8]);
      case REQ_VERSION:
        return this.#answer(REQ_VERSION + 1, [...Buffer.from(FIRMWARE, 'latin1')]);
      case REQ_TIMESTAMP: {
        const us = Math.floor(this.#uptimeUs(ms)) % 2 ** 32;
        return this.#answer(
          REQ_TIMESTAMP + 1,
          [0, 8, 16, 24].map((shift) => Math.floor(us / 2 ** shift) & 0xff),
        );
      }
    }
    return new Uint8Array();
  }

  #answer(id: number, payload: readonly number[]): Uint8Array {
    return nrfPacket(this.#version, this.#count(), id, Uint8Array.from(payload));
  }

  #count(): number {
    const counter = this.#counter;
    this.#counter = (counter + 1) & 0xffff;
    return counter;
  }

  #uptimeUs(ms: number): number {
    return Math.max(0, (ms - this.#bootMs) * 1_000 * (1 + this.#ppm / 1e6) - this.#latencyUs);
  }
}

function plain(bytes: readonly number[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i] === ESCAPE ? bytes[++i] - 1 : bytes[i]);
  return out;
}
