/**
 * The vocabulary behind the privacy boundary: every input of the fold, as one row of a columnar batch.
 *
 * A row gets its ordinal (position in the life of the database, from 1) and `at` (the gateway's timeline at which it
 * was taken in) at the boundary. The fold first advances to `at`, then applies the row; so the journal alone, replayed
 * by ordinal, rebuilds the state exactly. `at` never decreases from row to row but behind a correction of the clock: the
 * rows after it are in corrected time, which may lie before the rows in front of it.
 */

/** What a row is. Numbers are stored in the journal: never renumber, only add. */
export const InputKind = {
  /** A probe request: a/b = device hash, c/d = fingerprint hash (0/0 = none), sequence, rssi, channel, flags. */
  sighting: 1,
  /** People through a door, as events: a = in, b = out. */
  crossing: 2,
  /** A door's cumulative counter: a = in, b = out, c = boot id (0 = none), d = counter width in bits. */
  counter: 3,
  /** A till: a = transactions, as events. */
  transaction: 4,
  /** A sensor's report up to and with its time: flags = SensorFlag, a = bytes, b = frames accepted, c = milliseconds covered. */
  sensor: 5,
  /** Frames a decoder rejected since the last report: channel = index in REJECTIONS, a = count. */
  rejection: 6,
  /** Hashes are made with another key from here on: every open visit ends as censored. a = id of the key, flags = KeyFlag. */
  key: 7,
  /** New parameters: `payloads` holds their JSON. Sensors are known at once, the rest holds from the next window. */
  parameters: 8,
  /** Time alone. */
  tick: 9,
  /** A BLE advertisement: a/b = device hash, rssi, channel (advertising channel index, 0 = unknown), flags. */
  advertisement: 10,
  /**
   * What is known of the wall clock from here on: flags = index in CLOCK_TRUST. With a ClockChange in `payloads` time is
   * corrected: `at` is the time before it.
   */
  clock: 11,
} as const;
export type InputKind = (typeof InputKind)[keyof typeof InputKind];

export const SightingFlag = { random: 1 } as const;
/** Of an advertisement; neither phone nor fixture where its payload does not tell. */
export const AdvertisementFlag = { random: 1, phone: 2, fixture: 4 } as const;
export const SensorFlag = { up: 1 } as const;
export const KeyFlag = { scheduled: 1, lost: 2 } as const;

/**
 * How far the wall clock can be trusted, best first: kept by a time server, by a real-time clock, by nothing that we know
 * of. The order is stored in the journal: only add at the end.
 */
export const CLOCK_TRUST = ['synchronised', 'rtc_only', 'unknown'] as const;
export type ClockTrust = (typeof CLOCK_TRUST)[number];

/** A correction of time, as JSON in the payload of a clock row. */
export interface ClockChange {
  /** Milliseconds that time was behind; negative where it was ahead, and 0 where it only begins anew. */
  delta_ms: number;
  /** True where the clock began anew with the machine: times before the row are another clock's, and stay as they are. */
  restarted: boolean;
}

/** RSSI column of a format that carries none. */
export const NO_RSSI = -128;

/** Why a decoder rejected bytes. The order is stored in the journal: only add at the end. */
export const REJECTIONS = [
  /** Bytes between frames: boot text, line noise. */
  'noise',
  /** A frame of the right shape with a field that is no number, no address, or missing. */
  'format',
  /** A value outside its physical range, such as an RSSI above 0 dBm. */
  'range',
  /** A frame or line longer than any valid one. */
  'oversize',
  /** A frame cut short. */
  'truncated',
  /** A checksum that does not match. */
  'checksum',
  /** A well-formed frame of a type or version that is not supported. */
  'unsupported',
  /** Readings the source says it sent and that never came, as told by a sequence number. */
  'missing',
  /** Questions that the sensor did not answer in time. */
  'unanswered',
] as const;
export type Rejection = (typeof REJECTIONS)[number];

/** Fixed-width columns of `capacity` rows; `length` of them are filled. */
export class InputBatch {
  readonly capacity: number;
  readonly kind: Uint8Array;
  readonly sensor: Uint8Array;
  readonly flags: Uint8Array;
  readonly channel: Uint8Array;
  readonly rssi: Int8Array;
  readonly sequence: Uint16Array;
  /** UTC milliseconds at which the row was taken in; never decreases from row to row but behind a corrected clock. */
  readonly at: Float64Array;
  /** UTC milliseconds at which it happened; at most `at`. */
  readonly time: Float64Array;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly c: Uint32Array;
  readonly d: Uint32Array;
  /** Payloads of the rows that have one, by row. */
  readonly payloads = new Map<number, string>();
  /** The ordinal of row 0. */
  firstOrdinal: number;
  length = 0;

  constructor(capacity: number, firstOrdinal: number) {
    this.capacity = capacity;
    this.firstOrdinal = firstOrdinal;
    this.kind = new Uint8Array(capacity);
    this.sensor = new Uint8Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.channel = new Uint8Array(capacity);
    this.rssi = new Int8Array(capacity);
    this.sequence = new Uint16Array(capacity);
    this.at = new Float64Array(capacity);
    this.time = new Float64Array(capacity);
    this.a = new Uint32Array(capacity);
    this.b = new Uint32Array(capacity);
    this.c = new Uint32Array(capacity);
    this.d = new Uint32Array(capacity);
  }

  get full(): boolean {
    return this.length === this.capacity;
  }

  /** The ordinal of the last row, or firstOrdinal - 1 when empty. */
  get lastOrdinal(): number {
    return this.firstOrdinal + this.length - 1;
  }

  /** Appends a row with only its common columns set, the others 0, and returns its index. The batch must not be full. */
  append(kind: InputKind, sensor: number, at: number, time: number): number {
    const row = this.length++;
    this.kind[row] = kind;
    this.sensor[row] = sensor;
    this.at[row] = at;
    this.time[row] = time;
    return row;
  }

  /** Empties the batch for reuse, starting at `firstOrdinal`. */
  clear(firstOrdinal: number): void {
    for (const column of [this.flags, this.channel, this.rssi, this.sequence, this.a, this.b, this.c, this.d]) {
      column.fill(0, 0, this.length);
    }
    this.payloads.clear();
    this.length = 0;
    this.firstOrdinal = firstOrdinal;
  }
}
