/**
 * People passing in front of the store, corrected for exposure.
 *
 * A phone on one channel is heard with a chance of 0.32 in 25 s and of 1.00 in ten minutes. So keys heard per visitor
 * say nothing about keys heard per passer-by: a factor learnt from visitors finds about a third of those who only walk
 * by. What the two have in common is the rate: a person's phones send `burstRate` bursts a second wherever that person
 * is. Someone who is in reach for `passingSeconds` (frontage over walking speed) sends burstRate * passingSeconds of
 * them on average, heard or not, so
 *
 *   people outside = bursts outside the gate / (burstRate * passingSeconds)
 *
 * needs no key at all: it counts crowds of one phone model and addresses that change with each burst alike. Visitors
 * passed too; the doors have counted them.
 */
import type { Calibration } from './calibration.ts';
import type { PassingState } from './records.ts';

export interface Passing {
  /** People passing, visitors included; null unless calibrated. */
  people: number | null;
  state: PassingState;
}

/**
 * @param burstsOutside bursts below the gate in the time looked at, fixtures excluded.
 * @param entries door entries in the same time; null where no door is counted.
 */
export function passingPeople(
  calibration: Calibration,
  burstsOutside: number,
  entries: number | null,
  passingSeconds: number,
): Passing {
  const factor = calibration.factor;
  if (entries === null || factor === null) return { people: null, state: 'uncalibrated' };
  const { burstRate } = calibration;
  if (burstRate === null || passingSeconds <= 0) return { people: null, state: 'uncalibrated_outside' };
  return { people: Math.round(burstsOutside / (burstRate * passingSeconds)) + entries, state: 'calibrated' };
}
