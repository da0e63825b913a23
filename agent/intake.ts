/**
 * Takes raw readings across the privacy boundary into ordinal rows and folds them. It knows no storage: the live pipeline
 * adds durability, a replay uses it as it is, so both count with the very same code.
 *
 * Whoever reads sensors lives on a timeline that never goes back. Rows are in UTC: where the clock turns out to be wrong,
 * only the distance between the two changes, here, and no decoder ever sees time jump.
 */
import type { ReadingSink } from '../drivers/driver.ts';
import type { Fold } from './analytics/fold.ts';
import type { SensorParameters } from './analytics/parameters.ts';
import type { Boundary } from './privacy/boundary.ts';
import {
  CLOCK_TRUST,
  type ClockChange,
  type ClockTrust,
  InputBatch,
  InputKind,
  KeyFlag,
  REJECTIONS,
  SensorFlag,
} from './readings.ts';
import { RepeatedTotals } from './repeated-totals.ts';
import type { Tap } from './tap.ts';

/** Rows held before they are handed on; at 31 bytes a row a quarter of a megabyte. */
const CAPACITY = 8192;

/** How long a row may wait to be made durable. */
export type Urgency = 'door' | 'sighting' | 'report';

export interface SensorReport {
  up: boolean;
  bytes: number;
  accepted: number;
  coveredMs: number;
  /** Rejected frames since the last report, in the order of REJECTIONS. */
  rejected: number[];
}

export class Intake {
  readonly fold: Fold;
  readonly boundary: Boundary;
  /** Shows rows to whoever looks; set once, by the daemon. */
  tap: Tap | null = null;
  readonly #batch: InputBatch;
  readonly #handOver: (batch: InputBatch) => void;
  /** Rows before this one are folded. */
  #folded = 0;
  /** On the timeline, as all times that are passed in. */
  #at: number;
  #correction = 0;
  /** When the oldest row of each urgency not yet handed over was taken in. */
  readonly #oldest: Record<Urgency, number> = { door: Infinity, sighting: Infinity, report: Infinity };
  readonly #totals = new RepeatedTotals();
  readonly #sensorAt = (index: number): SensorParameters | undefined =>
    this.fold.parameters.sensors.find((sensor) => sensor.index === index);

  /** @param handOver takes a batch of folded rows; they are cleared when it returns. */
  constructor(fold: Fold, boundary: Boundary, handOver: (batch: InputBatch) => void) {
    this.fold = fold;
    this.boundary = boundary;
    this.#handOver = handOver;
    this.#at = fold.at;
    this.#batch = new InputBatch(CAPACITY, fold.ordinal + 1);
  }

  /** Rows taken in and not yet handed over. */
  get pending(): number {
    return this.#batch.length;
  }

  get lastOrdinal(): number {
    return this.#batch.lastOrdinal;
  }

  /** What is to be added to times of the timeline to have UTC, milliseconds. */
  get correction(): number {
    return this.#correction;
  }

  /** When the oldest row of this urgency not yet handed over was taken in, on the timeline; Infinity without one. */
  oldest(urgency: Urgency): number {
    return this.#oldest[urgency];
  }

