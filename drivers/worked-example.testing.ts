import { createCounts } from './counts.ts';
import type { Decoder, DecoderCounts, Driver, ReadingSink } from './driver.ts';
import { LineSplitter } from './lines.ts';

const WIDTH = 16;
const NO_BOOT = 0;

/**
 * Decodes a beam counter's lines, `#in,out*hh`: its totals since power on, 16 bits each, and in hexadecimal digits the sum
 * modulo 256 of the characters between `#` and `*`. It has no clock: a total's time is its arrival.
 */
class BeamDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #lines = new LineSplitter(this.#counts, (buffer, start, end) => this.#line(buffer, start, end));
  #sink: ReadingSink | undefined;
  #arrival = 0;

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#lines.push(bytes);
    this.#sink = undefined;
  }

  reopened(): void {
    this.#lines.reopened();
  }

  #line(buffer: Uint8Array, start: number, end: number): void {
    const { rejected } = this.#counts;
    const line = Buffer.from(buffer.buffer, buffer.byteOffset + start, end - start).toString('latin1');
    const match = /^#((\d{1,5}),(\d{1,5}))\*([0-9A-F]{2})$/.exec(line);
    if (match === null) {
      rejected[line.startsWith('#') ? 'format' : 'noise']++;
      return;
    }
    const [entered, left] = [Number(match[2]), Number(match[3])];
    if (sumOf(match[1]) !== Number.parseInt(match[4], 16)) {
      rejected.checksum++;
    } else if (entered >= 2 ** WIDTH || left >= 2 ** WIDTH) {
      rejected.range++;
    } else {
      this.#counts.accepted++;
      this.#sink?.counter(this.#arrival, entered, left, NO_BOOT, WIDTH);
    }
  }
}

function sumOf(text: string): number {
  return Buffer.from(text, 'latin1').reduce((sum, octet) => (sum + octet) & 0xff, 0);
}

/** Beam counters that send lines. */
export const doorBeam: Driver = {
  name: 'door-beam',
  kind: 'door',
  defaultBaud: 9_600,
  createDecoder: () => new BeamDecoder(),
};
