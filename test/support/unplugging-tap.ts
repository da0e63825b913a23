/** What a driver tells the gateway, seen on its way; and the faults that a test of the test plants there. */
import { openSync } from 'node:fs';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink, Speaker } from '../../drivers/driver.ts';

export const PLANTS = ['lost-crossing', 'deaf', 'leak', 'spin'] as const;
export type Plant = (typeof PLANTS)[number];

/** The reconnection after which a planted fault shows. */
const PLANTED_AT = 2;

export interface Totals {
  in: number;
  out: number;
}

export class Tap {
  readonly #driver: Driver;
  readonly #plant: Plant | undefined;
  #decoder: Decoder | undefined;
  #reconnections = 0;
  #dropped = false;
  #stale = false;
  #spinning = false;
  /** The first and the last totals of a counter. */
  first: Totals | null = null;
  last: Totals | null = null;
  /** Times that totals were told. */
  told = 0;
  /** Addresses in the air, as numbers of 48 bits; what else is heard is a stranger, made of the bytes of two frames. */
  known: ReadonlySet<number> = new Set();
  strangers = 0;
  /** People told as events. */
  crossed: Totals = { in: 0, out: 0 };

  constructor(driver: Driver, plant?: Plant) {
    this.#driver = driver;
    this.#plant = plant;
  }

  get accepted(): number {
    return this.#decoder?.counts.accepted ?? 0;
  }

  /** The driver, watched. */
  get driver(): Driver {
    return { ...this.#driver, createDecoder: (options) => this.#watch(options) };
  }

  reconnected(): void {
    this.#reconnections++;
    if (this.#plant === 'leak') openSync('/dev/null', 'r');
    if (this.#plant === 'spin') this.#spin();
  }

  /** Ends what a planted fault does. */
  stop(): void {
    this.#spinning = false;
  }

  get #faulty(): boolean {
    return this.#reconnections >= PLANTED_AT;
  }

  #watch(options?: DecoderOptions): Decoder {
    const decoder = this.#driver.createDecoder(options);
    this.#decoder = decoder;
    const sinks = new WeakMap<ReadingSink, ReadingSink>();
    return {
      get counts(): Readonly<DecoderCounts> {
        return decoder.counts;
      },
      ...(decoder.speaker && { speaker: decoder.speaker satisfies Speaker }),
      reopened: () => decoder.reopened?.(),
      push: (bytes, arrival, sink) => {
        if (this.#plant === 'deaf' && this.#faulty) return;
        const seen = sinks.get(sink) ?? this.#sink(sink);
        sinks.set(sink, seen);
        decoder.push(bytes, arrival, seen);
      },
    };
  }

  #sink(sink: ReadingSink): ReadingSink {
    const losing = (): boolean => this.#plant === 'lost-crossing' && this.#faulty;
    return {
      ...sink,
      sighting: (reading) => {
        if (!this.known.has(reading.address.high * 2 ** 24 + reading.address.low)) this.strangers++;
        sink.sighting(reading);
      },
      advertisement: (reading) => {
        if (!this.known.has(reading.address.high * 2 ** 24 + reading.address.low)) this.strangers++;
        sink.advertisement(reading);
      },
      counter: (time, entered, left, boot, width) => {
        const before = this.last?.in ?? 0;
        if (losing() && entered > before) this.#dropped = true;
        // Its memory is gone with its power, and the one who was lost is lost for good.
        else if (entered < before) this.#stale = this.#dropped;
        this.told++;
        this.last = { in: entered, out: left };
        this.first ??= this.last;
        sink.counter(time, this.#dropped && !this.#stale ? entered - 1 : entered, left, boot, width);
      },
      crossing: (time, entered, left) => {
        this.crossed.in += entered;
        this.crossed.out += left;
        if (losing() && !this.#dropped) this.#dropped = true;
        else sink.crossing(time, entered, left);
      },
    };
  }

  #spin(): void {
    if (this.#spinning) return;
    this.#spinning = true;
    const turn = (): void => {
      if (this.#spinning) setImmediate(turn);
    };
    turn();
  }
}
