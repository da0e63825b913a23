/**
 * A driver turns a sensor's bytes into raw readings. A decoder is pure and fed by a transport, so every decoder can be
 * recorded, replayed and fuzzed with no hardware.
 */
import type { RawAdvertisement, RawSighting } from '../agent/raw.ts';
import type { Rejection } from '../agent/readings.ts';

/** Takes what a decoder decodes. All calls happen inside `push`. */
export interface ReadingSink {
  /** A probe request; the object is reused by the decoder and valid only during the call. */
  sighting(reading: RawSighting): void;
  /** A BLE advertisement; the object is reused by the decoder and valid only during the call. */
  advertisement(reading: RawAdvertisement): void;
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
  /** Present where the sensor has to be spoken to: woken up, configured or polled. */
  readonly speaker?: Speaker;
  /**
   * Decodes the next bytes of the stream. How the stream is cut into pushes never changes the result. Never throws on
   * any bytes, keeps bounded memory, and finds the next good frame after noise.
   * @param arrival UTC milliseconds on the gateway's timeline at which the bytes were read; never decreases.
   */
  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void;
  /**
   * The line was opened anew, or for the first time: what is held of a frame will not be continued, and the next bytes may
   * begin in the middle of one. What was held is given up and counts once, as truncated; what was read before stays.
   */
  reopened?(): void;
}

/**
 * What a driver says on its line. Without a line that can be written to (a recording that is replayed) it is never asked,
 * and the decoder takes the answers all the same. Times are milliseconds on a monotonic clock.
 */
export interface Speaker {
  /** The line was opened: nothing that was said before counts any more. */
  open(now: number): void;
  /**
   * Says what is due, one frame at most, and returns when it wants to be asked again. It is asked then, and after every
   * chunk of bytes that was decoded.
   */
  speak(now: number, send: (frame: Uint8Array) => void): number;
  /** An answer may still come: on a bus nobody else may speak until then. */
  readonly waiting: boolean;
}

/** Where a Modbus unit keeps the totals of one door: its profile, as far as one door is concerned. */
export interface ModbusCounters {
  /** 3: holding registers, 4: input registers. */
  functionCode: 3 | 4;
  /** Zero-based register addresses of the totals in and out; both the same for a beam that only knows a total. */
  entered: number;
  left: number;
  /** Registers a counter takes. */
  words: 1 | 2;
  wordOrder: 'high-first' | 'low-first';
  /** Bits after which a counter rolls over. */
  width: 16 | 24 | 32;
  /** Coils that must be on for the counters to run; set when they are found off. */
  enableCoils: readonly number[];
}

/** What a driver may be told by the settings; each reads what concerns it. */
export interface DecoderOptions {
  /** `transactions` makes a door-lines or door-contact sensor a till. */
  role?: 'door' | 'transactions';
  /** wifi-pcap: link type of a stream joined after its header was sent: 105, 127 or 192. */
  linkType?: number;
  /** Address of the sensor on its bus. */
  unit?: number;
  /** Milliseconds between two polls of a sensor that is polled. */
  pollMs?: number;
  modbus?: ModbusCounters;
  /** ble-sniffle: the one advertising channel it stays on, 37 to 39. */
  advertisingChannel?: number;
  /** door-contact: what a closure counts; `both` is a beam that everyone breaks, each second closure an exit. */
  counts?: 'in' | 'out' | 'both';
  /** door-contact: a closure shorter than this is contact bounce. */
  debounceMs?: number;
  /** door-radar: distance from the radar of the line that is crossed, and how far beyond it counts as crossed, mm. */
  lineMm?: number;
  hysteresisMm?: number;
}

/** What a sensor is attached by. */
export type LineKind = 'serial' | 'contact' | 'radio';

export interface Driver {
  /** As written in the settings, e.g. `wifi-pcap`. */
  readonly name: string;
  readonly kind: 'wifi' | 'ble' | 'door';
  /** Bits per second where the settings name none; 0 where the line has none. */
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
  /** Who speaks on the line, if the sensor has to be spoken to; the transport asks it while the line is open. */
  readonly speaker?: Speaker;
}
