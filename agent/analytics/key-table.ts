/**
 * A table of keys: open addressing over dense typed-array columns, so that a reading allocates nothing and a minute's scan
 * reads memory in order. Slots are dense: removing one moves the last into its place.
 */

const INITIAL_CAPACITY = 256;

export type Column = Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array;

/** Columns of a table, in snapshot order; the first three are the key, `tag` a part of it that the user gives meaning. */
export interface KeyColumns extends Record<string, Column> {
  high: Uint32Array;
  low: Uint32Array;
  tag: Uint16Array;
}

export class KeyTable<Columns extends KeyColumns> {
  /** Replaced when the table grows: never keep it over an `insert`. */
  columns: Columns;
  #all: Column[];
  /** Slots 0 to size - 1 are filled. */
  size = 0;
  readonly #createColumns: (capacity: number) => Columns;
  readonly #limit: number;
  #capacity = INITIAL_CAPACITY;
  /** Slot + 1 by hash, 0 = free; twice as long as the columns. */
  #index = new Int32Array(2 * INITIAL_CAPACITY);

  /** @param limit keys held at most. */
  constructor(createColumns: (capacity: number) => Columns, limit: number) {
    this.#createColumns = createColumns;
    this.#limit = limit;
    this.columns = createColumns(INITIAL_CAPACITY);
    this.#all = Object.values(this.columns);
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
      if (offset + length > bytes.length) throw new RangeError('key columns cut short');
      new Uint8Array(column.buffer).set(bytes.subarray(offset, offset + length));
      offset += length;
    }
    if (offset !== bytes.length) throw new RangeError('key columns too long');
    this.size = size;
    for (let slot = 0; slot < size; slot++) this.#enter(slot);
  }

  #grow(capacity: number): void {
    const before = this.#all;
    this.columns = this.#createColumns(capacity);
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
