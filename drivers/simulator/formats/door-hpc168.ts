import { encodeHpc168Counts, encodeHpc168Frame } from '../encode/hpc168.ts';
import type { DoorFormat, DoorModule, Totals } from '../formats.ts';

/** More than any request. */
const HELD = 64;

/** An HPC168 camera counter on a bus: answers queries of its counts that name its unit. */
export class DoorHpc168Format implements DoorFormat {
  readonly #module: DoorModule;
  readonly #unit: number;
  readonly #query: string;
  #heard = '';
  #totals: Readonly<Totals> = { in: 0, out: 0 };
  /** Number of times it was powered: what was to be answered before is not. */
  #boots = 0;

  constructor(module: DoorModule) {
    // Its own stream: how often the gateway asks must not decide whom the door misses.
    this.#module = { ...module, random: module.random.fork('line') };
    this.#unit = module.sensor.unit ?? 1;
    this.#query = Buffer.from(encodeHpc168Frame(this.#unit, 0x13)).toString('latin1');
  }

  boot(): void {
    this.#boots++;
    this.#heard = '';
    this.#totals = { in: 0, out: 0 };
  }

  counted(totals: Readonly<Totals>): void {
    this.#totals = { ...totals };
  }

  receive(bytes: Uint8Array): void {
    this.#heard += Buffer.from(bytes).toString('latin1');
    for (let at = this.#heard.indexOf(this.#query); at >= 0; at = this.#heard.indexOf(this.#query)) {
      this.#heard = this.#heard.slice(at + this.#query.length);
      this.#answer();
    }
    this.#heard = this.#heard.slice(-HELD);
  }

  #answer(): void {
    const { agenda, random, wire } = this.#module;
    const boot = this.#boots;
    agenda.at(agenda.now + random.integer(8, 40), () => {
      if (boot === this.#boots) wire(encodeHpc168Counts(this.#unit, this.#totals));
    });
  }
}
