import type { DecoderCounts } from '../driver.ts';

const START = 0xab;
const END = 0xbc;
const ESCAPE = 0xcd;

/** Longer than any packet: a PDU of 257 octets with all that is around it. */
export const LONGEST_PACKET = 320;

/** Takes a packet as `buffer[0..length)`, without its marks; valid only during the call. */
export type PacketHandler = (buffer: Uint8Array, length: number) => void;

type State =
  /** Between packets. */
  | 'outside'
  | 'inside'
  | 'escaped'
  /** Inside a packet that counts as rejected already. */
  | 'dropping';

/**
 * Cuts a stream into the packets of the nRF Sniffer: AB begins one, BC ends one, and CD AC, CD BD, CD CE stand for these
 * three octets inside. A start inside a packet drops what was there.
 */
export class NrfFraming {
  readonly #counts: DecoderCounts;
  readonly #packet: PacketHandler;
  readonly #held = new Uint8Array(LONGEST_PACKET);
  #length = 0;
  #state: State = 'outside';
  /** Whether the run of bytes between packets has been counted. */
  #runCounted = false;

  constructor(counts: DecoderCounts, packet: PacketHandler) {
    this.#counts = counts;
    this.#packet = packet;
  }

  push(bytes: Uint8Array): void {
    this.#counts.bytes += bytes.length;
    for (const byte of bytes) {
      this.#take(byte);
    }
  }

  /** The stream was opened anew: the packet that is held will not be continued. */
  reopened(): void {
    if (this.#state === 'inside' || this.#state === 'escaped') {
      this.#counts.rejected.truncated++;
    }
    this.#state = 'outside';
    this.#runCounted = false;
  }

  #take(byte: number): void {
    if (byte === START) {
      if (this.#state === 'inside' || this.#state === 'escaped') {
        this.#counts.rejected.truncated++;
      }
      this.#state = 'inside';
      this.#length = 0;
      this.#runCounted = false;
    } else if (this.#state === 'outside') {
      if (!this.#runCounted) {
        this.#runCounted = true;
        this.#counts.rejected.noise++;
      }
    } else if (byte === END) {
      this.#end();
    } else if (this.#state === 'escaped') {
      if (byte === START + 1 || byte === END + 1 || byte === ESCAPE + 1) {
        this.#state = 'inside';
        this.#hold(byte - 1);
      } else {
        this.#drop('format');
      }
    } else if (this.#state === 'inside') {
      if (byte === ESCAPE) {
        this.#state = 'escaped';
      } else {
        this.#hold(byte);
      }
    }
  }

  #end(): void {
    if (this.#state === 'inside') {
      this.#packet(this.#held, this.#length);
    } else if (this.#state === 'escaped') {
      this.#counts.rejected.format++;
    }
    this.#state = 'outside';
  }

  #hold(byte: number): void {
    if (this.#length === LONGEST_PACKET) {
      this.#drop('oversize');
    } else {
      this.#held[this.#length++] = byte;
    }
  }

  #drop(reason: 'format' | 'oversize'): void {
    this.#counts.rejected[reason]++;
    this.#state = 'dropping';
  }
}
