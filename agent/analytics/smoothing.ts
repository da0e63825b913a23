/**
 * Step-gated smoothing of the estimate of people: steady while a room is steady, quick when many come or go at once.
 * Measured best with one step each five minutes.
 */
import { type WindowState, zoneOf } from './windows.ts';

const STEP_MINUTES = 5;
const ALPHA = 0.3;
const STEP_ALPHA = 0.9;
/** An innovation above both of these is a step: people, and share of the estimate. */
const STEP_PEOPLE = 4;
const STEP_SHARE = 0.5;

/** The next estimate of people from `measured` people; the first one is taken as it is. */
export function smooth(estimate: number | null, measured: number): number {
  if (estimate === null) return measured;
  const innovation = measured - estimate;
  const step = Math.abs(innovation) > Math.max(STEP_PEOPLE, STEP_SHARE * estimate);
  return estimate + (step ? STEP_ALPHA : ALPHA) * innovation;
}

export class Smoothing {
  /** Estimates of people by scope; null without a calibration. */
  readonly estimates: (number | null)[];

  constructor(estimates: (number | null)[] = []) {
    this.estimates = estimates;
  }

  /** Takes the present keys of a minute, by scope, and adds the estimates to the window. */
  minute(minute: number, present: readonly number[], factor: number | null, window: WindowState): void {
    const step = (minute + 1) % STEP_MINUTES === 0;
    for (let scope = 0; scope < present.length; scope++) {
      const before = this.estimates[scope] ?? null;
      let estimate = factor === null ? null : before;
      if (factor !== null && (step || before === null)) estimate = smooth(before, factor * present[scope]);
      this.estimates[scope] = estimate;
      if (estimate === null) continue;
      const counts = zoneOf(window, scope);
      counts.people += estimate;
      counts.peopleMinutes++;
    }
  }
}
