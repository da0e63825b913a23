/**
 * The undecided part of a byte stream, of bounded size, in which a marker is searched once for all. Positions count from
 * the beginning of the stream; `bytes[position - start]` is the byte there.
 */
export class StreamBuffer {
  readonly bytes: Uint8Array;
  readonly #marker: Uint8Array;
  /** Position of the first byte held. */
  start = 0;
  /** Position after the last byte held. */
  end = 0;
  /** The first marker found at or after the last position asked for; -1 where there is none so far. */
  #mark = -1;

  constructor(capacity: number, marker: Uint8Array) {
    this.bytes = new Uint8Array(capacity);
    this.#marker = marker;
  }

  /** Takes what fits of `source` from `from` on and returns how much that was. */
  append(source: Uint8Array, from: number): number {
    const held = this.end - this.start;
    const taken = Math.min(source.length - from, this.bytes.length - held);
    this.bytes.set(from === 0 && taken === source.length ? source : source.subarray(from, from + taken), held);
    const searchFrom = Math.max(this.start, this.end - this.#marker.length + 1);
    this.end += taken;
    if (this.#mark < 0) {
      this.#mark = this.#find(searchFrom);
    }
    return taken;
  }

  /** Lets go of all bytes before `position`. */
  dropBefore(position: number): void {
    const dropped = position - this.start;
    if (dropped <= 0) {
      return;
    }
    this.bytes.copyWithin(0, dropped, this.end - this.start);
    this.start = position;
    if (this.#mark >= 0 && this.#mark < position) {
      this.#mark = this.#find(position);
    }
  }

  /** The position of the first marker held at or after `position`, or -1. Ask with positions that never decrease. */
  markFrom(position: number): number {
    if (this.#mark >= 0 && this.#mark < position) {
      this.#mark = this.#find(position);
    }
    return this.#mark;
  }

  #find(from: number): number {
    const { buffer, byteOffset } = this.bytes;
    const at = Buffer.from(buffer, byteOffset + from - this.start, this.end - from).indexOf(this.#marker);
    return at < 0 ? -1 : from + at;
  }
}
