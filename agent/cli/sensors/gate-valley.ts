/** Whether the bursts of an ordinary hour fall into two groups, near and far, with a valley between. Pure. */
import { bandwidth, normalDensity, quantile, resample, seeded } from './gate-statistics.ts';

/** Two groups need many more bursts to be seen than two known ones to be parted. */
export const FEWEST_FOR_VALLEY = 100;
const RESAMPLES = 100;
const LEAST_WIDTH_DB = 2;
/** The valley must be this much lower than the lower of its two hills, */
const CLEAR_DEPTH = 0.3;
/** that hill this high against the other, or it is a bump in the other's slope, */
const LEAST_HILL = 0.1;
/** each side hold this share of the bursts, */
const LEAST_SHARE = 0.1;
/** and so many of the resamples have a clear valley, too. */
const CLEAR_SHARE = 0.9;
const WEAKEST_DBM = -120;
const STRONGEST_DBM = 0;

export interface Valley {
  /** At its bottom, whole dBm; null where there is no valley at all. */
  gateDbm: number | null;
  /** Where it lies in nine of ten resamples that have one; null where hardly any has. */
  low: number | null;
  high: number | null;
  /** 0 (none) to 1: how far it goes down from the lower hill. */
  depth: number;
  /** Share of the bursts above it. */
  above: number;
  /** Share of the resamples with a clear valley. */
  stability: number;
  /** Deep, lasting and with enough on both sides. */
  clear: boolean;
}

export function findValley(bursts: readonly number[], seed: number): Valley {
  const none: Valley = { gateDbm: null, low: null, high: null, depth: 0, above: 0, stability: 0, clear: false };
  if (bursts.length < FEWEST_FOR_VALLEY) return none;
  const width = bandwidth(bursts, LEAST_WIDTH_DB);
  const found = deepest(bursts, width);
  if (found === null) return none;
  const random = seeded(seed);
  const places: number[] = [];
  for (let round = 0; round < RESAMPLES; round++) {
    const again = deepest(resample(bursts, random), width);
    if (again !== null && isClear(again)) places.push(again.gateDbm);
  }
  places.sort((one, other) => one - other);
  const stability = places.length / RESAMPLES;
  return {
    ...found,
    low: places.length === 0 ? null : Math.round(quantile(places, 0.05)),
    high: places.length === 0 ? null : Math.round(quantile(places, 0.95)),
    stability,
    clear: isClear(found) && stability >= CLEAR_SHARE,
  };
}

interface Place {
  gateDbm: number;
  depth: number;
  above: number;
}

function isClear({ depth, above }: Place): boolean {
  return depth >= CLEAR_DEPTH && above >= LEAST_SHARE && above <= 1 - LEAST_SHARE;
}

/** The valley between two hills that goes down the farthest. */
function deepest(bursts: readonly number[], width: number): Place | null {
  const heights = densityOf(bursts, width);
  const highest = Math.max(...heights);
  let best: Place | null = null;
  for (let place = 1; place < heights.length - 1; place++) {
    if (heights[place] > heights[place - 1] || heights[place] > heights[place + 1]) continue;
    const hill = Math.min(Math.max(...heights.slice(0, place)), Math.max(...heights.slice(place + 1)));
    const depth = hill <= 0 ? 0 : 1 - heights[place] / hill;
    if (hill < LEAST_HILL * highest || depth <= (best?.depth ?? 0)) continue;
    const gateDbm = WEAKEST_DBM + place;
    best = { gateDbm, depth, above: bursts.filter((rssi) => rssi > gateDbm).length / bursts.length };
  }
  return best;
}

/** Smoothed histogram, one value a dBm from WEAKEST_DBM on. */
function densityOf(bursts: readonly number[], width: number): number[] {
  const counts = new Array<number>(STRONGEST_DBM - WEAKEST_DBM + 1).fill(0);
  for (const rssi of bursts) {
    const place = Math.round(rssi) - WEAKEST_DBM;
    if (place >= 0 && place < counts.length) counts[place]++;
  }
  return counts.map((_, at) =>
    counts.reduce((sum, count, from) => (count === 0 ? sum : sum + count * normalDensity((at - from) / width)), 0),
  );
}