  /** Sets the time rows are taken in at. Once for a chunk of bytes: no row reads a clock. */
  arriveAt(at: number): void {
    if (at > this.#at) this.#at = at;
  }

  /** The sink of one sensor's decoder. */
  sinkOf(sensor: number): ReadingSink {
    const batch = this.#batch;
    return {
      sighting: (reading): void => {
        const row = this.#append(InputKind.sighting, sensor, reading.time, null);
        if (this.boundary.write(reading, batch, row, this.#at)) this.#wait('sighting');
        // A device to be ignored leaves no row.
        else batch.length = row;
      },
      advertisement: (reading): void => {
        const row = this.#append(InputKind.advertisement, sensor, reading.time, null);
        if (this.boundary.writeAdvertisement(reading, batch, row, this.#at)) this.#wait('sighting');
        else batch.length = row;
      },
      crossing: (time, entered, left): void => {
        const row = this.#append(InputKind.crossing, sensor, time, 'door');
        batch.a[row] = entered;
        batch.b[row] = left;
      },
      counter: (time, entered, left, boot, width): void => {
        this.#totals.take(sensor, { entered, left, boot, width, time }, (totals, news) => {
          const row = this.#append(InputKind.counter, sensor, totals.time, news ? 'door' : 'report');
          batch.a[row] = totals.entered;
          batch.b[row] = totals.left;
          batch.c[row] = totals.boot;
          batch.d[row] = totals.width;
        });
      },
      transaction: (time, count): void => {
        const row = this.#append(InputKind.transaction, sensor, time, 'door');
        batch.a[row] = count;
      },
    };
  }

  /** A sensor's report on the time up to `until`. */
  report(sensor: number, until: number, report: SensorReport): void {
    const batch = this.#batch;
    const row = this.#append(InputKind.sensor, sensor, until, 'report');
    batch.flags[row] = report.up ? SensorFlag.up : 0;
    batch.a[row] = report.bytes;
    batch.b[row] = report.accepted;
    batch.c[row] = report.coveredMs;
    for (let reason = 0; reason < REJECTIONS.length; reason++) {
      const count = report.rejected[reason] ?? 0;
      if (count === 0) continue;
      const rejection = this.#append(InputKind.rejection, sensor, until, 'report');
      batch.channel[rejection] = reason;
      batch.a[rejection] = count;
    }
  }

  /** @param lost true when the key before it was gone before its day was over, as after a power-off. */
  keyChanged(id: number, lost: boolean): void {
    const row = this.#append(InputKind.key, 0, this.#at, 'door');
    this.#batch.a[row] = id;
    this.#batch.flags[row] = lost ? KeyFlag.lost : KeyFlag.scheduled;
  }

  parametersChanged(json: string): void {
    const row = this.#append(InputKind.parameters, 0, this.#at, 'door');
    this.#batch.payloads.set(row, json);
  }

  /** Notes how far the wall clock can be trusted from now on, where that is news. */
  trustClock(trust: ClockTrust): void {
    if (trust === this.fold.clockTrust) return;
    const row = this.#append(InputKind.clock, 0, this.#at, 'report');
    this.#batch.flags[row] = CLOCK_TRUST.indexOf(trust);
    this.foldPending();
  }

  /** Corrects the time of what has come in and is not sealed yet, and of all that comes. */
  correctClock(trust: ClockTrust, change: ClockChange): void {
    const row = this.#append(InputKind.clock, 0, this.#at, 'door');
    this.#batch.flags[row] = CLOCK_TRUST.indexOf(trust);
    this.#batch.payloads.set(row, JSON.stringify(change));
    this.#correction += change.delta_ms;
    this.foldPending();
  }

  /** Folds what has come in. */
  foldPending(): void {
    if (this.#folded === this.#batch.length) return;
    this.fold.apply(this.#batch, this.#folded, this.#batch.length);
    if (this.tap?.listening) this.tap.observe(this.#batch, this.#folded, this.#batch.length, this.#sensorAt);
    this.#folded = this.#batch.length;
  }

  /** Folds what has come in, then time up to `at`. */
  advance(at: number): void {
    this.arriveAt(at);
    this.foldPending();
    this.fold.advance(at + this.#correction);
  }

  /** Hands every row over and begins an empty batch. */
  handOverPending(): void {
    if (this.#batch.length === 0) return;
    this.foldPending();
    this.#handOver(this.#batch);
    this.#clear();
  }

  /** Forgets the rows: a snapshot taken now holds them. */
  dropPending(): void {
    this.foldPending();
    this.#clear();
  }

  #clear(): void {
    this.#batch.clear(this.#batch.lastOrdinal + 1);
    this.#folded = 0;
    this.#oldest.door = this.#oldest.sighting = this.#oldest.report = Infinity;
  }

  #wait(urgency: Urgency): void {
    if (this.#oldest[urgency] === Infinity) this.#oldest[urgency] = this.#at;
  }

  /** @param urgency null when the caller says later that the row waits. */
  #append(kind: InputKind, sensor: number, time: number, urgency: Urgency | null): number {
    if (this.#batch.full) this.handOverPending();
    if (urgency !== null) this.#wait(urgency);
    // A source's clock may tell fractions; everything behind the boundary is whole milliseconds.
    return this.#batch.append(kind, sensor, this.#at + this.#correction, Math.floor(time) + this.#correction);
  }
}
