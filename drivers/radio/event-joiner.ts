/** An HCI event in an H4 packet: type, event code, length of what follows. */
const H4_EVENT = 0x04;
const HEADER_LENGTH = 3;
const LONGEST_EVENT = HEADER_LENGTH + 255;

/**
 * Gives whole HCI events of a stream that is cut anywhere. What is passed on may be dropped on its way, and a half of
 * one event in front of a half of another would look like a device that does not exist.
 */
export class EventJoiner {
  readonly #give: (events: Uint8Array) => void;
  readonly #held = new Uint8Array(LONGEST_EVENT);
  #length = 0;

  /** @param give takes one or more events; they are valid only during the call. */
  constructor(give: (events: Uint8Array) => void) {
    this.#give = give;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    while (this.#length > 0 && from < chunk.length) {
      this.#held[this.#length++] = chunk[from++];
      if (this.#length < HEADER_LENGTH || this.#length < HEADER_LENGTH + this.#held[2]) continue;
      const event = this.#held.subarray(0, this.#length);
      this.#length = 0;
      this.#give(event);
    }
    let end = from;
    while (end + HEADER_LENGTH <= chunk.length && end + HEADER_LENGTH + chunk[end + 2] <= chunk.length) {
      if (chunk[end] !== H4_EVENT) break;
      end += HEADER_LENGTH + chunk[end + 2];
    }
    if (end > from) this.#give(chunk.subarray(from, end));
    const rest = chunk.subarray(end);
    // The other end of the pipe is our own process: bytes that are no event mean that it is broken, and are left out.
    if (rest.length > 0 && rest[0] === H4_EVENT) {
      this.#held.set(rest);
      this.#length = rest.length;
    }
  }
}
