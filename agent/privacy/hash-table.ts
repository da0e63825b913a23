/**
 * A cache from a 64-bit value to its keyed hash, so that a device costs one HMAC a visit and not one a frame.
 *
 * Typed arrays in buckets of eight slots: a value can only stand in its own bucket, so nothing ever moves, dropping is
 * zeroing, and a flood of new values only pushes out the oldest of each bucket. Losing an entry costs an HMAC, never a
 * count.
 */

const BUCKET = 8;
const SMALLEST = 1024;
/** Slots looked at in one sweep, some tens of microseconds. */
const SWEEP_SLOTS = 16384;
/** Words of a slot: value high, value low, hash high, hash low. */
const WORDS = 4;

export interface HashTableOptions {
  /** Most entries, a power of two and at least 1024; 65,536 entries take 1.3 MB. */
  capacity?: number;
  /** Seconds without use after which an entry is dropped; 15 minutes. */
  longestGap?: number;
  /** Where the arrays come from; a test keeps hold of them to look for leftovers. */
  allocate?: (length: number) => Uint32Array;
}

export class HashTable {
  readonly #capacity: number;
  readonly #longestGap: number;
  readonly #allocate: (length: number) => Uint32Array;
  #size: number;
  #words: Uint32Array;
  /** Time of the last use by slot, seconds; 0 is an empty slot. */
  #used: Uint32Array;
  #entries = 0;
  #cursor = 0;

  constructor(options: HashTableOptions = {}) {
    this.#capacity = options.capacity ?? 65536;
    this.#longestGap = options.longestGap ?? 15 * 60;
    this.#allocate = options.allocate ?? ((length) => new Uint32Array(length));
    this.#size = Math.min(SMALLEST, this.#capacity);
    this.#words = this.#allocate(this.#size * WORDS);
    this.#used = this.#allocate(this.#size);
  }

  /** Entries held; never more than the capacity. */
  get entries(): number {
    return this.#entries;
  }

  /**
   * The slot of a value, given in two unsigned halves, or -1. A slot is good until the next call of another method.
   * @param now whole seconds, above 0; an entry found counts as used then.
   */
  find(high: number, low: number, now: number): number {
    const words = this.#words;
    const used = this.#used;
    const first = bucketOf(high, low, this.#size);
    for (let slot = first; slot < first + BUCKET; slot++) {
      const word = slot * WORDS;
      if (words[word + 1] === low && words[word] === high && used[slot] !== 0) {
        used[slot] = now;
        return slot;
      }
    }
    return -1;
  }

  /** The hash in a slot, as two unsigned halves. */
  hashHigh(slot: number): number {
    return this.#words[slot * WORDS + 2];
  }

  hashLow(slot: number): number {
    return this.#words[slot * WORDS + 3];
  }

  /** Adds a value that `find` did not find, and returns its slot. */
  insert(high: number, low: number, hashHigh: number, hashLow: number, now: number): number {
    if (this.#entries * 2 >= this.#size && this.#size < this.#capacity) this.#grow();
    const slot = this.#freeSlot(bucketOf(high, low, this.#size));
    const word = slot * WORDS;
    this.#words[word] = high;
    this.#words[word + 1] = low;
    this.#words[word + 2] = hashHigh;
    this.#words[word + 3] = hashLow;
    this.#used[slot] = now;
    this.#entries++;
    return slot;
  }

  /**
   * Drops entries that were not used for the longest gap, a part of the table at a call: with one call a second, an
   * entry of the default table is gone at most four seconds late.
   */
  sweep(now: number): void {
    const used = this.#used;
    const end = Math.min(this.#cursor + SWEEP_SLOTS, this.#size);
    for (let slot = this.#cursor; slot < end; slot++) {
      if (used[slot] !== 0 && now - used[slot] > this.#longestGap) this.#drop(slot);
    }
    this.#cursor = end === this.#size ? 0 : end;
  }

  /** Drops everything. */
  clear(): void {
    this.#words.fill(0);
    this.#used.fill(0);
    this.#entries = 0;
  }

  #drop(slot: number): void {
    this.#words.fill(0, slot * WORDS, slot * WORDS + WORDS);
    this.#used[slot] = 0;
    this.#entries--;
  }

  /** An empty slot of a bucket, made by dropping its oldest entry if there is none. */
  #freeSlot(first: number): number {
    const used = this.#used;
    let oldest = first;
    for (let slot = first; slot < first + BUCKET; slot++) {
      if (used[slot] < used[oldest]) oldest = slot;
    }
    if (used[oldest] !== 0) this.#drop(oldest);
    return oldest;
  }

  #grow(): void {
    const [words, used, size] = [this.#words, this.#used, this.#size];
    this.#size = size * 2;
    this.#words = this.#allocate(this.#size * WORDS);
    this.#used = this.#allocate(this.#size);
    this.#entries = 0;
    this.#cursor = 0;
    for (let slot = 0; slot < size; slot++) {
      if (used[slot] === 0) continue;
      const word = slot * WORDS;
      this.insert(words[word], words[word + 1], words[word + 2], words[word + 3], used[slot]);
    }
    // The old arrays live on until the garbage collector comes: what they held must not.
    words.fill(0);
    used.fill(0);
  }
}

/** First slot of a value's bucket. The multipliers are those of MurmurHash3's finaliser. */
function bucketOf(high: number, low: number, size: number): number {
  const mixed = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0xc2b2ae35);
  // The upper bits of a product depend on all bits of the value, the lower ones only on its lower bits.
  return (mixed ^ (mixed >>> 15)) & (size - BUCKET);
}
