import { drawPhone } from './device.ts';
import type { Door } from './door.ts';
import type { StoreParameters } from './parameters.ts';
import { Walk } from './place.ts';
import { PhoneRhythm } from './rhythm.ts';
import type { Scene } from './scene.ts';
import { Transmitter } from './transmitter.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Shares of groups of 1, 2, 3 and 4, and their mean size. */
const GROUP_WEIGHTS = [55, 30, 10, 5];
const MEAN_GROUP = 1.65;
/** A group goes through the door within this time. */
const GROUP_SPREAD_MS = 1_000;
/** Short stays that the log-normal does not have by itself. */
const TURN_ROUND_LEAST_MS = 8_000;
const TURN_ROUND_MOST_MS = 60_000;
/** Nobody is out sooner than this after coming in. */
const LEAST_STAY_MS = 2_000;
/** The last customers are out this long after closing. */
const CLEARING_MS = 5 * 60_000;

/** Passers-by in Poisson groups, and the customers some of them become. */
export class People {
  readonly #scene: Scene;
  /** Share of stays that are cut to a turn-round. */
  readonly #cutShare: number;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#cutShare = cutShare(scene.parameters);
  }

  start(): void {
    this.#next();
  }

  /** Arrivals by thinning: candidates at the peak rate, each kept with the share that the rate now has of it. */
  #next(): void {
    const { agenda, calendar, people } = this.#scene;
    const meanGapMs = (HOUR * MEAN_GROUP) / calendar.peakRate;
    agenda.at(agenda.now + people.exponential(meanGapMs), () => {
      if (people.chance(calendar.rateAt(agenda.now) / calendar.peakRate)) this.#group();
      this.#next();
    });
  }

  #group(): void {
    const { agenda, calendar, parameters, people, doors, doorways } = this.#scene;
    const size = people.weighted(GROUP_WEIGHTS) + 1;
    const metresPerMs = people.uniform(1.0, 1.6) / 1000;
    const side = people.chance(0.5) ? 1 : -1;
    const reachMs = parameters.reachMetres / metresPerMs;
    const day = calendar.openAt(agenda.now);
    const doorMs = agenda.now + reachMs / 2;
    const share = calendar.entersAt(agenda.now);
    const enters = people.chance(share) && day !== null && doorMs < day.closeMs;
    const outMs = enters ? Math.min(doorMs + this.#stay(), day.closeMs + people.uniform(0, CLEARING_MS)) : 0;
    const door = doors.length > 0 ? doorways.choice(doors) : null;
    const shortIn = enters && size > 1 && door?.groupShort() === true;
    const shortOut = enters && size > 1 && door?.groupShort() === true;
    const way = { beginMs: agenda.now, startX: (-side * parameters.reachMetres) / 2, metresPerMs: side * metresPerMs };
    for (let member = 0; member < size; member++) {
      this.#scene.ledger.passed(agenda.now);
      const distance = Math.max(parameters.streetMetres + people.normal(0, 0.7), 0.5);
      const last = member === size - 1;
      if (enters) {
        const inMs = Math.round(doorMs + people.uniform(0, GROUP_SPREAD_MS));
        const leaveMs = Math.max(Math.round(outMs + people.uniform(0, GROUP_SPREAD_MS)), inMs + LEAST_STAY_MS);
        this.#customer(door, inMs, leaveMs, last && shortIn, last && shortOut);
        this.#carry({ ...way, distance, inMs, outMs: leaveMs }, leaveMs + reachMs / 2);
      } else {
        const never = Number.POSITIVE_INFINITY;
        if (day !== null && door !== null && doorways.chance((parameters.doorTurnBack * share) / (1 - share))) {
          agenda.at(doorMs, () => {
            this.#scene.ledger.turnBacks++;
            door.turnBack();
          });
        }
        this.#carry({ ...way, distance, inMs: never, outMs: never }, agenda.now + reachMs);
      }
    }
  }

  #customer(door: Door | null, inMs: number, outMs: number, shadowedIn: boolean, shadowedOut: boolean): void {
    const { agenda, ledger } = this.#scene;
    agenda.at(inMs, () => {
      ledger.enter(agenda.now);
      door?.pass(true, shadowedIn);
    });
    agenda.at(outMs, () => {
      ledger.leave(agenda.now, inMs);
      door?.pass(false, shadowedOut);
    });
  }

  /** The phones one person carries, from when they come within reach until `untilMs`. */
  #carry(way: ConstructorParameters<typeof Walk>[0], untilMs: number): void {
    const { bluetooth, parameters, phones, probing, secrets, ledger } = this.#scene;
    const count = phones.weighted(phoneWeights(parameters, way.beginMs - this.#scene.startMs));
    if (count === 0) return;
    ledger.phones += count;
    const place = new Walk(way, parameters.size, probing);
    for (let i = 0; i < count; i++) {
      new Transmitter(this.#scene, drawPhone(phones, secrets), new PhoneRhythm(), place, way.beginMs, untilMs);
    }
    const stay = { fromMs: way.beginMs, untilMs, inMs: way.inMs, outMs: way.outMs };
    bluetooth?.carry(bluetooth.outfit(count), place, stay, false);
  }

  #stay(): number {
    const { people, parameters } = this.#scene;
    if (people.chance(this.#cutShare)) return people.uniform(TURN_ROUND_LEAST_MS, TURN_ROUND_MOST_MS);
    return people.logNormal(parameters.stayMedianMs, parameters.staySigma);
  }
}

/** Weights of 0, 1 and 2 phones whose mean is phonesPerPerson as it has drifted by then. */
function phoneWeights(parameters: StoreParameters, elapsedMs: number): number[] {
  const drift = (parameters.phonesDrift * elapsedMs) / (60 * DAY);
  const mean = Math.min(Math.max(parameters.phonesPerPerson * (1 + drift), 0), 1.8);
  const two = Math.min(Math.max(0.08, mean - 0.9), mean / 2);
  return [1 - mean + two, mean - 2 * two, two];
}

/** What must be cut short for turnRoundShare of all stays to be under a minute. */
function cutShare(parameters: StoreParameters): number {
  const own = normalBelow(Math.log(TURN_ROUND_MOST_MS / parameters.stayMedianMs) / parameters.staySigma);
  return Math.max(0, (parameters.turnRoundShare - own) / (1 - own));
}

/** Standard normal distribution function (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function normalBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const above = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return z >= 0 ? 1 - above : above;
}
