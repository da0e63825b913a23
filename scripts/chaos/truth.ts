/** What the simulated sensors of one gateway have seen, and how much of it the gateway had made durable. */

import { doorLine } from '../../drivers/simulator/encode/door-line.ts';
import { wifiLine } from '../../drivers/simulator/encode/wifi-line.ts';
import { Random } from '../../drivers/simulator/random.ts';
import type { Durable } from './durable.ts';

/** People by door and direction, and probe requests, that must be in the collector's records: neither more nor less. */
export interface Truth {
  /** A counter of running totals: nobody is lost, whatever was dead when they passed. */
  counter: { entries: number; exits: number };
  /** A sensor that says `+` and `-`: what was not yet durable when the daemon was killed is lost, and nothing else. */
  events: { entries: number; exits: number };
  sightings: number;
}

/** What goes over the lines in one step. */
export interface StepBytes {
  counter: Uint8Array;
  events: Uint8Array;
  ceiling: Uint8Array;
}

interface Step {
  atMs: number;
  entries: number;
  exits: number;
  sightings: number;
}

export interface TruthState {
  truth: Truth;
  sequence: number;
  lostSteps: number;
  sent: number;
}

const MOST_PEOPLE = 3;
const MOST_SIGHTINGS = 8;
/** A dozen devices that come again and again, with locally administered addresses. */
const DEVICES = 12;

/**
 * A step is in the truth once it is sent. When the daemon is killed, its database tells whether the last steps are in it;
 * what the daemon had confirmed as durable before must be.
 */
export class StoreFront {
  readonly #startMs: number;
  readonly #random: Random;
  readonly #repeat: boolean;
  #state: TruthState;
  /** Steps since the daemon last confirmed. */
  #open: Step[] = [];
  /** Of the newest step that a later answer of the daemon has confirmed. */
  #confirmedMs = 0;

  /** @param repeat a planted fault: some crossings are on the wire twice. */
  constructor(options: { startMs: number; seed: number; round: number; repeat: boolean; state?: TruthState }) {
    this.#startMs = options.startMs;
    this.#random = new Random(options.seed).fork(`front ${options.round}`);
    this.#repeat = options.repeat;
    this.#state = options.state ?? {
      truth: { counter: { entries: 0, exits: 0 }, events: { entries: 0, exits: 0 }, sightings: 0 },
      sequence: 0,
      lostSteps: 0,
      sent: 0,
    };
  }

  get state(): TruthState {
    return this.#state;
  }

  /** A line of the counter, with nobody new in it. */
  report(atMs: number): Uint8Array {
    return this.#counterLine(atMs);
  }

  /** People pass and devices are heard; from now on they are in the truth. */
  step(atMs: number): StepBytes {
    const random = this.#random;
    const { truth } = this.#state;
    const people = (): number => random.integer(0, MOST_PEOPLE);
    truth.counter.entries += people();
    truth.counter.exits += people();
    // Never none: each step is to be found in the journal.
    const step = { atMs, entries: 1 + people(), exits: people(), sightings: random.integer(1, MOST_SIGHTINGS) };
    this.#open.push(step);
    this.#count(step, 1);
    this.#state.sent += step.entries + step.exits;
    const repeated = this.#repeat && random.chance(0.1) ? '+\n' : '';
    const heard = Array.from({ length: step.sightings }, () => this.#probe());
    return {
      counter: this.#counterLine(atMs),
      events: Buffer.from(`${'+\n'.repeat(step.entries)}${'-\n'.repeat(step.exits)}${repeated}`),
      ceiling: Buffer.concat(heard),
    };
  }

  /** The daemon has answered for a time after the last step: its commit is behind it. */
  confirmed(): void {
    const last = this.#open.at(-1);
    if (last !== undefined) this.#confirmedMs = last.atMs;
    this.#open = [];
  }

  /** The daemon is dead: what its database lacks was lost with it. @returns what it had confirmed and lacks, or null. */
  killed(durable: Durable): string | null {
    for (const step of this.#open) {
      if (step.atMs > durable.crossings) this.#count({ ...step, sightings: 0 }, -1);
      if (step.atMs > durable.sightings) this.#count({ ...step, entries: 0, exits: 0 }, -1);
      if (step.atMs > durable.crossings || step.atMs > durable.sightings) this.#state.lostSteps++;
    }
    this.#open = [];
    const least = Math.min(durable.crossings, durable.sightings);
    if (least >= this.#confirmedMs) return null;
    const found = new Date(least).toISOString();
    return `a daemon was killed: expected what it had committed up to ${new Date(this.#confirmedMs).toISOString()}, found ${found}`;
  }

  #count({ entries, exits, sightings }: Step, sign: 1 | -1): void {
    const { truth } = this.#state;
    truth.events.entries += sign * entries;
    truth.events.exits += sign * exits;
    truth.sightings += sign * sightings;
  }

  #counterLine(atMs: number): Uint8Array {
    const { entries, exits } = this.#state.truth.counter;
    const line = { boot: 0x0badcafe, seq: this.#state.sequence++, in: entries, out: exits, ms: atMs - this.#startMs };
    return doorLine(line);
  }

  #probe(): Uint8Array {
    const source = Uint8Array.of(0x02, 0xc4, 0xa0, 0x05, 0, this.#random.integer(1, DEVICES));
    return wifiLine({ fields: 6, source, channel: 6, rssi: -this.#random.integer(40, 80) });
  }
}
