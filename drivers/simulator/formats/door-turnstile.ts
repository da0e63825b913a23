import { encodeTurnstileRequest, encodeTurnstileStatus } from '../encode/turnstile.ts';
import type { DoorFormat, DoorModule, Totals } from '../formats.ts';

const REQUEST_LENGTH = 8;

/** A turnstile on a bus: answers status requests that name its unit. Entries turn it to the left. */
export class DoorTurnstileFormat implements DoorFormat {
  readonly #module: DoorModule;
  readonly #unit: number;
  readonly #query: Uint8Array;
  #heard: Buffer = Buffer.alloc(0);
  #totals: Readonly<Totals> = { in: 0, out: 0 };
  /** Number of times it was powered: what was to be answered before is not. */
  #boots = 0;

  constructor(module: DoorModule) {
    // Its own stream: how often the gateway asks must not decide whom the door misses.
    this.#module = { ...module, random: module.random.fork('line') };
    this.#unit = module.sensor.unit ?? 1;
    this.#query = encodeTurnstileRequest(this.#unit);
  }

  boot(): void {
    this.#boots++;
    this.#heard = Buffer.alloc(0);
    this.#totals = { in: 0, out: 0 };
  }

  counted(totals: Readonly<Totals>): void {
    this.#totals = { ...totals };
  }

  receive(bytes: Uint8Array): void {
    let heard = Buffer.concat([this.#heard, bytes]);
    for (let at = heard.indexOf(this.#query); at >= 0; at = heard.indexOf(this.#query)) {
      heard = heard.subarray(at + REQUEST_LENGTH);
      this.#answer();
    }
    this.#heard = Buffer.from(heard.subarray(-REQUEST_LENGTH));
  }

  #answer(): void {
    const { agenda, random, wire } = this.#module;
    const boot = this.#boots;
    agenda.at(agenda.now + random.integer(20, 60), () => {
      if (boot === this.#boots)
        wire(encodeTurnstileStatus(this.#unit, { left: this.#totals.in, right: this.#totals.out }));
    });
  }
}
