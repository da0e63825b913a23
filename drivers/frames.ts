import type { Rejection } from '../agent/readings.ts';
import type { DecoderCounts } from './driver.ts';

/** More than twice the longest frame of any format that is read through this. */
const CAPACITY = 256;

/**
 * What begins at one place of a stream: a frame of `length` bytes; nothing, for `reason`, with the length that it would
 * have had (1 for noise); or `more`, where that cannot be told before more bytes came.
 */
export type Found = { length: number; reason?: Rejection } | 'more';

/**
 * Looks at `bytes[start..end)`, and takes the frame that begins at `start`, if one does. Must not ask for more bytes than
 * the longest frame has, and must give the same again until then.
 */
export type FrameReader = (bytes: Uint8Array, start: number, end: number) => Found;

export const NOISE: Found = { length: 1, reason: 'noise' };

/**
 * Finds the frames of a known length in a stream, going on by one byte after each place where none begins. A run of bytes
 * between frames counts once as noise; a damaged frame under its own reason, or as truncated where the next frame begins
 * before it could have ended.
 */
export class FrameFinder {
  readonly #counts: DecoderCounts;
  readonly #read: FrameReader;
  readonly #held = new Uint8Array(CAPACITY);
  #length = 0;
  /** Inside a run of bytes that was counted. */
  #counted = false;
  /** The damaged frame that was come upon last, and how many bytes of it are left; it is counted when it is over. */
  #damage: Rejection = 'noise';
  #damageLeft = 0;

  constructor(counts: DecoderCounts, read: FrameReader) {
    this.#counts = counts;
    this.#read = read;
  }

  push(bytes: Uint8Array): void {
    this.#counts.bytes += bytes.length;
    for (let from = 0; from < bytes.length; ) {
      const taken = Math.min(bytes.length - from, CAPACITY - this.#length);
      this.#held.set(bytes.subarray(from, from + taken), this.#length);
      this.#length += taken;
      from += taken;
      this.#find();
    }
  }

  /** What is held will never become a frame: the line was opened anew, or was quiet for too long. */
  abandon(): void {
    if (this.#damageLeft > 0 || (this.#length > 0 && !this.#counted)) {
      this.#counts.rejected.truncated++;
    }
    this.#damageLeft = 0;
    this.#length = 0;
    this.#counted = false;
  }

  #find(): void {
    let at = 0;
    while (at < this.#length) {
      const found = this.#read(this.#held, at, this.#length);
      if (found === 'more') {
        break;
      }
      at += found.reason === undefined ? found.length : 1;
      this.#count(found.length, found.reason);
    }
    this.#held.copyWithin(0, at, this.#length);
    this.#length -= at;
  }

  #count(length: number, reason: Rejection | undefined): void {
    const { rejected } = this.#counts;
    if (reason !== 'noise' && this.#damageLeft > 0) {
      rejected.truncated++;
      this.#damageLeft = 0;
    }
    if (reason === undefined) {
      this.#counted = false;
      return;
    }
    if (reason !== 'noise') {
      this.#damage = reason;
      this.#damageLeft = length;
    } else if (!this.#counted && this.#damageLeft === 0) {
      rejected.noise++;
    }
    this.#counted = true;
    if (this.#damageLeft > 0 && --this.#damageLeft === 0) {
      rejected[this.#damage]++;
    }
  }
}
