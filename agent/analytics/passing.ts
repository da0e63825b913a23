/**
 * People passing in front of the store, corrected for exposure.
 *
 * A phone on one channel is heard with a chance of 0.32 in 25 s and of 1.00 in ten minutes. So keys heard per visitor
 * say nothing about keys heard per passer-by: a factor learnt from visitors finds about a third of those who only walk
 * by. What the two have in common is the rate: a person's phones send so many bursts a minute wherever that person is.
 * Someone who is in reach for `passingSeconds` (frontage over walking speed) sends that share of them, heard or not.
 *
 * Not every burst below the gate comes from outside: bodies and shelves weaken those from inside too. The calibration
 * learns how many a person inside sends above the gate, and how many leak below it. So
 *
 *   people passing = (bursts below - leak * person-minutes inside) / ((above + leak) * passing minutes)
 *
 * It needs no key: crowds of one phone model and addresses that change with each burst count alike. Visitors are in it,
 * for they walked past on their way. Bursts from outside above the gate are not: a gate that is set too low makes it low.
 */
import type { Calibration } from './calibration.ts';
import type { PassingState } from './records.ts';

export interface Passing {
  /** People passing, visitors included; null unless calibrated. */
  people: number | null;
  state: PassingState;
}

/** Sums over the time looked at. */
export interface PassingSums {
  /** Bursts below the gate, fixtures excluded. */
  burstsOutside: number;
  /** Minutes spent inside, by the doors. */
  personMinutes: number;
  /** Door entries; null where no door is counted. */
  entries: number | null;
}

export function passingPeople(calibration: Calibration, sums: PassingSums, passingSeconds: number): Passing {
  const { burstsOutside, personMinutes, entries } = sums;
  if (entries === null || calibration.factor === null) return { people: null, state: 'uncalibrated' };
  const rates = calibration.burstRates;
  if (rates === null || passingSeconds <= 0) return { people: null, state: 'uncalibrated_outside' };
  const outside = burstsOutside - rates.leak * personMinutes;
  const people = outside / ((rates.above + rates.leak) * (passingSeconds / 60));
  // Whoever entered has passed.
  return { people: Math.max(Math.round(people), entries), state: 'calibrated' };
}
