import type { DecoderCounts } from '../driver.ts';
import type { LineHandler } from '../lines.ts';

const LF = 0x0a;
const CR = 0x0d;

/** The longest line, in bytes without its end. */
const LONGEST = 511;
/** With the CR of its end. */
const MOST_HELD = LONGEST + 1;

/**
 * Cuts a stream into lines ended by LF or CR LF; a lone CR is a byte like any other. Finds the ends with the search of the
 * platform: lines of this length would spend most of their time in a loop over their bytes. A line above 511 bytes
 * counts once as `oversize` and is dropped up to its end; at most 512 bytes are ever held.
 */
export class LongLines {
  readonly #counts: DecoderCounts;
  readonly #line: LineHandler;
  /** The beginning of a line whose end has not come yet. */
  readonly #held = new Uint8Array(MOST_HELD);
  #length = 0;
  /** True inside a line that was found too long. */
  #dropping = false;

  constructor(counts: DecoderCounts, line: LineHandler) {
    this.#counts = counts;
    this.#line = line;
  }

  /** The stream was opened anew: the line that is held will not be continued. */
  reopened(): void {
    if (this.#length > 0) {
      this.#counts.rejected.truncated++;
    }
    this.#length = 0;
    this.#dropping = false;
  }

  push(bytes: Uint8Array): void {
    this.#counts.bytes += bytes.length;
    const searched = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let start = 0;
    for (let end = searched.indexOf(LF); end >= 0; end = searched.indexOf(LF, start)) {
      if (this.#length > 0 || this.#dropping) {
        this.#hold(bytes, start, end);
        this.#emit(this.#held, 0, this.#length);
      } else {
        this.#emit(bytes, start, end);
      }
      this.#length = 0;
      start = end + 1;
    }
    this.#hold(bytes, start, bytes.length);
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    if (this.#dropping || start === end) {
      return;
    }
    if (this.#length + end - start > MOST_HELD) {
      this.#counts.rejected.oversize++;
      this.#dropping = true;
      this.#length = 0;
      return;
    }
    this.#held.set(bytes.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  #emit(buffer: Uint8Array, start: number, lineEnd: number): void {
    if (this.#dropping) {
      this.#dropping = false;
      return;
    }
    const end = lineEnd > start && buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (end - start > LONGEST) {
      this.#counts.rejected.oversize++;
    } else if (end > start) {
      this.#line(buffer, start, end);
    }
  }
}
