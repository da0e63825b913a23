/**
 * Seeded random numbers: sfc32 (Small Fast Counter, C. Doty-Humphrey, PractRand), 128 bits of state, period of at
 * least 2^32. Not for secrets.
 *
 * `fork` derives a stream from the seed and a label alone, never from how many numbers were drawn, so that the parts of
 * a simulation do not disturb each other: one more sensor leaves every person where it was.
 */
export class Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed Any integer; taken modulo 2^32. */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#a = mix(this.#seed ^ 0x9e3779b9);
    this.#b = mix(this.#a ^ 0x243f6a88);
    this.#c = mix(this.#b ^ 0xb7e15162);
    for (let i = 0; i < 12; i++) this.next();
  }

  /** An independent stream: the same for the same seed and label. */
  fork(label: string): Random {
    let hash = mix(this.#seed ^ 0x2545f491);
    for (let i = 0; i < label.length; i++) hash = mix(hash ^ label.charCodeAt(i));
    return new Random(hash);
  }

  /** Uniform unsigned 32-bit integer. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (this.next() / 0x1_0000_0000) * (high - low);
  }

  /** Uniform integer in [low, high], both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /** Normal deviate (Box and Muller). */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return mean + deviation * radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Log-normal deviate: `sigma` is the deviation of the logarithm. */
  logNormal(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal());
  }

  /** Exponential deviate. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** Poisson deviate, exact: products of uniforms (Knuth), a large mean taken in parts so that exp() cannot vanish. */
  poisson(mean: number): number {
    let count = 0;
    for (let left = mean; left > 0; left -= 500) {
      const limit = Math.exp(-Math.min(left, 500));
      for (let product = this.uniform(); product > limit; product *= this.uniform()) count++;
    }
    return count;
  }

  /** One of `items`, each as likely. */
  choice<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)];
  }

  /** An index drawn by `weights` (any positive scale). */
  weighted(weights: readonly number[]): number {
    let left = this.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    for (let i = 0; i < weights.length - 1; i++) {
      left -= weights[i];
      if (left < 0) return i;
    }
    return weights.length - 1;
  }
}

/** Avalanche of 32 bits (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
