import type { StoreParameters } from './parameters.ts';
import type { Random } from './random.ts';

const NEAREST_METRES = 0.5;

/** Where a sniffer hangs and how the radio model reaches it; the same for Wi-Fi and Bluetooth. */
export class Antenna {
  readonly #at: { x: number; y: number };
  readonly #parameters: StoreParameters;
  readonly #random: Random;

  constructor(at: { x: number; y: number }, parameters: StoreParameters, random: Random) {
    this.#at = at;
    this.#parameters = parameters;
    this.#random = random;
  }

  /** Log-distance path loss from what a sender has at one metre, dBm, and the front where it is outside. */
  meanDbm(from: { readonly x: number; readonly y: number }, oneMetreDbm: number): number {
    const { pathLossExponent, frontLossDb } = this.#parameters;
    const distance = Math.max(Math.hypot(from.x - this.#at.x, from.y - this.#at.y), NEAREST_METRES);
    const front = from.y < 0 && this.#at.y >= 0 ? frontLossDb : 0;
    return oneMetreDbm - 10 * pathLossExponent * Math.log10(distance) - front;
  }

  /** Half of the shadowing's variance, in dB. */
  drawShadow(): number {
    return this.#random.normal(0, this.#parameters.shadowingDb * Math.SQRT1_2);
  }

  /** Whether a frame is missed for no reason but bad luck. */
  misses(): boolean {
    return this.#random.chance(this.#parameters.frameLoss);
  }
}
