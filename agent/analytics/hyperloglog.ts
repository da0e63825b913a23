/**
 * HyperLogLog: how many distinct hashes there were, from 4096 registers of 5 bits. Registers of two sets, united by taking
 * the higher of each, are those of the union. Index, rank, estimate and bytes are those of postgresql-hll (storage
 * specification v1), so that a database unites what gateways made.
 */

/** The index of a register is this many low bits of the hash. */
export const LOG2M = 12;
export const REGISTER_BITS = 5;

const COUNT = 2 ** LOG2M;
const MAX_RANK = 2 ** REGISTER_BITS - 1;
const ENTRY_BITS = LOG2M + REGISTER_BITS;
/** Of the bias of the raw estimate, for 128 registers and more. */
const ALPHA = 0.7213 / (1 + 1.079 / COUNT);

const VERSION = 1;
const TYPE = { sparse: 3, full: 4 } as const;
/** No list of raw hashes at any size, and the sparse form allowed: what a database adds stays as anonymous as this. */
const NEVER_EXPLICIT = 0x40;

/**
 * The highest rank by register; registers without any are left out. Integer keys of an object come in ascending order, so
 * the same registers are the same JSON.
 */
export type Registers = Record<number, number>;

/**
 * Adds a hash of 64 bits, given as two unsigned halves. Its rank is one more than the zeros that the bits above the index
 * end in; a hash with none of those bits set has no rank, and adds nothing.
 */
export function addHash(registers: Registers, high: number, low: number): void {
  const rest = low >>> LOG2M;
  if (rest === 0 && high === 0) return;
  const zeros = rest === 0 ? 32 - LOG2M + trailingZeros(high) : trailingZeros(rest);
  raise(registers, low & (COUNT - 1), Math.min(zeros + 1, MAX_RANK));
}

/** `into` becomes the union. */
export function unite(into: Registers, from: Registers): void {
  for (const [index, rank] of Object.entries(from)) raise(into, Number(index), rank);
}

/** Distinct hashes; standard error 1.6 % (1.04 / sqrt(4096)), far less below some thousand. */
export function estimate(registers: Registers): number {
  const ranks = Object.values(registers);
  const empty = COUNT - ranks.length;
  // Sums of powers of two are exact, so the order of the registers is of no account.
  const sum = ranks.reduce((total, rank) => total + 2 ** -rank, empty);
  const raw = (ALPHA * COUNT ** 2) / sum;
  if (raw > 2.5 * COUNT || empty === 0) return raw;
  return COUNT * Math.log(COUNT / empty);
}

/** The storage bytes of postgresql-hll, hll(12, 5, 0, 1): sparse where that is smaller, else full. */
export function storageBytes(registers: Registers): Uint8Array {
  const filled = Object.entries(registers);
  const header = (type: number) => [(VERSION << 4) | type, ((REGISTER_BITS - 1) << 5) | LOG2M, NEVER_EXPLICIT];
  if (filled.length * ENTRY_BITS < COUNT * REGISTER_BITS) {
    const words = filled.map(([index, rank]) => (Number(index) << REGISTER_BITS) | rank);
    return Uint8Array.from([...header(TYPE.sparse), ...packed(words, ENTRY_BITS)]);
  }
  const words = Array.from({ length: COUNT }, (_, index) => registers[index] ?? 0);
  return Uint8Array.from([...header(TYPE.full), ...packed(words, REGISTER_BITS)]);
}

function raise(registers: Registers, index: number, rank: number): void {
  if (rank > (registers[index] ?? 0)) registers[index] = rank;
}

/** Of a 32-bit word that is not 0. */
function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Words of `width` bits, most significant bit first, without space between them. */
function packed(words: readonly number[], width: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((words.length * width) / 8));
  words.forEach((word, index) => {
    for (let bit = 0; bit < width; bit++) {
      const at = index * width + bit;
      if ((word >>> (width - 1 - bit)) & 1) bytes[at >> 3] |= 0x80 >> (at & 7);
    }
  });
  return bytes;
}
