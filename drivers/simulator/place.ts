import type { StoreParameters } from './parameters.ts';
import type { Random } from './random.ts';

/**
 * Where a transmitter is. Metres: the door is the origin, x runs along the front, y into the store; the street is at
 * negative y.
 */
export interface Place {
  readonly x: number;
  readonly y: number;
  /** False for something bolted to a wall: no body stands in its way. */
  readonly carried: boolean;
  /** Moves to where it is at `ms`, which never decreases. */
  moveTo(ms: number): void;
}

/** How long one stands at a shelf before moving on. */
const STAND_MEAN_MS = 40_000;

/** A fixed place. */
export class Spot implements Place {
  readonly x: number;
  readonly y: number;
  readonly carried = false;

  constructor(x: number, y: number) {
    this.x = x;
    this.y = y;
  }

  moveTo(): void {}
}

/** Walks along the street; inside between `inMs` and `outMs` (both infinite for one who passes). */
export class Walk implements Place {
  readonly carried = true;
  x = 0;
  y = 0;
  readonly #distance: number;
  readonly #metresPerMs: number;
  readonly #beginMs: number;
  readonly #startX: number;
  readonly #inMs: number;
  readonly #outMs: number;
  readonly #size: StoreParameters['size'];
  readonly #random: Random;
  #movedMs = Number.NEGATIVE_INFINITY;

  constructor(
    way: { beginMs: number; startX: number; distance: number; metresPerMs: number; inMs: number; outMs: number },
    size: StoreParameters['size'],
    random: Random,
  ) {
    this.#beginMs = way.beginMs;
    this.#startX = way.startX;
    this.#distance = way.distance;
    this.#metresPerMs = way.metresPerMs;
    this.#inMs = way.inMs;
    this.#outMs = way.outMs;
    this.#size = size;
    this.#random = random;
  }

  moveTo(ms: number): void {
    if (ms >= this.#inMs && ms < this.#outMs) {
      const standing = ms - this.#movedMs;
      this.#movedMs = ms;
      if (this.y >= 0 && this.#random.chance(Math.exp(-standing / STAND_MEAN_MS))) return;
      this.x = this.#random.uniform(-0.5, 0.5) * this.#size.width;
      this.y = this.#random.uniform(0.5, this.#size.depth);
      return;
    }
    const from = ms < this.#inMs ? this.#beginMs : this.#outMs;
    const origin = ms < this.#inMs ? this.#startX : 0;
    this.x = origin + (ms - from) * this.#metresPerMs;
    this.y = -this.#distance;
  }
}
