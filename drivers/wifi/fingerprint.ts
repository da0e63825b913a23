/** Element numbers (IEEE 802.11-2020, table 9-92). */
const SSID = 0;
const DS_PARAMETER = 3;
const VENDOR = 221;
const EXTENSION = 255;
/** The extension whose body is cut to its number. */
const EXTENSION_CUT = 2;
/** Vendor elements of 00:50:F2 that are cut to their number: WPS and type 8, both hold values of the moment. */
const MICROSOFT = 0x0050f2;
const MICROSOFT_WPS = 4;
const MICROSOFT_8 = 8;
const LONGEST_SSID = 32;

/**
 * The fingerprint of a probe request: a 64-bit hash of its information elements, normalised so that it tells the model
 * and software of a device and not the moment. Kept are the order of the tags and each body, except: SSID and DS
 * parameter: the tag; extension 2: the tag and the number; vendor 00:50:F2 of type 4 and 8: the tag and those four
 * octets. One pass, nothing allocated, no element kept.
 *
 * The hash is made of two multiply-xorshift lanes over 32-bit words, with the finaliser of MurmurHash3. It has no key and
 * may be inverted by trying: it lives in memory only, and the privacy boundary keys it.
 */
export class Fingerprint {
  /** Unsigned halves; both 0 where there was no complete element. */
  high = 0;
  low = 0;
  /** The elements filled the octets exactly and began with an SSID: strong evidence that this is a whole probe request. */
  exact = false;
  /** The octets were one SSID element and no more. */
  ssidOnly = false;

  /** Reads the elements at `bytes[start..end)`. An element that runs over the end is left out. */
  read(bytes: Uint8Array, start: number, end: number): void {
    let one = 0x2545f491;
    let two = 0x6c8e9cf5;
    let at = start;
    while (at + 2 <= end) {
      const tag = bytes[at];
      const length = bytes[at + 1];
      const body = at + 2;
      if (body + length > end) {
        break;
      }
      at = body + length;
      let kept = length;
      if (tag === SSID || tag === DS_PARAMETER) {
        kept = 0;
      } else if (tag === EXTENSION && length >= 1 && bytes[body] === EXTENSION_CUT) {
        kept = 1;
      } else if (tag === VENDOR && length >= 4) {
        const type = bytes[body + 3];
        const oui = (bytes[body] << 16) | (bytes[body + 1] << 8) | bytes[body + 2];
        if (oui === MICROSOFT && (type === MICROSOFT_WPS || type === MICROSOFT_8)) {
          kept = 4;
        }
      }
      // The kept length stands in front of the body, so that no two sequences of elements give the same words.
      let word = tag | (kept << 8);
      one = Math.imul(one ^ word, 0x9e3779b1);
      one ^= one >>> 15;
      two = Math.imul((two + word) | 0, 0x85ebca6b);
      two ^= two >>> 13;
      let i = body;
      for (const whole = body + (kept & ~3); i < whole; i += 4) {
        word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
        one = Math.imul(one ^ word, 0x9e3779b1);
        one ^= one >>> 15;
        two = Math.imul((two + word) | 0, 0x85ebca6b);
        two ^= two >>> 13;
      }
      if ((kept & 3) !== 0) {
        word = bytes[i];
        if ((kept & 3) > 1) {
          word |= bytes[i + 1] << 8;
        }
        if ((kept & 3) > 2) {
          word |= bytes[i + 2] << 16;
        }
        one = Math.imul(one ^ word, 0x9e3779b1);
        one ^= one >>> 15;
        two = Math.imul((two + word) | 0, 0x85ebca6b);
        two ^= two >>> 13;
      }
    }
    this.exact = at === end && end - start >= 2 && bytes[start] === SSID && bytes[start + 1] <= LONGEST_SSID;
    this.ssidOnly = this.exact && at === start + 2 + bytes[start + 1];
    if (at === start) {
      this.high = 0;
      this.low = 0;
      return;
    }
    const high = finish((one + Math.imul(two, 0x27d4eb2f)) | 0);
    const low = finish((two + high) | 0);
    this.high = high >>> 0;
    this.low = high === 0 && low === 0 ? 1 : low >>> 0;
  }
}

/** The 32-bit finaliser of MurmurHash3: each input bit changes each output bit with a probability near one half. */
function finish(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
