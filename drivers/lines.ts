import type { DecoderCounts } from './driver.ts';

const LF = 0x0a;
const CR = 0x0d;

/** The longest line of any supported format, in bytes without its end. */
export const MAX_LINE = 512;

/** Takes a line as `buffer[start..end)`, without its end; valid only during the call. Never called for an empty line. */
export type LineHandler = (buffer: Uint8Array, start: number, end: number) => void;

/**
 * Cuts a stream into lines ended by LF, CR LF or a lone CR, with no string and no copy for a line that lies whole in one
 * push. A line above 512 bytes counts once as `oversize` and is dropped up to its end; at most 512 bytes are ever held.
 */
export class LineSplitter {
  readonly #counts: DecoderCounts;
  readonly #line: LineHandler;
  /** The beginning of a line whose end has not come yet. */
  readonly #held = new Uint8Array(MAX_LINE);
  #length = 0;
  /** True inside a line that was found too long. */
  #dropping = false;
  /** A line end was seen since the line was opened. */
  #endSeen = false;

  constructor(counts: DecoderCounts, line: LineHandler) {
    this.#counts = counts;
    this.#line = line;
  }

  /** While a line is handled: whether it is whole. The first one since the opening may have lost its beginning. */
  get isWhole(): boolean {
    return this.#endSeen;
  }

  /** The stream was opened anew: the line that is held will not be continued. */
  reopened(): void {
    if (this.#length > 0) {
      this.#counts.rejected.truncated++;
    }
    this.#length = 0;
    this.#dropping = false;
    this.#endSeen = false;
  }

  push(bytes: Uint8Array): void {
    this.#counts.bytes += bytes.length;
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte > CR || (byte !== LF && byte !== CR)) {
        continue;
      }
      if (this.#dropping) {
        this.#dropping = false;
      } else if (this.#length > 0) {
        this.#hold(bytes, start, i);
        this.#emit(this.#held, 0, this.#length);
      } else if (i > start) {
        this.#emit(bytes, start, i);
      }
      this.#length = 0;
      this.#endSeen = true;
      start = i + 1;
    }
    this.#hold(bytes, start, bytes.length);
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    if (this.#dropping || start === end) {
      return;
    }
    if (this.#length + end - start > MAX_LINE) {
      this.#drop();
      return;
    }
    // A loop is faster than set() for the few bytes of a cut line.
    for (let i = start; i < end; i++) {
      this.#held[this.#length++] = bytes[i];
    }
  }

  #emit(buffer: Uint8Array, start: number, end: number): void {
    if (this.#dropping) {
      this.#dropping = false;
    } else if (end - start > MAX_LINE) {
      this.#counts.rejected.oversize++;
    } else {
      this.#line(buffer, start, end);
    }
  }

  #drop(): void {
    this.#counts.rejected.oversize++;
    this.#dropping = true;
    this.#length = 0;
  }
}
