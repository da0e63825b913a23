/** Numbers over lists of dBm values, for finding a gate. Pure. */

/** Repeatable numbers from 0 to below 1 (mulberry32, T. Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** As many of the values, drawn with replacement. */
export function resample(values: readonly number[], random: () => number): number[] {
  return values.map(() => values[Math.floor(random() * values.length)]);
}

/** Linear between the two nearest. The values must be in ascending order and at least one. */
export function quantile(ascending: readonly number[], share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below] + (place - below) * (ascending[above] - ascending[below]);
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((one, other) => one - other),
    0.5,
  );
}

/** Silverman's width of a kernel (Density Estimation, 1986, eq. 3.31), at least `least`. */
export function bandwidth(values: readonly number[], least: number): number {
  const ascending = values.toSorted((one, other) => one - other);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  const quartiles = (quantile(ascending, 0.75) - quantile(ascending, 0.25)) / 1.34;
  const spread = quartiles > 0 ? Math.min(deviation, quartiles) : deviation;
  return Math.max(least, 0.9 * spread * values.length ** -0.2);
}

/** Logistic approximation of the normal distribution function; errs by less than 0.01 (Bowling et al., 2009). */
export function normalCdf(deviations: number): number {
  return 1 / (1 + Math.exp(-1.702 * deviations));
}

export function normalDensity(deviations: number): number {
  return Math.exp(-0.5 * deviations ** 2) / Math.sqrt(2 * Math.PI);
}
