/** The one-way step: what leaves this file cannot be turned back without the day's key. */
import { createHmac, type KeyObject } from 'node:crypto';

/**
 * First byte of the message, so that equal bytes have unlike hashes: an address and a fingerprint, and one address heard
 * on Wi-Fi and on Bluetooth.
 */
export const HashDomain = { address: 1, fingerprint: 2, advertiser: 3 } as const;
export type HashDomain = (typeof HashDomain)[keyof typeof HashDomain];

/** Domain byte and 64 bits of value, big-endian. */
const MESSAGE_BYTES = 9;

/**
 * HMAC-SHA-256 (RFC 2104, FIPS 198-1) cut to its first 64 bits. The result stays in `high` and `low` until the next call,
 * so that no object is made per hash.
 */
export class KeyedHash {
  /** The first and second 32 bits of the last hash, unsigned. Never both 0: that stands for "none" in a row. */
  high = 0;
  low = 0;
  // A KeyObject: with a raw Buffer as key, each hash would build a key object of its own, ten times as slow.
  readonly #key: KeyObject;
  readonly #message = Buffer.alloc(MESSAGE_BYTES);

  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** Hashes a 64-bit value given in two unsigned halves. */
  hash(domain: HashDomain, high: number, low: number): void {
    const message = this.#message;
    message[0] = domain;
    message.writeUInt32BE(high, 1);
    message.writeUInt32BE(low, 5);
    // A string of one character a byte: a third faster than the Buffer that it would make otherwise.
    const digest = createHmac('sha256', this.#key).update(message).digest('binary');
    // The address must not stay behind here after its device is gone.
    message.fill(0);
    this.high = word(digest, 0);
    this.low = word(digest, 4);
    if (this.high === 0 && this.low === 0) this.low = 1;
  }
}

/** Four bytes of such a string, big-endian and unsigned. */
function word(bytes: string, at: number): number {
  return (
    ((bytes.charCodeAt(at) << 24) |
      (bytes.charCodeAt(at + 1) << 16) |
      (bytes.charCodeAt(at + 2) << 8) |
      bytes.charCodeAt(at + 3)) >>>
    0
  );
}
