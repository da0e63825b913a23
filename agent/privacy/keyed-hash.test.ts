import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HashDomain, KeyedHash } from './keyed-hash.ts';

const key = createSecretKey(Buffer.alloc(32, 7));

describe('KeyedHash', () => {
  it('is the first 64 bits of HMAC-SHA-256 over the domain and the value', () => {
    const hash = new KeyedHash(key);
    hash.hash(HashDomain.address, 0x0000d0c5, 0xd30a1b2c);
    const expected = createHmac('sha256', Buffer.alloc(32, 7)).update('010000d0c5d30a1b2c', 'hex').digest('hex');
    expect(hex(hash)).toBe(expected.slice(0, 16));
  });

  it('agrees with another construction of HMAC in the library, so it is the standard one', () => {
    // HKDF-Extract is HMAC(salt, input); one Expand step over it is HMAC(that, info || 0x01) (RFC 5869).
    const extracted = createHmac('sha256', Buffer.alloc(32)).update('x').digest();
    const hash = new KeyedHash(createSecretKey(extracted));
    // The message is info || 0x01 for an info of eight bytes and a value that ends in 0x01.
    hash.hash(HashDomain.fingerprint, 0xaabbccdd, 0xeeff0001);
    const info = Buffer.from('02aabbccddeeff00', 'hex');
    const expanded = Buffer.from(hkdfSync('sha256', 'x', Buffer.alloc(32), info, 32)).toString('hex');
    expect(hex(hash)).toBe(expanded.slice(0, 16));
  });

  it('tells domains, values and keys apart', () => {
    const seen = new Set<string>();
    for (const secret of [key, createSecretKey(Buffer.alloc(32, 8))]) {
      const hash = new KeyedHash(secret);
      for (const domain of Object.values(HashDomain)) {
        for (const [high, low] of [
          [0, 1],
          [1, 0],
          [0, 0x01000000],
        ] as const) {
          hash.hash(domain, high, low);
          seen.add(hex(hash));
        }
      }
    }
    expect(seen.size).toBe(18);
  });
});

function hex({ high, low }: KeyedHash): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
