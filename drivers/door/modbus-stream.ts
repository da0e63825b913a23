import type { DecoderCounts } from '../driver.ts';
import {
  ANSWER_OVERHEAD,
  crc16,
  EXCEPTION_LENGTH,
  hasShape,
  LONGEST_FRAME,
  mayBeFunction,
  QUESTION_LENGTH,
} from './modbus-frame.ts';

/** A question whose answer is worth waiting for: unit, function code and byte count begin it and tell its length. */
export interface ReadQuestion {
  readonly frame: Uint8Array;
  /** Bytes of data in its answer. */
  readonly byteCount: number;
}

/** Takes a frame with a good CRC as `buffer[start..end)`; valid only during the call. */
export type FrameHandler = (buffer: Uint8Array, start: number, end: number) => void;

/**
 * Finds frames in what a bus carries. The silences that end a frame on the wire are lost in adapters and buffers, so at
 * each byte it looks whether a frame of any length ends there: noise in front of a frame never hides it, nor does a length
 * that is noise. What is rejected is counted: a run of bytes that are no frame as `noise`, an answer of the wanted kind with
 * another CRC as `checksum`, one that was cut short as `truncated`. At most one longest frame of bytes is held.
 */
export class ModbusStream {
  readonly #counts: DecoderCounts;
  readonly #unit: number;
  readonly #questions: readonly ReadQuestion[];
  readonly #frame: FrameHandler;
  readonly #held = new Uint8Array(LONGEST_FRAME);
  #length = 0;
  /** Bytes of `#held` in front of this one are counted: as a frame that was rejected. */
  #settled = 0;
  /** The run of bytes that `#held` ends with was counted, as far as it was dropped. */
  #runCounted = false;

  /** @param questions those that the unit may be asked. */
  constructor(counts: DecoderCounts, unit: number, questions: readonly ReadQuestion[], frame: FrameHandler) {
    this.#counts = counts;
    this.#unit = unit;
    this.#questions = questions;
    this.#frame = frame;
  }

  push(bytes: Uint8Array): void {
    this.#counts.bytes += bytes.length;
    for (const byte of bytes) {
      if (this.#length === LONGEST_FRAME) this.#dropOldest();
      this.#held[this.#length++] = byte;
      this.#look();
    }
  }

  /** What is held belongs to no frame any more, as when a new question goes out. */
  flush(): void {
    this.#rejectRun(this.#length);
    this.#clear();
  }

  /** Looks for a frame that ends with the newest byte, the longest first. */
  #look(): void {
    const [held, end] = [this.#held, this.#length];
    let coming = false;
    for (let start = 0; start <= end - EXCEPTION_LENGTH; start++) {
      if (!mayBeFunction(held[start + 1])) continue;
      const answerEnd = this.#answerEnd(start);
      if (answerEnd === end) {
        if (crc16(held, start, end) === 0) {
          this.#accept(start);
          return;
        }
        this.#rejectAnswer(start);
      } else if (this.#isQuestion(start, end)) {
        this.#accept(start);
        return;
      }
      // The data of an answer that is still coming can look like another unit's frame.
      coming ||= answerEnd > end;
      if (!coming && hasShape(held, start, end) && crc16(held, start, end) === 0) {
        this.#accept(start);
        return;
      }
    }
  }

  /** Where the answer that begins at `start` ends, if one of ours does; else -1. */
  #answerEnd(start: number): number {
    const held = this.#held;
    if (held[start] !== this.#unit) return -1;
    for (const { frame, byteCount } of this.#questions) {
      if (held[start + 1] === frame[1] && held[start + 2] === byteCount) {
        return start + ANSWER_OVERHEAD + byteCount;
      }
    }
    return -1;
  }

  /** A question of ours, as an adapter's echo brings it back. It can begin as an answer does. */
  #isQuestion(start: number, end: number): boolean {
    if (end - start !== QUESTION_LENGTH) return false;
    return this.#questions.some(({ frame }) => frame.every((byte, at) => this.#held[start + at] === byte));
  }

  #accept(start: number): void {
    this.#rejectRun(start);
    const end = this.#length;
    this.#clear();
    this.#frame(this.#held, start, end);
  }

  /** The bytes stay: the answer that counts may begin inside, behind noise that looked like its first bytes. */
  #rejectAnswer(start: number): void {
    if (start >= this.#settled) {
      this.#rejectRun(start);
      this.#counts.rejected.checksum++;
    }
    this.#settled = this.#length;
    this.#runCounted = false;
  }

  /** Counts the run of bytes in front of `end` that was not counted yet. */
  #rejectRun(end: number): void {
    if (end > this.#settled && !this.#runCounted) {
      this.#counts.rejected[this.#holdsHeader(this.#settled, end) ? 'truncated' : 'noise']++;
    }
  }

  #holdsHeader(from: number, to: number): boolean {
    for (let start = from; start <= to - 3; start++) {
      if (this.#answerEnd(start) >= 0) return true;
    }
    return false;
  }

  #dropOldest(): void {
    if (this.#settled === 0) {
      if (!this.#runCounted) this.#counts.rejected.noise++;
      this.#runCounted = true;
    } else {
      this.#settled--;
    }
    this.#held.copyWithin(0, 1);
    this.#length--;
  }

  #clear(): void {
    this.#length = 0;
    this.#settled = 0;
    this.#runCounted = false;
  }
}
