/** A sensor's bytes by the virtual minute, cut into the reads of a serial port, at a steady rate of sightings. */
import type { Templates } from './templates.ts';

/** Sightings a virtual second: a store at its busiest. */
export const RATE = 500;
/** Milliseconds between two reads of a port, as in drivers/transport/serial.ts. */
export const READ_MS = 50;
export const SPAN_MS = 60_000;

const READS = SPAN_MS / READ_MS;
export const SIGHTINGS_A_READ = (RATE * READ_MS) / 1000;
const MICROS = 1e6 / RATE;
/** First octet of an address made up here: locally administered, as phones do it (IEEE 802-2014, 8.4). */
const LOCAL = 0xda;

export interface StreamOptions {
  templates: Templates;
  /** Records get the sniffer's uptime as their time. */
  pcap: boolean;
  /** Each how many-th sighting has an address never seen before; 0 for none. */
  newEach: number;
}

/** One span's bytes in one buffer, used again for the next. */
export class SightingStream {
  readonly #options: StreamOptions;
  #bytes = Buffer.alloc(4 * 1024 * 1024);
  readonly #ends = new Uint32Array(READS);
  #sightings = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Sightings written so far. */
  get sightings(): number {
    return this.#sightings;
  }

  get heldBytes(): number {
    return this.#bytes.length + this.#options.templates.size;
  }

  /** Writes the bytes of the next span. Not part of what is measured. */
  fill(): void {
    let at = 0;
    for (let read = 0; read < READS; read++) {
      for (let n = 0; n < SIGHTINGS_A_READ; n++) at = this.#append(at);
      this.#ends[read] = at;
    }
  }

  /** The bytes of each read, in order; valid until the next `fill`. */
  *reads(): Generator<Uint8Array> {
    let start = 0;
    for (const end of this.#ends) {
      yield this.#bytes.subarray(start, end);
      start = end;
    }
  }

  #append(at: number): number {
    const { templates, pcap, newEach } = this.#options;
    let end = templates.copyNext(this.#bytes, at);
    while (end < 0) {
      this.#bytes = Buffer.concat([this.#bytes], this.#bytes.length * 2);
      end = templates.copyNext(this.#bytes, at);
    }
    const sighting = this.#sightings++;
    if (pcap) {
      const micros = sighting * MICROS;
      this.#bytes.writeUInt32LE(Math.floor(micros / 1e6), at);
      this.#bytes.writeUInt32LE(micros % 1e6, at + 4);
      if (newEach > 0 && sighting % newEach === 0) this.#renew(at + templates.addressAt, sighting);
    }
    return end;
  }

  /** Multiplying by an odd number never gives the same 32 bits twice, and looks random enough. */
  #renew(at: number, sighting: number): void {
    this.#bytes[at] = LOCAL;
    this.#bytes[at + 1] = 0;
    this.#bytes.writeUInt32BE(Math.imul(sighting + 1, 0x9e3779b1) >>> 0, at + 2);
  }
}
