import { hourOf } from './calendar.ts';
import type { StoreParameters } from './parameters.ts';

/** One UTC hour of the truth. */
export interface TruthHour {
  startMs: number;
  /** People who came within reach in this hour, later visitors included; customers who crossed the door inwards. */
  passers: number;
  entered: number;
}

/** One sensor's share of the truth. Sums over all its boots. */
export interface TruthSensor {
  /** Probe requests written to the wire, torn and silenced ones not counted. */
  sightings: number;
  /** BLE advertisements written to the wire, torn and silenced ones not counted. */
  advertisements: number;
  /**
   * Probe requests, of a Bluetooth sniffer advertisements, sent in the scene that did not get to the wire: too weak,
   * missed, torn, silenced, or the module was not told to listen. What advertises out of reach of all is not sent.
   */
  lost: number;
  /** People the door counter counted, whether or not its lines got through. */
  in: number;
  out: number;
}

/** What really happened up to now. Every number but `inside` and `staffInside` only grows. Customers are without staff. */
export interface Truth {
  readonly parameters: Readonly<StoreParameters>;
  /** People who came within reach of the front, each once, those who then entered included. */
  readonly passers: number;
  /** Customers who crossed the door inwards and outwards, and their difference. */
  readonly entered: number;
  readonly left: number;
  readonly inside: number;
  /** Integral of `inside` over time, milliseconds. */
  readonly insideMs: number;
  /** Completed stays of customers and their sum, milliseconds: staySumMs / stays is the true mean dwell. */
  readonly stays: number;
  readonly staySumMs: number;
  /** Stays under one minute among them. */
  readonly shortStays: number;
  /** People who turned back in the doorway: passers-by who never entered. */
  readonly turnBacks: number;
  /** Door crossings of staff, either way; staff inside; its integral over time, milliseconds. */
  readonly staffCrossings: number;
  readonly staffInside: number;
  /** Staff who crossed inwards. */
  readonly staffEntered: number;
  readonly staffMs: number;
  /** Phones carried past the front. */
  readonly phones: number;
  /**
   * Phones inside that advertise over Bluetooth, and the integral of that over time, milliseconds: those of customers,
   * and of staff. All 0 in a store without a Bluetooth sniffer.
   */
  readonly advertisersInside: number;
  readonly advertisersMs: number;
  readonly staffAdvertisersInside: number;
  readonly staffAdvertisersMs: number;
  /** UTC hours with at least one event, ascending. */
  readonly hours: readonly Readonly<TruthHour>[];
  readonly sensors: ReadonlyMap<string, Readonly<TruthSensor>>;
}

/** The ledger behind Truth: only the simulation writes it. */
export class Ledger implements Truth {
  readonly parameters: Readonly<StoreParameters>;
  readonly sensors: ReadonlyMap<string, TruthSensor>;
  readonly hours: TruthHour[] = [];
  passers = 0;
  entered = 0;
  left = 0;
  inside = 0;
  insideMs = 0;
  stays = 0;
  staySumMs = 0;
  shortStays = 0;
  turnBacks = 0;
  staffCrossings = 0;
  staffInside = 0;
  staffMs = 0;
  phones = 0;
  advertisersInside = 0;
  advertisersMs = 0;
  staffAdvertisersInside = 0;
  staffAdvertisersMs = 0;
  #settledMs: number;

  get staffEntered(): number {
    return (this.staffCrossings + this.staffInside) / 2;
  }

  constructor(parameters: StoreParameters, sensorIds: readonly string[], startMs: number) {
    this.parameters = parameters;
    this.sensors = new Map(sensorIds.map((id) => [id, { sightings: 0, advertisements: 0, lost: 0, in: 0, out: 0 }]));
    this.#settledMs = startMs;
  }

  /** Brings the integrals up to `ms`. */
  settle(ms: number): void {
    const elapsed = ms - this.#settledMs;
    this.insideMs += this.inside * elapsed;
    this.staffMs += this.staffInside * elapsed;
    this.advertisersMs += this.advertisersInside * elapsed;
    this.staffAdvertisersMs += this.staffAdvertisersInside * elapsed;
    this.#settledMs = ms;
  }

  passed(ms: number): void {
    this.passers++;
    this.#hour(ms).passers++;
  }

  enter(ms: number): void {
    this.settle(ms);
    this.entered++;
    this.inside++;
    this.#hour(ms).entered++;
  }

  leave(ms: number, enteredMs: number): void {
    this.settle(ms);
    this.left++;
    this.inside--;
    this.stays++;
    this.staySumMs += ms - enteredMs;
    if (ms - enteredMs < 60_000) this.shortStays++;
  }

  staffCross(ms: number, inwards: boolean): void {
    this.settle(ms);
    this.staffCrossings++;
    this.staffInside += inwards ? 1 : -1;
  }

  /** Phones that advertise come in, or go out where `phones` is below 0. */
  advertisersCross(ms: number, phones: number, staff: boolean): void {
    this.settle(ms);
    if (staff) this.staffAdvertisersInside += phones;
    else this.advertisersInside += phones;
  }

  #hour(ms: number): TruthHour {
    const startMs = hourOf(ms);
    const last = this.hours.at(-1);
    if (last !== undefined && last.startMs === startMs) return last;
    const hour = { startMs, passers: 0, entered: 0 };
    this.hours.push(hour);
    return hour;
  }
}
