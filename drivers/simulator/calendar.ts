import type { StoreParameters } from './parameters.ts';
import type { Random } from './random.ts';

/** One opening of the store, UTC milliseconds; the caller has turned local time and its clock changes into instants. */
export interface OpenDay {
  openMs: number;
  closeMs: number;
  /** Whether a campaign runs; drawn where absent. */
  campaign?: boolean;
}

const HOUR = 3_600_000;
const SAMPLES = 96;

/** Opening days, and how traffic and the share that enters vary over them. */
export class Calendar {
  readonly days: readonly Required<OpenDay>[];
  readonly #parameters: StoreParameters;
  /** Mean of the raw profile over the opening time, so that passersPerHour is the mean rate. */
  readonly #meanTraffic: number;
  /** Traffic-weighted mean of the raw share, so that entersShare is the share of people. */
  readonly #meanShare: number;
  #current = 0;

  constructor(days: readonly OpenDay[], parameters: StoreParameters, random: Random) {
    this.days = days.map((day) => ({ ...day, campaign: day.campaign ?? random.chance(parameters.campaignChance) }));
    this.#parameters = parameters;
    let traffic = 0;
    let share = 0;
    for (let i = 0; i < SAMPLES; i++) {
      const x = (i + 0.5) / SAMPLES;
      traffic += this.#traffic(x);
      share += this.#traffic(x) * this.#share(x);
    }
    this.#meanTraffic = traffic / SAMPLES;
    this.#meanShare = share / traffic;
  }

  /** The day that is open at `ms`, or null. `ms` never decreases from call to call. */
  openAt(ms: number): Required<OpenDay> | null {
    while (this.#current < this.days.length && ms >= this.days[this.#current].closeMs) this.#current++;
    const day = this.days[this.#current];
    return day !== undefined && ms >= day.openMs ? day : null;
  }

  /** Passers-by per hour at `ms`. */
  rateAt(ms: number): number {
    const { passersPerHour, closedShare } = this.#parameters;
    const day = this.openAt(ms);
    if (day === null) return passersPerHour * closedShare;
    return ((passersPerHour * this.#traffic(shareOfDay(day, ms))) / this.#meanTraffic) * (day.campaign ? 1.15 : 1);
  }

  /** No rate is above this. */
  get peakRate(): number {
    const heights = this.#parameters.peaks.reduce((sum, peak) => sum + peak.height, 1);
    return (
      this.#parameters.passersPerHour * Math.max(this.#parameters.closedShare, (1.15 * heights) / this.#meanTraffic)
    );
  }

  /** Share of those who pass at `ms` that enter: 0 while closed, at most 0.9. */
  entersAt(ms: number): number {
    const day = this.openAt(ms);
    if (day === null) return 0;
    const share = (this.#parameters.entersShare * this.#share(shareOfDay(day, ms))) / this.#meanShare;
    return Math.min(share * (day.campaign ? 1.35 : 1), 0.9);
  }

  #traffic(x: number): number {
    return this.#parameters.peaks.reduce(
      (sum, { at, height }) => sum + height * Math.exp(-(((x - at) / 0.12) ** 2)),
      1,
    );
  }

  #share(x: number): number {
    return 1 + this.#parameters.entersSwing * Math.sin(2 * Math.PI * x);
  }
}

function shareOfDay(day: OpenDay, ms: number): number {
  return (ms - day.openMs) / (day.closeMs - day.openMs);
}

/** Start of the UTC hour that holds `ms`. */
export function hourOf(ms: number): number {
  return Math.floor(ms / HOUR) * HOUR;
}
