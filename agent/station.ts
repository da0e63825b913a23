/**
 * The sensors, the privacy boundary and the fold of one gateway on one timeline, without storage or uplink: what the daemon
 * and a replay have in common, so that both count alike to the last number.
 */
import type { KeyObject } from 'node:crypto';
import { nextKeyChange } from './analytics/calendar.ts';
import type { Intake } from './intake.ts';
import type { Sensor } from './sensors.ts';

/** How often time is folded, sensors are looked after and windows are closed, in milliseconds. */
export const TICK_MS = 1_000;

export class Station {
  readonly intake: Intake;
  #sensors: readonly Sensor[];
  #started = false;
  readonly #makeKey: () => { key: KeyObject; id: number };
  /** UTC milliseconds, under this correction of the timeline. */
  #nextKeyChange: number;
  #correction: number;

  /** @param makeKey makes the key of the next day and forgets the last one; called at the store's closing time. */
  constructor(
    intake: Intake,
    sensors: readonly Sensor[],
    makeKey: () => { key: KeyObject; id: number },
    nowMs: number,
  ) {
    this.intake = intake;
    this.#sensors = sensors;
    this.#makeKey = makeKey;
    this.#correction = intake.correction;
    this.#nextKeyChange = nextKeyChange(intake.fold.parameters, nowMs + intake.correction);
  }

  get sensors(): readonly Sensor[] {
    return this.#sensors;
  }

  start(): void {
    this.#started = true;
    for (const sensor of this.#sensors) sensor.start();
  }

  /**
   * Goes on with other sensors. Those that are no longer among them are stopped, after they have reported up to `nowMs`,
   * before `make` makes the new ones: a port may pass from one to the other.
   */
  async replaceSensors(keep: ReadonlySet<string>, make: () => readonly Sensor[], nowMs: number): Promise<void> {
    const going = this.#sensors.filter(({ id }) => !keep.has(id));
    this.#sensors = this.#sensors.filter(({ id }) => keep.has(id));
    for (const sensor of going) sensor.tick(nowMs);
    await Promise.all(going.map((sensor) => sensor.stop()));
    const coming = make();
    this.#sensors = [...this.#sensors, ...coming];
    if (this.#started) for (const sensor of coming) sensor.start();
  }

  /** What is due before time is folded up to `nowMs`. */
  tick(nowMs: number): void {
    for (const sensor of this.#sensors) sensor.tick(nowMs);
    const { correction } = this.intake;
    const utc = nowMs + correction;
    const due = utc >= this.#nextKeyChange;
    // A clock that was set back must not keep a key for as long.
    if (due || correction !== this.#correction) {
      this.#correction = correction;
      this.#nextKeyChange = nextKeyChange(this.intake.fold.parameters, utc);
    }
    if (due) {
      const { key, id } = this.#makeKey();
      this.intake.boundary.replaceKey(key);
      this.intake.arriveAt(nowMs);
      this.intake.keyChanged(id, false);
    }
    this.intake.boundary.sweep(nowMs);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sensors.map((sensor) => sensor.stop()));
  }
}
