/** Looks for tens of thousands of byte strings at once, in one pass: by a hash of their first four octets. */

export interface Needle<T> {
  bytes: Uint8Array;
  tag: T;
}

export interface Find<T> {
  tag: T;
  offset: number;
}

const BITS = 22;

export class Finder<T> {
  readonly #needles = new Map<number, Needle<T>[]>();
  /** One bit by hash of the first four octets: turns away nearly every position without a look into the map. */
  readonly #maybe = new Uint8Array(2 ** (BITS - 3));

  /** @param needles each of at least four octets. */
  constructor(needles: Iterable<Needle<T>>) {
    for (const needle of needles) {
      const { bytes } = needle;
      if (bytes.length < 4) throw new RangeError('a needle needs at least four octets');
      const first = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
      const bit = bitOf(first);
      this.#maybe[bit >>> 3] |= 1 << (bit & 7);
      const others = this.#needles.get(first);
      if (others === undefined) this.#needles.set(first, [needle]);
      else others.push(needle);
    }
  }

  find(haystack: Uint8Array): Find<T>[] {
    const maybe = this.#maybe;
    const found: Find<T>[] = [];
    let last4 = 0;
    for (let end = 0; end < haystack.length; end++) {
      last4 = (last4 << 8) | haystack[end];
      const bit = bitOf(last4);
      if (end < 3 || (maybe[bit >>> 3] & (1 << (bit & 7))) === 0) continue;
      const offset = end - 3;
      for (const { bytes, tag } of this.#needles.get(last4 >>> 0) ?? []) {
        if (startsWith(haystack, offset, bytes)) found.push({ tag, offset });
      }
    }
    return found;
  }
}

function bitOf(first4: number): number {
  return Math.imul(first4, 0x9e3779b1) >>> (32 - BITS);
}

function startsWith(haystack: Uint8Array, offset: number, bytes: Uint8Array): boolean {
  if (offset + bytes.length > haystack.length) return false;
  for (let i = 4; i < bytes.length; i++) if (haystack[offset + i] !== bytes[i]) return false;
  return true;
}
