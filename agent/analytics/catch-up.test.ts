import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputKind, SensorFlag } from '../readings.ts';
import { shareOut } from './catch-up.ts';
import { batchOf, HOUR, type Input, MINUTE, parametersOf } from './fold.testing.ts';
import { Fold } from './fold.ts';
import type { SealedWindow, WindowRecord } from './records.ts';

/** A Monday at ten in Prague, an hour into opening hours, at the start of a window. */
const TEN = Date.UTC(2026, 2, 2, 9, 0);

describe('the shares of a silence', () => {
  it('hold everybody once, in order and within the silence, one of them for all that is sealed', () => {
    const people = fc.nat(1000);
    fc.assert(
      fc.property(
        people,
        people,
        fc.integer({ min: 60_001, max: 90 * MINUTE }),
        fc.nat(95),
        (entered, left, ms, open) => {
          const [from, start] = [TEN + 1234, TEN + open * MINUTE];
          const shares = shareOut(from, from + ms, start, entered, left);
          expect(shares.reduce((sum, share) => sum + share.entered, 0)).toBe(entered);
          expect(shares.reduce((sum, share) => sum + share.left, 0)).toBe(left);
          const times = shares.map(({ time }) => time);
          expect(times).toEqual([...times].sort((one, other) => one - other));
          expect(times.every((time) => time >= from && time <= from + ms)).toBe(true);
          expect(times.filter((time) => time < start).length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('are even', () => {
    const minutes = shareOut(TEN, TEN + 10 * MINUTE, TEN, 300, 10);
    expect(minutes).toHaveLength(10);
    expect(minutes.every(({ entered, left }) => entered === 30 && left === 1)).toBe(true);
  });
});

/** A counter's totals at minutes after TEN. */
type Told = [minute: number, entered: number, left: number, sensor?: number];

/** Counters that report, and every sensor covered all the time but in the silence from `silent` on. */
function run(told: readonly Told[], until: number, silent = Infinity): { sealed: SealedWindow[]; fold: Fold } {
  const rows: (Partial<Input> & { minute: number })[] = told.map(([minute, entered, left, sensor = 1]) => ({
    minute,
    kind: InputKind.counter,
    sensor,
    values: [entered, left, 7, 32],
  }));
  const last = Math.max(...told.map(([minute]) => minute));
  for (let minute = 1; minute <= until; minute++) {
    for (const sensor of [0, 1, 2]) {
      if (sensor > 0 && minute > silent && minute <= last) continue;
      rows.push({
        minute: minute - 1 / MINUTE,
        kind: InputKind.sensor,
        sensor,
        flags: SensorFlag.up,
        values: [0, 0, MINUTE, 0],
      });
    }
    const values: [number, number, number, number] = [0, 0, 0, 5];
    rows.push({ minute: minute - 0.5, kind: InputKind.sighting, sensor: 0, flags: 1, rssi: -60, values });
  }
  rows.sort((one, other) => one.minute - other.minute);
  let before = 0;
  const inputs = rows.map(({ minute, ...row }): Input => {
    const after = Math.round(minute * MINUTE) - before;
    before += after;
    return { kind: InputKind.tick, sensor: 0, lag: 0, ...row, after };
  });
  const fold = Fold.start(parametersOf(), TEN);
  const batch = batchOf(inputs, TEN);
  fold.apply(batch, 0, batch.length);
  fold.advance(TEN + until * MINUTE);
  return { sealed: fold.takeSealed(), fold };
}

function recordsOf<Kind extends WindowRecord['kind']>(sealed: SealedWindow[], kind: Kind) {
  return sealed.flatMap(({ records }) =>
    records.filter((record): record is Extract<WindowRecord, { kind: Kind }> => record.kind === kind),
  );
}

const mainDoor = (sealed: SealedWindow[]) => recordsOf(sealed, 'door').filter(({ place }) => place === 'main');

describe('300 people who are caught up', () => {
  // The store has 20 people inside, is not heard from 10:05 to 12:04, and has 30 inside then.
  const told: Told[] = [
    [0, 0, 0],
    [1, 20, 0],
    [5, 20, 0],
    [124, 320, 290],
    [125, 321, 290],
  ];
  const { sealed } = run(told, 140, 5);
  const caughtUp = mainDoor(sealed)[8];

  it('are told as one interval, with its start', () => {
    expect(caughtUp).toMatchObject({ entries: 301, exits: 290, catch_up_entries: 300, catch_up_exits: 290 });
    expect(caughtUp.catch_up_from_ms).toBe(TEN + 5 * MINUTE);
    const others = mainDoor(sealed).filter((record) => record !== caughtUp);
    expect(others.every(({ catch_up_from_ms: from }) => from === null)).toBe(true);
  });

  it('are no crowd: the occupancy goes from what it was to what it is', () => {
    const occupancy = recordsOf(sealed, 'occupancy').map(({ at_start, at_end, min, max }) => [
      at_start,
      at_end,
      min,
      max,
    ]);
    expect(occupancy[0]).toEqual([0, 20, 0, 20]);
    expect(occupancy.slice(1, 8)).toEqual(new Array(7).fill([20, 20, 20, 20]));
    expect(occupancy[8]).toEqual([20, 31, 20, 31]);
    const window = recordsOf(sealed, 'occupancy')[8];
    expect(window.occupancy_ms).toBeGreaterThanOrEqual(20 * 15 * MINUTE);
    expect(window.occupancy_ms).toBeLessThanOrEqual(31 * 15 * MINUTE);
  });

  it('are no crowd either where two doors are heard again one after the other', () => {
    const oneWay: Told[] = [
      [0, 0, 0],
      [0, 0, 0, 2],
      [1, 20, 0],
      [1, 0, 0, 2],
      // The door `side` looks the other way round.
      [124, 320, 0],
      [124.5, 290, 0, 2],
    ];
    const both = recordsOf(run(oneWay, 140, 1).sealed, 'occupancy')[8];
    expect(both).toMatchObject({ at_start: 20, at_end: 30, min: 20 });
    expect(both.max).toBeLessThan(35);
  });

  it('are not inside where they left by a door that was heard', () => {
    // One door for the way in, one for the way out: in from 10:01 to 11:00 unheard, out heard all the time.
    const told: Told[] = [
      [0, 0, 0],
      [0, 0, 0, 2],
      [1, 20, 0],
    ];
    for (let minute = 2; minute <= 121; minute++) told.push([minute, Math.floor(minute * 2.25), 0, 2]);
    told.push([122, 310, 0], [123, 311, 0], [130, 272, 0, 2]);
    const { sealed: oneWay } = run(told, 160, 1);
    const occupancy = recordsOf(oneWay, 'occupancy').filter(({ rev }) => rev === 1);
    expect(occupancy.slice(1, 8).map(({ at_end }) => at_end)).toEqual(new Array(7).fill(0));
    expect(occupancy[8]).toMatchObject({ at_start: 0, at_end: 311 - 272 });
    expect(occupancy[8].max).toBeLessThan(50);
    expect(occupancy[9]).toMatchObject({ at_start: 39, at_end: 39, already_left: 0 });
    expect(
      occupancy.every(
        ({ at_end, at_start, entries, exits, already_left }) =>
          at_end === Math.max(0, at_start + entries - exits - already_left),
      ),
    ).toBe(true);
  });

  it('teach nothing, nor do the windows in which they came', () => {
    // With every window heard well, as by a sensor whose line is up: 124 minutes with people would teach.
    const state = (silent: number, steps: Told[]) => {
      const { fold } = run(steps, 140, silent);
      const body = Buffer.from(fold.snapshot());
      const json = JSON.parse(body.subarray(12, 12 + body.readUInt32LE(8)).toString());
      return json.state.day.windows.map(({ evidence }: { evidence: unknown }) => evidence !== null);
    };
    expect(state(Infinity, told)).toEqual(new Array(9).fill(false));
    const heard = Array.from({ length: 139 }, (_, minute): Told => [minute, 20 + minute, minute]);
    expect(state(Infinity, heard)).toEqual(new Array(9).fill(true));
  });

  it('keep the mean dwell of the day', () => {
    // One comes and one leaves each minute, and everybody stays for half an hour: 30 inside.
    const minutes = Array.from({ length: 600 }, (_, minute) => minute);
    const day = (heard: (minute: number) => boolean) => {
      const steps = minutes
        .filter(heard)
        .map((minute): Told => [minute, Math.min(minute, 560), Math.max(0, Math.min(minute - 30, 560))]);
      return recordsOf(run(steps, 16 * 60).sealed, 'day')[0];
    };
    const whole = day(() => true);
    expect(whole).toMatchObject({ entries: 560, exits: 560, dwell_ms: 30 * MINUTE });
    // Silent while the store fills, while it is full, and while it empties.
    for (const [from, to] of [
      [2, 100],
      [200, 320],
      [500, 598],
    ]) {
      const silent = day((minute) => minute <= from || minute >= to);
      expect(silent).toMatchObject({ entries: 560, exits: 560 });
      expect(Math.abs((silent.dwell_ms ?? 0) / whole.dwell_ms! - 1)).toBeLessThan(0.1);
    }
  });

  it('are two days: what came before the last settlement adds no time to this one', () => {
    const steps: Told[] = [
      [0, 0, 0],
      [1, 20, 0],
      [24 * 60, 320, 290],
      [24 * 60 + 30, 321, 321],
    ];
    const { sealed: days } = run(steps, 40 * 60, 1);
    const second = recordsOf(days, 'day')[1];
    expect(second).toMatchObject({ entries: 301, exits: 321 });
    // From the start of the oldest window that was open then, a quarter to ten, to midnight.
    expect(second.entry_ms).toBeLessThanOrEqual(301 * 14.25 * HOUR);
  });
});
