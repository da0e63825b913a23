/** The laws that make a replay equal the run: property tests over rows of all kinds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputBatch } from '../readings.ts';
import { InputKind } from '../readings.ts';
import { type CounterState, counterDifference } from './doors.ts';
import { anyInputs, batchOf, HOUR, type Input, START, withBluetooth } from './fold.testing.ts';
import { Fold } from './fold.ts';
import type { SealedWindow, WindowRecord } from './records.ts';

const RUNS = { numRuns: 150 };
const DAY = 24 * HOUR;

interface Outcome {
  sealed: SealedWindow[];
  bytes: string;
}

function finish(fold: Fold, sealed: SealedWindow[], until: number): Outcome {
  fold.advance(until);
  sealed.push(...fold.takeSealed());
  return { sealed, bytes: Buffer.from(fold.snapshot()).toString('base64') };
}

function run(batch: InputBatch, until: number): Outcome {
  const fold = Fold.start(withBluetooth(), START);
  fold.apply(batch, 0, batch.length);
  return finish(fold, [], until);
}

const endOf = (batch: InputBatch): number => batch.at[batch.length - 1] + DAY;

function recordsOf<Kind extends WindowRecord['kind']>(sealed: SealedWindow[], kind: Kind) {
  return sealed.flatMap(({ records }) =>
    records.filter(
      (record): record is Extract<WindowRecord, { kind: Kind }> => record.kind === kind && record.rev === 1,
    ),
  );
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

describe('time', () => {
  it('advance(t1) then advance(t2) equals advance(t2)', () => {
    fc.assert(
      fc.property(anyInputs, fc.array(fc.integer({ min: 0, max: DAY }), { maxLength: 8 }), (inputs, steps) => {
        const batch = batchOf(inputs, START);
        const last = batch.at[batch.length - 1];
        const stepped = Fold.start(withBluetooth(), START);
        stepped.apply(batch, 0, batch.length);
        for (const step of [...steps].sort((one, other) => one - other)) stepped.advance(last + step);
        expect(finish(stepped, [], last + DAY)).toEqual(run(batch, last + DAY));
      }),
      RUNS,
    );
  });

  it('ticks between rows change nothing', () => {
    fc.assert(
      fc.property(
        anyInputs,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 120 }),
        (inputs, parts) => {
          const batch = batchOf(inputs, START);
          const ticked = Fold.start(withBluetooth(), START);
          const sealed: SealedWindow[] = [];
          for (let row = 0; row < batch.length; row++) {
            const gap = batch.at[row] - ticked.at;
            ticked.advance(ticked.at + Math.floor(gap * (parts[row] ?? 0)));
            sealed.push(...ticked.takeSealed());
            ticked.apply(batch, row, row + 1);
          }
          expect(finish(ticked, sealed, endOf(batch))).toEqual(run(batch, endOf(batch)));
        },
      ),
      RUNS,
    );
  });
});

describe('replay', () => {
  it('equals in any cut, with a snapshot restored at any cut, with rows told twice', () => {
    fc.assert(
      fc.property(anyInputs, fc.array(fc.nat(120), { maxLength: 6 }), fc.boolean(), (inputs, cuts, twice) => {
        const batch = batchOf(inputs, START);
        let fold = Fold.start(withBluetooth(), START);
        const sealed: SealedWindow[] = [];
        let from = 0;
        for (const cut of [...cuts, batch.length].map((at) => Math.min(at, batch.length)).sort((a, b) => a - b)) {
          fold.apply(batch, twice ? 0 : from, cut);
          from = cut;
          sealed.push(...fold.takeSealed());
          const restored = Fold.restore(fold.snapshot());
          expect(restored.live()).toEqual(fold.live());
          fold = restored;
        }
        expect(finish(fold, sealed, endOf(batch))).toEqual(run(batch, endOf(batch)));
      }),
      RUNS,
    );
  });

  it('does not depend on the order of the device table', () => {
    fc.assert(
      fc.property(anyInputs, fc.integer({ min: 1, max: 2 ** 31 }), (inputs, spread) => {
        const relabelled = inputs.map((input): Input => {
          const keyed = input.kind === InputKind.sighting || input.kind === InputKind.advertisement;
          if (!keyed || input.values === undefined) return input;
          const [a, b, c, d] = input.values;
          // Another key for each device, so that all of them lie and collide elsewhere; no fingerprint stays none.
          const other = (value: number): number => Math.imul(value, 2 * spread + 1) >>> 0;
          return { ...input, values: [a, other(b), c, other(d)] };
        });
        const until = endOf(batchOf(inputs, START));
        expect(run(batchOf(relabelled, START), until).sealed).toEqual(run(batchOf(inputs, START), until).sealed);
      }),
      RUNS,
    );
  });

  it('stays exact over jumps of time and the windows they skip', () => {
    fc.assert(
      fc.property(
        anyInputs,
        fc.integer({ min: 2 * DAY + 1, max: 40 * DAY }),
        anyInputs,
        fc.nat(120),
        (one, jump, two, cut) => {
          const inputs = [...one, { kind: InputKind.tick, sensor: 0, after: jump, lag: 0 }, ...two];
          const batch = batchOf(inputs, START);
          const whole = run(batch, endOf(batch));
          const first = Fold.start(withBluetooth(), START);
          const at = Math.min(cut, batch.length);
          first.apply(batch, 0, at);
          const sealed = first.takeSealed();
          const second = Fold.restore(first.snapshot());
          second.apply(batch, at, batch.length);
          expect(finish(second, sealed, endOf(batch))).toEqual(whole);
          whole.sealed.forEach((window, index) => {
            expect(window.ordinal).toBe(index + 1);
            const before = whole.sealed[index - 1];
            if (before !== undefined && window.skipped === 0) expect(window.startMs).toBe(before.endMs);
            else if (before !== undefined) expect(window.startMs).toBeGreaterThan(before.endMs);
          });
          expect(whole.sealed.some(({ skipped }) => skipped > 0)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('conservation', () => {
  it('counts every sighting and every person once', () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const batch = batchOf(inputs, START);
        const { sealed } = run(batch, endOf(batch));
        const traffic = recordsOf(sealed, 'traffic').map(({ sightings }) => sightings);
        expect(sum(traffic)).toBe(known(inputs, InputKind.sighting, 0));
        // The record of the store holds what those of its zones do.
        const zones = recordsOf(sealed, 'ble').filter(({ place }) => place !== 'store');
        expect(sum(zones.map(({ advertisements }) => advertisements))).toBe(known(inputs, InputKind.advertisement, 5));
        const people = expectedPeople(inputs, batch);
        const doors = recordsOf(sealed, 'door');
        const main = doors.filter(({ place }) => place === 'main');
        expect(sum(main.map(({ entries }) => entries))).toBe(people.main.entries);
        expect(sum(main.map(({ exits }) => exits))).toBe(people.main.exits);
        expect(sum(main.map(({ set_aside }) => set_aside))).toBe(people.main.setAside);
        const side = doors.filter(({ place }) => place === 'side');
        expect(sum(side.map(({ entries }) => entries))).toBe(people.side.entries);
        expect(sum(side.map(({ exits }) => exits))).toBe(people.side.exits);
        expect(sum(side.map(({ set_aside }) => set_aside))).toBe(people.side.setAside);
        const sales = inputs.filter(({ kind }) => kind === InputKind.transaction).map(({ values }) => values?.[0] ?? 0);
        expect(sum(recordsOf(sealed, 'entry').map(({ transactions }) => transactions ?? 0))).toBe(sum(sales));
      }),
      RUNS,
    );
  });

  it('keeps occupancy, dwell and encounters consistent', () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const batch = batchOf(inputs, START);
        const { sealed } = run(batch, endOf(batch));
        for (const { records } of sealed) {
          const flows = records.filter((record) => record.kind === 'occupancy');
          for (const record of flows) {
            expect(record.at_end).toBe(
              Math.max(0, record.at_start + record.entries - record.exits - record.already_left),
            );
            expect(record.min).toBeLessThanOrEqual(Math.min(record.at_start, record.at_end));
            expect(record.max).toBeGreaterThanOrEqual(Math.max(record.at_start, record.at_end));
          }
          const doors = records.filter((record) => record.kind === 'door');
          for (const door of doors) {
            expect(door.catch_up_entries).toBeLessThanOrEqual(door.entries);
            expect(door.catch_up_from_ms !== null).toBe(door.catch_up_entries + door.catch_up_exits > 0);
          }
          for (const ble of records.filter((record) => record.kind === 'ble')) {
            expect(ble.phone_minutes).toBeLessThanOrEqual(ble.phones_max * ble.open_minutes);
            expect(ble.late_advertisements).toBeLessThanOrEqual(ble.advertisements);
          }
          expect(flows[0].entries).toBe(sum(doors.map(({ entries }) => entries)));
          expect(flows[0].exits).toBe(sum(doors.map(({ exits }) => exits)));
          for (const record of records.filter((one) => one.kind === 'dwell')) {
            expect(sum(record.histogram.map(([, count]) => count))).toBe(record.visits);
            expect(record.bounced + record.engaged).toBeLessThanOrEqual(record.visits);
          }
        }
        const visits = sum(recordsOf(sealed, 'entry').map((record) => record.visits));
        const ended = sum(
          recordsOf(sealed, 'dwell').map((record) => record.visits + record.heard_once + record.censored),
        );
        if (!inputs.some(({ kind }) => kind === InputKind.parameters)) expect(ended).toBeLessThanOrEqual(visits);
        const days = recordsOf(sealed, 'day').map(({ date }) => date);
        expect(new Set(days).size).toBe(days.length);
        expect([...days].sort()).toEqual(days);
      }),
      RUNS,
    );
  });
});

/** Readings of sensors that are known when they come: those of the second zone only after parameters that name it. */
function known(inputs: readonly Input[], reading: InputKind, first: number): number {
  let second = false;
  let count = 0;
  for (const { kind, sensor, payload } of inputs) {
    if (kind === InputKind.parameters) second = payload?.includes('"back"') ?? false;
    if (kind === reading && (sensor === first || second)) count++;
  }
  return count;
}

/** What the doors let through, worked out from the rows alone; the door `side` looks the other way round. */
function expectedPeople(inputs: readonly Input[], batch: InputBatch) {
  const main = { entries: 0, exits: 0, setAside: 0 };
  const side = { entries: 0, exits: 0, setAside: 0 };
  const last: Record<number, CounterState> = {};
  inputs.forEach(({ kind, sensor, values = [0, 0, 0, 0] }, row) => {
    const [entered, left, boot, width] = values;
    const [door, into, out] =
      sensor === 1 ? ([main, 'entries', 'exits'] as const) : ([side, 'exits', 'entries'] as const);
    if (kind === InputKind.crossing) {
      door[into] += entered;
      door[out] += left;
    } else if (kind === InputKind.counter) {
      const now = { entered, left, boot, width, driver: 'test', time: batch.time[row] };
      const difference = counterDifference(last[sensor], now);
      if (difference === null) return;
      door[into] += difference.entered;
      door[out] += difference.left;
      door.setAside += difference.setAside;
      last[sensor] = { ...now, time: Math.max(now.time, last[sensor]?.time ?? 0) };
    }
  });
  return { main, side };
}
