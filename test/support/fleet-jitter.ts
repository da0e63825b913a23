/** How a fleet comes back after an outage: as full jitter has it, and as it was seen. Pure. */

import { fullJitter } from '../../agent/mqtt/backoff.ts';
import { Random } from '../../drivers/simulator/random.ts';

/** Of the back-off of a link (agent/mqtt/link.ts). */
const FIRST_MS = 1_000;
const LONGEST_MS = 300_000;
const SAMPLES = 20_000;

/** Events and how long they took to come. */
export interface Bin {
  /** Milliseconds since the broker was back. */
  fromMs: number;
  toMs: number;
  count: number;
}

export interface Spread {
  /** Largest share of the fleet in one second. */
  peak: number;
  /** Milliseconds until 99 of 100 were back. */
  mostMs: number;
}

/** What full jitter makes of a fleet whose broker is away for so long, all connections lost at one instant. */
export function expectedSpread(outageMs: number, seed: number): Spread {
  const random = new Random(seed);
  const back = Array.from({ length: SAMPLES }, () => {
    let at = 0;
    for (let attempt = 0; at < outageMs || attempt === 0; attempt++) {
      at += fullJitter(attempt, FIRST_MS, LONGEST_MS, () => random.uniform());
    }
    return at - outageMs;
  }).sort((a, b) => a - b);
  const seconds = Map.groupBy(back, (ms) => Math.floor(ms / 1_000));
  return {
    peak: Math.max(...[...seconds.values()].map(({ length }) => length)) / SAMPLES,
    mostMs: back[Math.floor(SAMPLES * 0.99)],
  };
}

/** @param bins in order; a bin longer than a second counts as its mean second. */
export function spreadOf(bins: readonly Bin[], gateways: number): Spread {
  let seen = 0;
  const most = bins.find(({ count }) => {
    seen += count;
    return seen >= gateways * 0.99;
  });
  const rates = bins.map(({ fromMs, toMs, count }) => count / Math.max(1, (toMs - fromMs) / 1_000));
  return { peak: Math.max(0, ...rates) / gateways, mostMs: most?.toMs ?? Number.POSITIVE_INFINITY };
}

/**
 * The largest share of a fleet that may come back in one second: twice what full jitter makes, as a machine that is busy
 * bunches what comes late, and five standard deviations of the chance of so small a fleet.
 */
export function peakAllowed(expected: Spread, gateways: number): number {
  return 2 * expected.peak + 5 * Math.sqrt((expected.peak * (1 - expected.peak)) / gateways);
}
