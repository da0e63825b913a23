/**
 * How many bursts a minute a person inside sends, above the gate and leaking below it, learnt from how both follow the
 * occupancy from minute to minute inside each window. Comparing minutes of one window keeps out what changes slowly: the
 * crowd on the street, the hour, a drifted occupancy. An ordinary least-squares slope with an intercept for each window
 * (the "within" estimator of panel data; Wooldridge, Econometric Analysis of Cross Section and Panel Data, chapter 10).
 *
 * The slopes are right but rough. The plain ratio of bursts above the gate to person-minutes is fine but bent, by passers
 * above the gate and by drift; so it is taken as far as the slope allows. A leak is believed beyond its standard error.
 * Over 16 simulated days of one day's learning this gave passing people with a spread of 35 % (root mean square of the
 * logarithm), the slopes alone 57 %, the ratio alone 88 %.
 */
import { MINUTE_MS, type WindowState } from './windows.ts';

/** Centred sums of squares and products over the minutes of windows: o occupancy, a bursts above, b bursts below. */
export interface BurstSums {
  minutes: number;
  oo: number;
  oa: number;
  ob: number;
  aa: number;
  bb: number;
  /** Plain sum of bursts above. */
  above: number;
}

export interface BurstRates {
  /** Bursts a minute of a person inside above the gate, and below it. */
  above: number;
  leak: number;
}

/** A slope that is not this many standard errors above zero says nothing. */
const MIN_T = 4;
/** How far the ratio may be from the slope, in its standard errors. */
const TRUST = 2;
const MIN_MINUTES = 120;

export function createBurstSums(): BurstSums {
  return { minutes: 0, oo: 0, oa: 0, ob: 0, aa: 0, bb: 0, above: 0 };
}

/** The sums of one window; its occupancy needs only be right up to a constant. */
export function burstSumsOf(window: WindowState): BurstSums {
  const minutes = (window.end - window.start) / MINUTE_MS;
  const occupancy: number[] = [];
  let inside = 0;
  for (let minute = 0; minute < minutes; minute++) {
    const net = window.entered[minute] - window.left[minute];
    occupancy.push(inside + net / 2);
    inside += net;
  }
  return {
    minutes,
    oo: centred(occupancy, occupancy),
    oa: centred(occupancy, window.inside),
    ob: centred(occupancy, window.outside),
    aa: centred(window.inside, window.inside),
    bb: centred(window.outside, window.outside),
    above: window.inside.reduce((sum, bursts) => sum + bursts, 0),
  };
}

/** Null while the evidence is thin, or bursts do not follow the people. */
export function burstRatesOf(sums: BurstSums, personMinutes: number): BurstRates | null {
  const { minutes, oo, oa, ob, aa, bb, above } = sums;
  if (minutes < MIN_MINUTES || oo <= 0 || personMinutes <= 0) return null;
  const slope = oa / oo;
  const error = slopeError(aa, oa, sums);
  if (slope <= 0 || slope < MIN_T * error) return null;
  const ratio = above / personMinutes;
  return {
    above: Math.min(Math.max(ratio, slope - TRUST * error), slope + TRUST * error),
    leak: Math.max(0, ob / oo - slopeError(bb, ob, sums)),
  };
}

/** Standard error of the slope of y on the occupancy. */
function slopeError(yy: number, oy: number, { oo, minutes }: BurstSums): number {
  return Math.sqrt(Math.max(0, yy - (oy * oy) / oo) / minutes / oo);
}

function centred(left: readonly number[], right: readonly number[]): number {
  let sum = 0;
  let leftSum = 0;
  let rightSum = 0;
  for (let index = 0; index < left.length; index++) {
    sum += left[index] * right[index];
    leftSum += left[index];
    rightSum += right[index];
  }
  return sum - (leftSum * rightSum) / left.length;
}
