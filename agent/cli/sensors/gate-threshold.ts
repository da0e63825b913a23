/** The gate between bursts that are known to be from inside and bursts that are known to be from outside. Pure. */
import { bandwidth, normalCdf, quantile, resample, seeded } from './gate-statistics.ts';

/** Below this many bursts on either side a threshold is a matter of luck. */
export const FEWEST_BURSTS = 8;
const RESAMPLES = 200;
/** Receivers tell whole dB, and no phone stands as still as ten equal readings say. */
const LEAST_WIDTH_DB = 1.5;

export interface Threshold {
  /** A burst above it is taken to be inside. Whole dBm. */
  gateDbm: number;
  /** Where it lies in nine of ten resamples. */
  low: number;
  high: number;
  /** Shares of the bursts heard: above it from inside, at or below it from outside. */
  insideAbove: number;
  outsideBelow: number;
  /** Youden's J = insideAbove + outsideBelow - 1, of the smoothed distributions: 0 no better than a coin, 1 no error. */
  youden: number;
  /** J in the worst twentieth of the resamples. */
  youdenLow: number;
}

/**
 * The gate with the largest J (W. J. Youden, 1950) over both distributions, each smoothed by a normal kernel: with a few
 * dozen bursts the raw J has many maxima. The interval comes from a bootstrap, the same for the same seed.
 * Both are in dBm, which receivers tell in whole numbers.
 * @throws RangeError with fewer than FEWEST_BURSTS values on a side.
 */
export function threshold(inside: readonly number[], outside: readonly number[], seed: number): Threshold {
  if (Math.min(inside.length, outside.length) < FEWEST_BURSTS) {
    throw new RangeError(
      `expected ${FEWEST_BURSTS} bursts or more on each side, received ${inside.length} and ${outside.length}`,
    );
  }
  const best = bestOf(inside, outside);
  const random = seeded(seed);
  const resampled = Array.from({ length: RESAMPLES }, () =>
    bestOf(resample(inside, random), resample(outside, random)),
  );
  const gates = resampled.map(({ gateDbm }) => gateDbm).sort((one, other) => one - other);
  const youdens = resampled.map(({ youden }) => youden).sort((one, other) => one - other);
  return {
    ...best,
    low: Math.round(quantile(gates, 0.05)),
    high: Math.round(quantile(gates, 0.95)),
    insideAbove: inside.filter((rssi) => rssi > best.gateDbm).length / inside.length,
    outsideBelow: outside.filter((rssi) => rssi <= best.gateDbm).length / outside.length,
    youdenLow: quantile(youdens, 0.05),
  };
}

function bestOf(inside: readonly number[], outside: readonly number[]): { gateDbm: number; youden: number } {
  const from = Math.floor(Math.min(...extremes(inside), ...extremes(outside))) - 1;
  const to = Math.ceil(Math.max(...extremes(inside), ...extremes(outside)));
  const insideBelow = sharesBelow(inside, from, to);
  const outsideBelow = sharesBelow(outside, from, to);
  let best = { gateDbm: from, youden: Number.NEGATIVE_INFINITY };
  for (let gateDbm = from; gateDbm <= to; gateDbm++) {
    const youden = outsideBelow[gateDbm - from] - insideBelow[gateDbm - from];
    if (youden > best.youden) best = { gateDbm, youden };
  }
  return best;
}

/** For each gate in whole dBm the share of the smoothed values that it keeps out. */
function sharesBelow(values: readonly number[], from: number, to: number): number[] {
  const width = bandwidth(values, LEAST_WIDTH_DB);
  const span = to - from + 1;
  // A gate of -70 lets -69 in and keeps -70 out: it lies between whole dB.
  const kernel = Float64Array.from({ length: 2 * span }, (_, place) => normalCdf((place - span + 0.5) / width));
  const counts = new Float64Array(span);
  for (const value of values) counts[Math.round(value) - from]++;
  return Array.from({ length: span }, (_, gate) => {
    let sum = 0;
    for (let value = 0; value < span; value++) sum += counts[value] * kernel[gate - value + span];
    return sum / values.length;
  });
}

function extremes(values: readonly number[]): [number, number] {
  let [least, most] = [values[0], values[0]];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}
