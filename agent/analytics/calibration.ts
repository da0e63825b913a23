/**
 * People per device key, learnt from the doors: k = sum of people / sum of counts, through the origin, because an
 * intercept puts phantom people into empty hours. The same windows teach the rates of bursts a person inside sends.
 *
 * Today's windows teach at once with the occupancy as counted; at the settlement they are taught anew with the settled
 * occupancy, which door misses no longer bend. Older days are forgotten with a half-life of ten days that taught
 * something. Every step is one IEEE multiplication or addition in a fixed order, so a replay gives the same bits.
 */
import { type BurstRates, type BurstSums, burstRatesOf, createBurstSums } from './burst-rates.ts';

/** 2^(-1/10): what a settled day leaves of those before it. */
const DAY_DECAY = 0.9330329915368074;
/** Below these sums a factor would be a guess: two person-hours and as many key-minutes. */
const MIN_PERSON_MINUTES = 120;
const MIN_KEY_MINUTES = 120;
/** Quantile of the 90 % interval. */
const Z = 1.64;

/** What one window teaches. */
export interface Evidence {
  personMinutes: number;
  /** Sum over minutes of distinct keys present. */
  keyMinutes: number;
  bursts: BurstSums;
}

/** Sums over windows; the last three are those of squares and products, for the spread of the factor. */
export interface CalibrationSums extends BurstSums {
  personMinutes: number;
  keyMinutes: number;
  people2: number;
  peopleKeys: number;
  keys2: number;
}

export interface CalibrationState {
  settled: CalibrationSums;
  today: CalibrationSums;
}

export interface Interval {
  low: number;
  high: number;
}

export class Calibration {
  readonly state: CalibrationState;

  constructor(state: CalibrationState = { settled: zero(), today: zero() }) {
    this.state = state;
  }

  /** A window of today, with the occupancy as counted. */
  teach(evidence: Evidence): void {
    add(this.state.today, evidence);
  }

  /** Replaces what today taught by the same windows with their settled occupancy. */
  settle(windows: readonly Evidence[]): void {
    this.state.today = zero();
    if (windows.length === 0) return;
    const { settled } = this.state;
    for (const key of Object.keys(settled) as (keyof CalibrationSums)[]) settled[key] *= DAY_DECAY;
    for (const evidence of windows) add(settled, evidence);
  }

  /** People per device key; null without enough evidence. */
  get factor(): number | null {
    const personMinutes = this.#sum('personMinutes');
    const keyMinutes = this.#sum('keyMinutes');
    if (personMinutes < MIN_PERSON_MINUTES || keyMinutes < MIN_KEY_MINUTES) return null;
    return personMinutes / keyMinutes;
  }

  /** Bursts a person inside sends; null without enough evidence. */
  get burstRates(): BurstRates | null {
    const { settled, today } = this.state;
    const sums = createBurstSums();
    for (const key of Object.keys(sums) as (keyof BurstSums)[]) sums[key] = settled[key] + today[key];
    return burstRatesOf(sums, this.#sum('personMinutes'));
  }

  /**
   * The 90 % interval of an estimate of people: the spread of the factor from window to window, and the chance of who
   * carries a phone. p +- 1.64 sqrt((cv p)^2 + p), which covered 90 to 92 % of occupied five-minute bins.
   */
  interval(people: number): Interval {
    const half = Z * Math.sqrt((this.#variation() * people) ** 2 + people);
    return { low: Math.max(0, people - half), high: people + half };
  }

  /** Coefficient of variation of the factor: residuals of the fit against what it predicts. */
  #variation(): number {
    const factor = this.factor;
    const keys2 = this.#sum('keys2');
    if (factor === null || keys2 === 0) return 0;
    const residual = this.#sum('people2') - 2 * factor * this.#sum('peopleKeys') + factor * factor * keys2;
    return Math.sqrt(Math.max(0, residual) / (factor * factor * keys2));
  }

  #sum(key: keyof CalibrationSums): number {
    return this.state.settled[key] + this.state.today[key];
  }
}

function zero(): CalibrationSums {
  return { personMinutes: 0, keyMinutes: 0, people2: 0, peopleKeys: 0, keys2: 0, ...createBurstSums() };
}

function add(sums: CalibrationSums, { personMinutes, keyMinutes, bursts }: Evidence): void {
  sums.personMinutes += personMinutes;
  sums.keyMinutes += keyMinutes;
  sums.people2 += personMinutes * personMinutes;
  sums.peopleKeys += personMinutes * keyMinutes;
  sums.keys2 += keyMinutes * keyMinutes;
  for (const key of Object.keys(bursts) as (keyof BurstSums)[]) sums[key] += bursts[key];
}
