/**
 * A driver turns a sensor's bytes into raw readings. A decoder is pure and fed by a transport, so every decoder can be
 * recorded, replayed and fuzzed with no hardware.
 */
import type { RawSighting } from '../agent/raw.ts';
import type { Rejection } from '../agent/readings.ts';

/** Takes what a decoder decodes. All calls happen inside `push`. */
export interface ReadingSink {
  /** A probe request; the object is reused by the decoder and valid only during the call. */
  sighting(reading: RawSighting): void;
  /** People through the door as events: how many in and out, at `time`. */
  crossing(time: number, entered: number, left: number): void;
  /**
   * A door's cumulative counter: both totals since the counter's own boot, unsigned 32 bits; `boot` identifies the boot
   * (a 32-bit number, 0 where the format has none), `width` is the counter's width in bits. The fold makes differences
   * of it, so that lost lines, a restart of the sensor and a restart of this program lose no person.
   */
  counter(time: number, entered: number, left: number, boot: number, width: number): void;
  /** Sales at a till, as events. */
  transaction(time: number, count: number): void;
}

/** What became of the bytes so far. Only grows. */
export interface DecoderCounts {
  bytes: number;
  /** Valid frames or lines, those of no interest included (a data frame, a heartbeat). */
  accepted: number;
  /** Frames or runs of bytes that were rejected, by reason. */
  readonly rejected: Record<Rejection, number>;
}

export interface Decoder {
  readonly counts: Readonly<DecoderCounts>;
  /**
   * Decodes the next bytes of the stream. How the stream is cut into pushes never changes the result. Never throws on
   * any bytes, keeps bounded memory, and finds the next good frame after noise.
   * @param arrival UTC milliseconds on the gateway's timeline at which the bytes were read; never decreases.
   */
  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void;
}

/** What a driver may be told by the settings; each reads what concerns it. */
export interface DecoderOptions {
  /** `transactions` makes a door-lines sensor a till. */
  role?: 'door' | 'transactions';
  /** Link type of a pcap stream joined after its header was sent: 105, 127 or 192. */
  linkType?: number;
}

export interface Driver {
  /** As written in the settings, e.g. `wifi-pcap`. */
  readonly name: string;
  readonly kind: 'wifi' | 'ble' | 'door';
  readonly defaultBaud: number;
  createDecoder(options?: DecoderOptions): Decoder;
}

/** Where a sensor's bytes come from. */
export interface Transport {
  /** Starts delivering bytes; `bytes` is valid only during the call. Failures to open are retried by the transport. */
  start(events: TransportEvents): void;
  /** Reads at once whatever is there, instead of waiting for the next timer; for a clock in lock-step. */
  poll(): void;
  /** Bytes delivered since start. */
  readonly delivered: number;
  stop(): Promise<void>;
}

export interface TransportEvents {
  bytes(chunk: Uint8Array): void;
  /** The line is open. */
  up(): void;
  /** The line is closed or could not be opened; `reason` is for people. The transport goes on trying by itself. */
  down(reason: string): void;
}
