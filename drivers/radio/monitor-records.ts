const GLOBAL_HEADER = 24;
const RECORD_HEADER = 16;
const MAGIC = 0xa1b2c3d4;
/** Octets of a frame that tcpdump is told to keep: more than a management frame has (IEEE 802.11-2020, 9.2.4.7.1). */
export const LONGEST_FRAME = 4_096;

/**
 * Gives whole records of the pcap that tcpdump writes, which is cut anywhere. What is passed on may be dropped on its
 * way, and a half of one record in front of a half of another would cost the decoder its place in the stream.
 */
export class RecordJoiner {
  readonly #give: (records: Uint8Array) => void;
  readonly #held = Buffer.alloc(RECORD_HEADER + LONGEST_FRAME);
  #length = 0;
  #begun = false;
  #broken = false;
  #records = 0;

  /** @param give takes the file's header, or one or more records; they are valid only during the call. */
  constructor(give: (records: Uint8Array) => void) {
    this.#give = give;
  }

  /** Whether the file's header came: tcpdump has opened the interface. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whole records so far. */
  get records(): number {
    return this.#records;
  }

  /** False when these bytes are no pcap, and nothing that follows can be. */
  push(chunk: Uint8Array): boolean {
    let from = 0;
    while (!this.#broken && this.#length > 0 && from < chunk.length) {
      const part = chunk.subarray(from, from + this.#wanted(this.#held, this.#length) - this.#length);
      this.#held.set(part, this.#length);
      this.#length += part.length;
      from += part.length;
      if (this.#length < this.#wanted(this.#held, this.#length)) continue;
      if (this.#broken) break;
      const whole = this.#held.subarray(0, this.#length);
      this.#length = 0;
      this.#pass(whole);
    }
    if (!this.#broken && from === chunk.length) return true;
    const rest = Buffer.from(chunk.buffer, chunk.byteOffset + from, chunk.length - from);
    let end = 0;
    while (!this.#broken && end < rest.length) {
      const wanted = this.#wanted(rest.subarray(end), rest.length - end);
      if (end + wanted > rest.length) break;
      end += wanted;
      this.#count();
    }
    if (this.#broken) return false;
    if (end > 0) this.#give(rest.subarray(0, end));
    this.#held.set(rest.subarray(end));
    this.#length = rest.length - end;
    return true;
  }

  #pass(whole: Uint8Array): void {
    this.#count();
    this.#give(whole);
  }

  #count(): void {
    if (this.#begun) this.#records++;
    this.#begun = true;
  }

  /** Octets of what begins here, as far as can be told by those that are there. */
  #wanted(bytes: Buffer, available: number): number {
    if (!this.#begun) {
      if (available < GLOBAL_HEADER) return GLOBAL_HEADER;
      // Written by a program of this machine, so in its byte order, which is little-endian wherever Node is offered.
      this.#broken ||= bytes.readUInt32LE(0) !== MAGIC;
      return GLOBAL_HEADER;
    }
    if (available < RECORD_HEADER) return RECORD_HEADER;
    const captured = bytes.readUInt32LE(8);
    this.#broken ||= captured > LONGEST_FRAME;
    return this.#broken ? available : RECORD_HEADER + captured;
  }
}
