import { bounceTo, encodeContact } from '../encode/contact.ts';
import type { DoorFormat, DoorModule, Totals } from '../formats.ts';

const BEAT_MS = 1_000;
const CLOSED_MS = 250;
/** From one closure to the next: people in a group are pulsed out one after the other. */
const PULSE_MS = 500;

/**
 * The relay of a people counter on a modem line, as the poll of the line passes it on: a pulse for each person who comes
 * in, or with the variant `both` for each who goes either way. A relay has no power up of its own.
 */
export class DoorContactFormat implements DoorFormat {
  readonly #module: DoorModule;
  #started = false;
  #closed = false;
  /** When the relay is free for another pulse. */
  #freeAt = 0;

  constructor(module: DoorModule) {
    this.#module = module;
  }

  boot(): void {
    if (this.#started) return;
    this.#started = true;
    this.#module.wire(encodeContact(this.#closed, true));
    this.#beat();
  }

  counted(_totals: Readonly<Totals>, inwards: boolean): void {
    const { agenda, sensor } = this.#module;
    if (!inwards && sensor.variant !== 'both') return;
    const at = Math.max(agenda.now, this.#freeAt);
    this.#freeAt = at + PULSE_MS;
    this.#change(at, true);
    this.#change(at + CLOSED_MS, false);
  }

  #change(at: number, to: boolean): void {
    for (const { afterMs, closed } of bounceTo(to)) this.#module.agenda.at(at + afterMs, () => this.#tell(closed));
  }

  #tell(closed: boolean): void {
    this.#closed = closed;
    this.#module.wire(encodeContact(closed));
  }

  #beat(): void {
    const { agenda } = this.#module;
    agenda.at(agenda.now + BEAT_MS, () => {
      this.#tell(this.#closed);
      this.#beat();
    });
  }
}
