/** What a sensor said, for people: numbers only, never an address or a name from the air. */
import { NO_RSSI, type RawAdvertisement, type RawSighting } from '../../agent/raw.ts';
import type { ReadingSink } from '../driver.ts';

export interface Sample {
  probes: number;
  advertisements: number;
  /** People as events. */
  crossings: { in: number; out: number };
  /** A door's last totals; null where none came. */
  totals: { in: number; out: number } | null;
  /** Weakest and strongest, dBm; null where none came. */
  rssi: { weakest: number; strongest: number } | null;
  /** In ascending order; of Bluetooth its advertising channels. */
  channels: number[];
}

/** How far one line of a counter may be from the one before: what jumps more is no counter of people. */
const LARGEST_STEP = 20;

/** Takes readings as numbers. */
export class SampleSink implements ReadingSink {
  #probes = 0;
  #advertisements = 0;
  readonly #crossings = { in: 0, out: 0 };
  #totals: { in: number; out: number } | null = null;
  #weakest = Number.POSITIVE_INFINITY;
  #strongest = Number.NEGATIVE_INFINITY;
  readonly #channels = new Set<number>();
  /** Counter readings that name their boot. */
  named = 0;
  /** Whether totals only ever grew, by steps that people make. */
  steady = true;

  get sample(): Sample {
    const heard = this.#weakest <= this.#strongest;
    return {
      probes: this.#probes,
      advertisements: this.#advertisements,
      crossings: { ...this.#crossings },
      totals: this.#totals,
      rssi: heard ? { weakest: this.#weakest, strongest: this.#strongest } : null,
      channels: [...this.#channels].sort((a, b) => a - b),
    };
  }

  sighting({ rssi, channel }: RawSighting): void {
    this.#probes++;
    this.#air(rssi, channel);
  }

  advertisement({ rssi, channel }: RawAdvertisement): void {
    this.#advertisements++;
    this.#air(rssi, channel);
  }

  crossing(_time: number, entered: number, left: number): void {
    this.#crossings.in += entered;
    this.#crossings.out += left;
  }

  counter(_time: number, entered: number, left: number, boot: number): void {
    if (boot !== 0) this.named++;
    const step = this.#totals === null ? 0 : Math.max(entered - this.#totals.in, left - this.#totals.out);
    const fell = this.#totals !== null && (entered < this.#totals.in || left < this.#totals.out);
    if (fell || step > LARGEST_STEP) this.steady = false;
    this.#totals = { in: entered, out: left };
  }

  transaction(): void {}

  #air(rssi: number, channel: number): void {
    if (rssi !== NO_RSSI) {
      this.#weakest = Math.min(this.#weakest, rssi);
      this.#strongest = Math.max(this.#strongest, rssi);
    }
    if (channel > 0) this.#channels.add(channel);
  }
}

export function emptySample(): Sample {
  return new SampleSink().sample;
}
