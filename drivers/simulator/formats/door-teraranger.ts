import { encodeTerarangerCounts, encodeTerarangerDistances } from '../encode/teraranger.ts';
import type { DoorFormat, DoorModule, Totals } from '../formats.ts';

/** The device sends many more; they hold nothing that is read. */
const DISTANCES_MS = 500;
const FLOOR_MM = 2_150;

/**
 * A TeraRanger people counter in binary mode: distances all the time, counts at each passage. Variant `11` is a model whose
 * count frames of 11 octets name no sensor.
 */
export class DoorTerarangerFormat implements DoorFormat {
  readonly #module: DoorModule;
  readonly #sensorId: number;
  /** Number of times it was powered: the distances before then are over. */
  #boots = 0;

  constructor(module: DoorModule) {
    // Its own stream: what the line carries must not decide whom the door misses.
    this.#module = { ...module, random: module.random.fork('line') };
    this.#sensorId = this.#module.random.integer(1, 99);
  }

  boot(): void {
    this.#boots++;
    this.#distances(this.#boots);
  }

  counted(totals: Readonly<Totals>): void {
    const { sensor, wire } = this.#module;
    const sensorId = sensor.variant === '11' ? {} : { sensorId: this.#sensorId };
    wire(encodeTerarangerCounts({ ...sensorId, in: totals.in, out: totals.out }));
  }

  #distances(boot: number): void {
    if (boot !== this.#boots) return;
    const { agenda, random, wire } = this.#module;
    wire(encodeTerarangerDistances(FLOOR_MM + random.integer(-8, 8), FLOOR_MM + random.integer(-8, 8)));
    agenda.at(agenda.now + DISTANCES_MS, () => this.#distances(boot));
  }
}
