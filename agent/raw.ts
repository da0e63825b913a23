/**
 * What a decoder yields in front of the privacy boundary. Only `drivers` and `privacy` may import this file (the linter
 * keeps that): nothing behind the boundary can name, and so cannot hold, an address.
 */
import { inspect } from 'node:util';

const REDACTED = '[address]';

/**
 * A 48-bit hardware address that cannot be printed: every way of turning it into text gives `[address]`. Mutable, so
 * that a decoder reuses one instance for all frames.
 */
export class RawAddress {
  #high = 0;
  #low = 0;

  /** The first three octets as a 24-bit number, the first octet in the top bits. */
  get high(): number {
    return this.#high;
  }

  /** The last three octets as a 24-bit number. */
  get low(): number {
    return this.#low;
  }

  /** True when the locally-administered bit is set, as in randomised addresses (IEEE 802-2014, 8.4). */
  get local(): boolean {
    return (this.#high & 0x020000) !== 0;
  }

  /** Sets both halves, 24 bits each. */
  set(high: number, low: number): void {
    this.#high = high & 0xffffff;
    this.#low = low & 0xffffff;
  }

  /** Reads six octets in transmission order. */
  setFrom(bytes: Uint8Array, offset: number): void {
    this.#high = (bytes[offset] << 16) | (bytes[offset + 1] << 8) | bytes[offset + 2];
    this.#low = (bytes[offset + 3] << 16) | (bytes[offset + 4] << 8) | bytes[offset + 5];
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** RSSI of a format that carries none. */
export const NO_RSSI = -128;
/** Sequence number of a format that carries none (802.11 sequence numbers are 0 to 4095). */
export const NO_SEQUENCE = 0xffff;

/**
 * One probe request as a decoder saw it. Decoders reuse one instance: it is valid only during the sink's call.
 */
export interface RawSighting {
  readonly address: RawAddress;
  /** UTC milliseconds on the gateway's timeline: the source's time mapped to it, or the arrival. Never after arrival. */
  time: number;
  /** 64-bit plain hash of the normalised information elements, in two unsigned halves; both 0 where there are none. */
  fingerprintHigh: number;
  fingerprintLow: number;
  /** 802.11 sequence number 0 to 4095, or NO_SEQUENCE. */
  sequence: number;
  /** dBm, -127 to 0, or NO_RSSI. */
  rssi: number;
  /** 802.11 channel number, 0 where unknown. */
  channel: number;
}

export function createRawSighting(): RawSighting {
  return {
    address: new RawAddress(),
    time: 0,
    fingerprintHigh: 0,
    fingerprintLow: 0,
    sequence: NO_SEQUENCE,
    rssi: NO_RSSI,
    channel: 0,
  };
}

/** What an advertiser is by the payload of its advertisements; a device is never followed from one address to the next. */
export type AdvertiserClass = 'phone' | 'fixture' | 'other';

/** One BLE advertisement as a decoder saw it. Decoders reuse one instance: it is valid only during the sink's call. */
export interface RawAdvertisement {
  readonly address: RawAddress;
  /** The address is random (static, resolvable or not), not a public one (Bluetooth Core 5.4, Vol 6, Part B, 1.3). */
  random: boolean;
  /** UTC milliseconds on the gateway's timeline, as of a sighting. */
  time: number;
  advertiser: AdvertiserClass;
  /** dBm, -127 to 0 (rarely up to 20), or NO_RSSI. */
  rssi: number;
  /** Advertising channel index 37 to 39, 0 where unknown. */
  channel: number;
}

export function createRawAdvertisement(): RawAdvertisement {
  return { address: new RawAddress(), random: false, time: 0, advertiser: 'other', rssi: NO_RSSI, channel: 0 };
}
