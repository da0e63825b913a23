/** A store as its gateway counts it: people who come in, stay and leave, window by window; the same for the same seed. */
import type { Random } from '../../../drivers/simulator/random.ts';
import type { WireRecord } from '../../contract/records.ts';

/** As sealed windows tell it. */
export interface ShopTotals {
  entries: number;
  exits: number;
}

const LINE_BYTES = 24;
const PASSERS_AN_HOUR = 400;

export class Shop {
  readonly #store: string;
  readonly #random: Random;
  readonly #entersShare: number;
  readonly totals: ShopTotals = { entries: 0, exits: 0 };
  #inside = 0;

  constructor(store: string, random: Random) {
    this.#store = store;
    this.#random = random;
    this.#entersShare = random.uniform(0.03, 0.3);
  }

  /** Counts one more window. @param window its ordinal; `startMs` and `endMs` in UTC milliseconds. */
  next(window: number, startMs: number, endMs: number): WireRecord[] {
    const lengthMs = endMs - startMs;
    const passers = this.#random.poisson((PASSERS_AN_HOUR * lengthMs) / 3_600_000);
    const entries = this.#random.poisson(passers * this.#entersShare);
    const atStart = this.#inside;
    // Exits spread over the second half, entries over the first: so what is inside is never below what it was at an end.
    const exits = Math.min(atStart + entries, this.#random.poisson(Math.max(atStart, entries * 0.9)));
    const atEnd = atStart + entries - exits;
    this.#inside = atEnd;
    this.totals.entries += entries;
    this.totals.exits += exits;
    const base = {
      store: this.#store,
      rev: 1,
      window,
      start_ms: startMs,
      end_ms: endMs,
      parameters: 'simulated-fleet',
    };
    const entryMs = Math.round(entries * lengthMs * 0.75);
    const exitMs = Math.round(exits * lengthMs * 0.25);
    return [
      {
        kind: 'door',
        place: 'main',
        ...base,
        entries,
        exits,
        ...{ catch_up_entries: 0, catch_up_exits: 0, catch_up_from_ms: null, set_aside: 0, resets: 0 },
      },
      {
        kind: 'occupancy',
        place: 'store',
        ...base,
        entries,
        exits,
        already_left: 0,
        at_start: atStart,
        at_end: atEnd,
        min: Math.min(atStart, atEnd),
        max: atStart + entries,
        occupancy_ms: atStart * lengthMs + entryMs - exitMs,
        entry_ms: entryMs,
        exit_ms: exitMs,
      },
      {
        kind: 'entry',
        place: 'store',
        ...base,
        entries,
        passing_people: null,
        passing_state: 'uncalibrated',
        visits: Math.round(entries * 0.6),
        passers_by: Math.round(passers * 0.6),
        transactions: null,
      },
      {
        kind: 'coverage',
        place: 'main-door',
        ...base,
        driver: 'door-lines',
        covered_ms: lengthMs,
        bytes: LINE_BYTES * (entries + exits),
        accepted: entries + exits,
        rejected: {},
      },
    ];
  }
}
