import type { Agenda } from './agenda.ts';
import { doorLine } from './encode/door-line.ts';
import { encodeEspBootText } from './encode/serial-pcap.ts';
import type { SimulatedSensor } from './options.ts';
import type { StoreParameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Wire } from './scene.ts';
import type { TruthSensor } from './truth.ts';

const HEARTBEAT_MS = 10_000;

/** A door counter: cumulative totals since its boot, a line at each count and each 10 s. It goes on counting while silent. */
export class Door {
  readonly id: string;
  readonly #agenda: Agenda;
  readonly #parameters: StoreParameters;
  readonly #counts: TruthSensor;
  readonly #random: Random;
  readonly #wire: Wire;
  readonly #checksum: boolean;
  #boot = 0;
  #bootMs = 0;
  #seq = 0;
  #in = 0;
  #out = 0;

  constructor(
    sensor: SimulatedSensor,
    world: { agenda: Agenda; parameters: StoreParameters; counts: TruthSensor; random: Random; wire: Wire },
  ) {
    this.id = sensor.id;
    this.#checksum = sensor.checksum ?? false;
    this.#agenda = world.agenda;
    this.#parameters = world.parameters;
    this.#counts = world.counts;
    this.#random = world.random;
    this.#wire = world.wire;
  }

  /** Power on: boot text, the first line, then heartbeats. A restart is the same, from zero. */
  boot(): void {
    this.#boot = this.#random.next();
    this.#bootMs = this.#agenda.now;
    this.#seq = 0;
    this.#in = 0;
    this.#out = 0;
    this.#wire(encodeEspBootText());
    this.#heartbeat(this.#boot);
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
    if (inwards) {
      this.#in++;
      this.#counts.in++;
    } else {
      this.#out++;
      this.#counts.out++;
    }
    this.#send();
  }

  #heartbeat(boot: number): void {
    if (boot !== this.#boot) return;
    this.#send();
    this.#agenda.at(this.#agenda.now + HEARTBEAT_MS, () => this.#heartbeat(boot));
  }

  #send(): void {
    const ms = this.#agenda.now - this.#bootMs;
    const line = { boot: this.#boot, seq: this.#seq++, in: this.#in, out: this.#out, ms, checksum: this.#checksum };
    this.#wire(doorLine(line));
  }
}
