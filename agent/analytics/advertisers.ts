/**
 * Bluetooth advertisers, counted by the minute. A phone changes its address every quarter of an hour and is never followed
 * from one address to the next, so distinct addresses of a day say little. Distinct addresses of a minute are hardly bent
 * by that: their sum over minutes (device-minutes) is a relative index of who is around. It touches no visit, no dwell and
 * no calibration.
 */
import { AdvertisementFlag } from '../readings.ts';
import { KeyTable } from './key-table.ts';
import { heardIn, markMinute } from './minute-mask.ts';
import { advertisersOf, MINUTE_MS, type WindowState } from './windows.ts';

/** Keys held at most, those of the two or three minutes not yet evaluated. A flood of addresses fills it and no more. */
export const MAX_ADVERTISERS = 32_768;

/** What a key is taken for; a higher one wins, because a payload that tells is believed over one that does not. */
const Rank = { other: 0, phone: 1, fixture: 2 } as const;

/** Columns in snapshot order; `tag` is the scope. */
function createColumns(capacity: number) {
  return {
    high: new Uint32Array(capacity),
    low: new Uint32Array(capacity),
    tag: new Uint16Array(capacity),
    rank: new Uint8Array(capacity),
    minute: new Uint32Array(capacity),
    mask: new Uint32Array(capacity),
  };
}

/** Distinct addresses heard above the gate in one minute. */
export interface AdvertisersNow {
  phones: number;
  fixtures: number;
  others: number;
}

export class Advertisers {
  readonly table = new KeyTable(createColumns, MAX_ADVERTISERS);

  /** Takes an advertisement heard above the gate, for one scope of its window. */
  hear(high: number, low: number, flags: number, scope: number, time: number, window: WindowState): void {
    const { table } = this;
    let slot = table.find(high, low, scope);
    if (slot < 0) slot = table.insert(high, low, scope);
    if (slot < 0) {
      advertisersOf(window, scope).untracked++;
      return;
    }
    const { columns } = table;
    columns.rank[slot] = Math.max(columns.rank[slot], rankOf(flags));
    markMinute(columns, slot, Math.floor(time / MINUTE_MS));
  }

  /** Counts who was heard in a UTC minute, and forgets who was silent in it. */
  evaluate(minute: number, window: WindowState): void {
    const { table } = this;
    const phones = window.advertisers.map(() => 0);
    // Backwards, because removing a slot moves one already seen into its place.
    for (let slot = table.size - 1; slot >= 0; slot--) {
      const { columns } = table;
      if (heardIn(columns, slot, minute, 1)) {
        const scope = columns.tag[slot];
        const counts = advertisersOf(window, scope);
        const rank = columns.rank[slot];
        if (rank === Rank.fixture) counts.fixtureMinutes++;
        else if (rank === Rank.other) counts.otherMinutes++;
        else {
          counts.phoneMinutes++;
          phones[scope] = (phones[scope] ?? 0) + 1;
        }
      } else if (columns.minute[slot] < minute) {
        table.remove(slot);
      }
    }
    phones.forEach((count, scope) => {
      const counts = advertisersOf(window, scope);
      counts.phonesMax = Math.max(counts.phonesMax, count);
    });
  }

  /** Who was heard in a minute of the last ones, in one scope. */
  heardIn(minute: number, scope: number): AdvertisersNow {
    const { columns, size } = this.table;
    const now = { phones: 0, fixtures: 0, others: 0 };
    for (let slot = 0; slot < size; slot++) {
      if (columns.tag[slot] !== scope || !heardIn(columns, slot, minute, 1)) continue;
      const rank = columns.rank[slot];
      if (rank === Rank.fixture) now.fixtures++;
      else if (rank === Rank.phone) now.phones++;
      else now.others++;
    }
    return now;
  }
}

function rankOf(flags: number): number {
  if ((flags & AdvertisementFlag.fixture) !== 0) return Rank.fixture;
  return (flags & AdvertisementFlag.phone) !== 0 ? Rank.phone : Rank.other;
}
