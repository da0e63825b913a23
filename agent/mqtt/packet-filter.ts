import { AgentError } from '../errors.ts';
import type { Protocol } from './protocol.ts';

/**
 * Bytes of one packet that are taken in. Well above what contract messages need (64 KiB), so that one that is too large is
 * read, refused and told; well below what the length field of MQTT allows (256 MiB), which the parser would buffer.
 */
export const LARGEST_PACKET_BYTES = 256 * 1024;

const PUBLISH = 3;

/**
 * Lets through what of a broker's bytes the MQTT parser may see: it buffers a packet whole before it looks at its size.
 * Over MQTT 5 the broker was told the limit. Over 3.1.1 it cannot be, and anyone who may publish to a topic of ours, or
 * leave a retained message there, would end each session: so the payload of a message over the limit is cut off, and the
 * message, now empty, is taken from the broker and ignored like any empty one.
 */
export class PacketFilter {
  readonly #protocol: Protocol;
  readonly #limit: number;
  /** The first bytes of a packet, as long as they do not tell yet what to do with it. */
  #head: number[] = [];
  #pass = 0;
  #drop = 0;
  /** Messages that lost their payload. */
  cut = 0;

  constructor(protocol: Protocol, limit: number = LARGEST_PACKET_BYTES) {
    this.#protocol = protocol;
    this.#limit = limit;
  }

  /**
   * @returns the bytes to hand on, most often `chunk` itself.
   * @throws AgentError `mqtt_packet`: the connection is of no more use.
   */
  push(chunk: Buffer): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    /** What of the chunk is to be handed on and is not in `parts` begins here. */
    let from = 0;
    let headAt = 0;
    let carried = this.#head.length > 0;
    const keep = (to: number) => {
      if (to > from) parts.push(chunk.subarray(from, to));
    };
    while (at < chunk.length) {
      if (this.#pass > 0) {
        const size = Math.min(this.#pass, chunk.length - at);
        this.#pass -= size;
        at += size;
      } else if (this.#drop > 0) {
        keep(at);
        const size = Math.min(this.#drop, chunk.length - at);
        this.#drop -= size;
        at += size;
        from = at;
      } else {
        if (this.#head.length === 0) headAt = at;
        this.#head.push(chunk[at++]);
        const head = this.#decide();
        if (head === null) continue;
        // Unchanged and within this chunk: it goes with what is around it.
        if (!carried && head.length === at - headAt && this.#drop === 0) continue;
        if (!carried) keep(headAt);
        carried = false;
        parts.push(head);
        from = at;
      }
    }
    if (this.#head.length === 0) keep(chunk.length);
    else if (!carried) keep(headAt);
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** The first bytes to hand on of the packet that `#head` begins, or null while more must be seen. */
  #decide(): Buffer | null {
    const head = this.#head;
    const end = head.findIndex((byte, index) => index > 0 && byte < 0x80);
    if (end < 0) {
      if (head.length > 4) throw fault('a packet whose length cannot be read');
      return null;
    }
    const qos = (head[0] >> 1) & 3;
    const publish = head[0] >> 4 === PUBLISH;
    // Kept by the client until it is released, without a bound; nothing is subscribed to with it.
    if (publish && qos > 1) throw fault('a message of QoS 2, which was not asked for');
    let length = 0;
    for (let index = end; index > 0; index--) length = length * 128 + (head[index] & 0x7f);
    if (end + 1 + length <= this.#limit) {
      this.#pass = length;
      return this.#begin();
    }
    if (!publish || this.#protocol === 5) throw fault(`a packet of ${length} bytes`);
    if (head.length < end + 3) return null;
    const topic = head[end + 1] * 256 + head[end + 2];
    const kept = 2 + topic + (qos > 0 ? 2 : 0);
    if (kept > Math.min(length, this.#limit - 5)) throw fault(`a packet of ${length} bytes`);
    this.cut++;
    this.#head = [head[0], ...lengthBytes(kept), head[end + 1], head[end + 2]];
    this.#pass = kept - 2;
    this.#drop = length - kept;
    return this.#begin();
  }

  #begin(): Buffer {
    const head = Buffer.from(this.#head);
    this.#head = [];
    return head;
  }
}

/** A length as MQTT writes it (2.2.3): seven bits a byte, the lowest first. */
export function lengthBytes(length: number): number[] {
  const bytes: number[] = [];
  let rest = length;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

function fault(found: string): AgentError {
  return new AgentError('mqtt_packet', `sent ${found}`);
}
