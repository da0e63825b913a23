import type { Agenda } from './agenda.ts';
import { DOOR_FORMATS, type DoorFormat } from './formats.ts';
import type { SimulatedSensor } from './options.ts';
import type { StoreParameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Wire } from './scene.ts';
import type { TruthSensor } from './truth.ts';

/** A door counter: misses people, and counts the others in totals since its boot. It goes on counting while silent. */
export class Door {
  readonly id: string;
  readonly #agenda: Agenda;
  readonly #parameters: StoreParameters;
  readonly #counts: TruthSensor;
  readonly #random: Random;
  readonly #format: DoorFormat;
  readonly #totals = { in: 0, out: 0 };

  constructor(
    sensor: SimulatedSensor,
    world: { agenda: Agenda; parameters: StoreParameters; counts: TruthSensor; random: Random; wire: Wire },
  ) {
    this.id = sensor.id;
    this.#agenda = world.agenda;
    this.#parameters = world.parameters;
    this.#counts = world.counts;
    this.#random = world.random;
    const make = DOOR_FORMATS[sensor.driver];
    if (make === undefined) throw new Error(`${sensor.driver} is no door counter`);
    this.#format = make({ sensor, agenda: world.agenda, random: world.random, wire: world.wire });
  }

  /** Power on. A restart is the same, from zero. */
  boot(): void {
    this.#totals.in = 0;
    this.#totals.out = 0;
    this.#format.boot();
  }

  /** Bytes from the gateway. */
  receive(bytes: Uint8Array): void {
    this.#format.receive?.(bytes);
  }

  /** Whether a group of two or more that goes through now is counted one short. */
  groupShort(): boolean {
    return this.#random.chance(this.#parameters.doorGroupShort);
  }

  /** Someone goes through; `shadowed` by another, they are never counted. */
  pass(inwards: boolean, shadowed = false): void {
    const { doorMiss, doorMissRatio } = this.#parameters;
    const miss = (2 * doorMiss * (inwards ? doorMissRatio : 1)) / (1 + doorMissRatio);
    if (!this.#random.chance(miss) && !shadowed) this.#count(inwards);
  }

  /** Someone steps in and turns back: counted in, and out a moment later. */
  turnBack(): void {
    this.#count(true);
    this.#agenda.at(this.#agenda.now + this.#random.uniform(700, 2_500), () => this.#count(false));
  }

  #count(inwards: boolean): void {
    const way = inwards ? 'in' : 'out';
    this.#totals[way]++;
    this.#counts[way]++;
    this.#format.counted(this.#totals, inwards);
  }
}
