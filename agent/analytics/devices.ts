/**
 * The table of device keys: open addressing over dense typed-array columns, so that a sighting allocates nothing and a
 * minute's scan reads memory in order. Slots are dense: removing one moves the last into its place.
 */

const INITIAL_CAPACITY = 256;
/** Keys held at most. A flood of invented addresses fills the table and no more; about 11 MB. */
export const MAX_DEVICES = 131_072;

/** Bits of the `flags` column. */
export const DeviceFlag = {
  /** An encounter is open. */
  encounter: 1,
  /** This encounter was heard in opening hours. */
  heard: 2,
  /** This encounter went inside in opening hours: it is a visit. */
  visit: 4,
  /** Installed equipment, in no count. */
  fixture: 8,
} as const;

export type Column = Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array;

/** Widths of the columns, in snapshot order: changing it changes the snapshot version. */
function createColumns(capacity: number) {
  return {
    high: new Uint32Array(capacity),
    low: new Uint32Array(capacity),
    /** Scope * 2 + (1 for an identity that lasts). */
    tag: new Uint16Array(capacity),
    flags: new Uint8Array(capacity),
    /** Five-minute slots of the closed hours it was above the gate in, and the last of them. */
    nightSlots: new Uint8Array(capacity),
    lastNightSlot: new Uint32Array(capacity),
    /** Event time of the newest sighting, ms. */
    last: new Float64Array(capacity),
    /** UTC minute of bit 0 of `mask`; bit i = was inside i minutes before that. */
    minute: new Uint32Array(capacity),
    mask: new Uint32Array(capacity),
    /** First and last time inside in this encounter, ms; of meaning with the visit flag. */
    insideFirst: new Float64Array(capacity),
    insideLast: new Float64Array(capacity),
    /** Metronome: first and newest burst, running period in ms, decayed hits and trials. */
    firstBurst: new Float64Array(capacity),
    lastBurst: new Float64Array(capacity),
    period: new Float64Array(capacity),
    hits: new Float64Array(capacity),
    trials: new Float64Array(capacity),
  };
}

export type DeviceColumns = ReturnType<typeof createColumns>;

export class DeviceTable {
  /** Replaced when the table grows: never keep it over an `insert`. */
  columns: DeviceColumns = createColumns(INITIAL_CAPACITY);
  #all: Column[] = Object.values(this.columns);
  /** Slots 0 to size - 1 are filled. */
  size = 0;
  readonly #limit: number;
  #capacity = INITIAL_CAPACITY;
  /** Slot + 1 by hash, 0 = free; twice as long as the columns. */
  #index = new Int32Array(2 * INITIAL_CAPACITY);

  constructor(limit: number = MAX_DEVICES) {
    this.#limit = limit;
  }

  /** The key's slot, or -1. */
  find(high: number, low: number, tag: number): number {
    const index = this.#index;
    const columns = this.columns;
    const mask = index.length - 1;
    let place = hash(high, low, tag) & mask;
    for (;;) {
      const slot = index[place] - 1;
      if (slot < 0) return -1;
      if (columns.low[slot] === low && columns.high[slot] === high && columns.tag[slot] === tag) return slot;
      place = (place + 1) & mask;
    }
  }

  /** Adds a key that is not in the table, all its columns 0, and returns its slot; -1 when the table is full. */
  insert(high: number, low: number, tag: number): number {
    if (this.size >= this.#limit) return -1;
    if (this.size === this.#capacity) this.#grow(this.#capacity * 2);
    const slot = this.size++;
    const columns = this.columns;
    for (const column of this.#all) column[slot] = 0;
    columns.high[slot] = high;
    columns.low[slot] = low;
    columns.tag[slot] = tag;
    this.#enter(slot);
    return slot;
  }

  /** Removes a slot; the last slot's key moves into it. */
  remove(slot: number): void {
    this.#leave(slot);
    const last = --this.size;
    if (slot === last) return;
    const place = this.#placeOf(last);
    for (const column of this.#all) column[slot] = column[last];
    this.#index[place] = slot + 1;
  }

  clear(): void {
    this.size = 0;
    this.#grow(INITIAL_CAPACITY);
  }

  /** The filled part of every column, one behind the other, little-endian. */
  save(): Uint8Array {
    const columns = this.#all;
    const bytes = new Uint8Array(columns.reduce((sum, column) => sum + column.BYTES_PER_ELEMENT * this.size, 0));
    let offset = 0;
    for (const column of columns) {
      const part = new Uint8Array(column.buffer, 0, column.BYTES_PER_ELEMENT * this.size);
      bytes.set(part, offset);
      offset += part.length;
    }
    return bytes;
  }

  /** Fills the table with what `save` gave. Throws a RangeError when the length does not fit. */
  load(bytes: Uint8Array, size: number): void {
    let capacity = INITIAL_CAPACITY;
    while (capacity < size) capacity *= 2;
    this.size = 0;
    this.#grow(capacity);
    let offset = 0;
    for (const column of this.#all) {
      const length = column.BYTES_PER_ELEMENT * size;
      if (offset + length > bytes.length) throw new RangeError('device columns cut short');
      new Uint8Array(column.buffer).set(bytes.subarray(offset, offset + length));
      offset += length;
    }
    if (offset !== bytes.length) throw new RangeError('device columns too long');
    this.size = size;
    for (let slot = 0; slot < size; slot++) this.#enter(slot);
  }

  #grow(capacity: number): void {
    const before = this.#all;
    this.columns = createColumns(capacity);
    this.#all = Object.values(this.columns);
    for (let index = 0; index < before.length; index++) this.#all[index].set(before[index].subarray(0, this.size));
    this.#capacity = capacity;
    this.#index = new Int32Array(2 * capacity);
    for (let slot = 0; slot < this.size; slot++) this.#enter(slot);
  }

  #home(slot: number): number {
    const { high, low, tag } = this.columns;
    return hash(high[slot], low[slot], tag[slot]) & (this.#index.length - 1);
  }

  #placeOf(slot: number): number {
    let place = this.#home(slot);
    while (this.#index[place] !== slot + 1) place = (place + 1) & (this.#index.length - 1);
    return place;
  }

  #enter(slot: number): void {
    let place = this.#home(slot);
    while (this.#index[place] !== 0) place = (place + 1) & (this.#index.length - 1);
    this.#index[place] = slot + 1;
  }

  /** Takes a slot out of the index by shifting back whatever probed past it, so that no tombstones gather. */
  #leave(slot: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let hole = this.#placeOf(slot);
    for (let place = (hole + 1) & mask; index[place] !== 0; place = (place + 1) & mask) {
      const distance = (place - this.#home(index[place] - 1)) & mask;
      if (distance < ((place - hole) & mask)) continue;
      index[hole] = index[place];
      hole = place;
    }
    index[hole] = 0;
  }
}

/** Keys are keyed hashes already; this only spreads small ones and the scopes. */
function hash(high: number, low: number, tag: number): number {
  const mixed = Math.imul(low ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(tag, 0x85ebca6b), 0xc2b2ae35);
  return mixed ^ (mixed >>> 15);
}
