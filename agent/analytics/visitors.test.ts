/** The day's sketch of visitors: who is in it, when it is told, and that nothing else changes. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputKind, SightingFlag } from '../readings.ts';
import { anyInputs, batchOf, HOUR, type Input, MINUTE, parametersOf, START, withBluetooth } from './fold.testing.ts';
import { Fold } from './fold.ts';
import { addHash, type Registers, storageBytes } from './hyperloglog.ts';
import type { Parameters } from './parameters.ts';
import type { DayRecord, SealedWindow, VisitorsRecord } from './records.ts';
import { addVisitor, createVisitors, uniteVisitors, visitorsRecord } from './visitors.ts';

const DAY = 24 * HOUR;
const SHARED = parametersOf({ visitors: true });
const ROUND_THE_CLOCK = { week: Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]), exceptions: {} };

function hashOf(device: number): [high: number, low: number] {
  const digest = createHash('sha1').update(`device ${device}`).digest();
  return [digest.readUInt32BE(0), digest.readUInt32BE(4)];
}

/** A probe request of a device, `after` the input before it. */
function heard(device: number, after: number, over: { rssi?: number; random?: boolean } = {}): Input {
  const { rssi = -50, random = false } = over;
  const [high, low] = hashOf(device);
  const values: Input['values'] = random ? [1, device, high, low] : [high, low, 0, 0];
  return { kind: InputKind.sighting, sensor: 0, after, lag: 0, rssi, flags: random ? SightingFlag.random : 0, values };
}

function keyed(id: number, after = 0): Input {
  return { kind: InputKind.key, sensor: 0, after, lag: 0, values: [id, 0, 0, 0] };
}

function settings(parameters: Parameters, after = 1000): Input {
  return { kind: InputKind.parameters, sensor: 0, after, lag: 0, payload: JSON.stringify(parameters) };
}

/** Devices from `first` on, one a second. */
function crowd(count: number, first = 0): Input[] {
  return numbers(count, first).map((device) => heard(device, 1000));
}

function numbers(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

function sketchOf(devices: Iterable<number>): string {
  const registers: Registers = {};
  for (const device of devices) addHash(registers, ...hashOf(device));
  return Buffer.from(storageBytes(registers)).toString('hex');
}

/** Windows of a run from `start`, up to the evening after the last input unless said otherwise. */
function seal(inputs: readonly Input[], parameters = SHARED, start = START, more = 12 * HOUR): SealedWindow[] {
  const batch = batchOf(inputs, start);
  const fold = Fold.start(parameters, start);
  fold.apply(batch, 0, batch.length);
  fold.advance(batch.at[batch.length - 1] + more);
  return fold.takeSealed();
}

function recordsOf<Kind extends 'day' | 'visitors'>(sealed: readonly SealedWindow[], kind: Kind) {
  return sealed.flatMap(({ records }) =>
    records.filter((record): record is Kind extends 'day' ? DayRecord : VisitorsRecord => record.kind === kind),
  );
}

describe('the sketch of a day', () => {
  it('has each device once, however often it visited, and nobody who passed or came when it was closed', () => {
    const sealed = seal(
      [
        keyed(7),
        heard(901, HOUR / 2),
        heard(902, 2 * HOUR, { rssi: -80 }),
        ...crowd(20),
        heard(903, 1000, { random: true }),
        heard(903, 1000, { random: true }),
        heard(0, HOUR),
        ...crowd(20),
      ],
      SHARED,
      START - HOUR,
    );
    const [record, ...more] = recordsOf(sealed, 'visitors');
    const [day] = recordsOf(sealed, 'day');
    expect(more).toEqual([]);
    const { store, rev, window, start_ms, end_ms, parameters, date } = day;
    expect(record).toEqual({
      ...{ kind: 'visitors', place: 'store', store, rev, window, start_ms, end_ms, parameters, date },
      ...{ log2m: 12, regwidth: 5, sketch: sketchOf([...numbers(20), 903]) },
      ...{ estimate: 21, keys: 1, visits: day.visits, random_share: 0.024 },
    });
    expect(day).toMatchObject({ visits: 41, passers_by: 1, date: '2026-03-02' });
  });

  it('has no device that was known as a fixture before', () => {
    const night = numbers(4).map(() => heard(900, 6 * MINUTE));
    const sealed = seal([keyed(7), ...night, heard(900, 2 * HOUR), ...crowd(12)], SHARED, START - 2 * HOUR);
    expect(recordsOf(sealed, 'visitors')).toMatchObject([{ sketch: sketchOf(numbers(12)), visits: 12 }]);
    const [without] = recordsOf(
      seal([keyed(7), heard(900, 2.5 * HOUR), ...crowd(12)], SHARED, START - 2 * HOUR),
      'visitors',
    );
    expect(without).toMatchObject({ sketch: sketchOf([...numbers(12), 900]), visits: 13 });
  });

  it('counts a device once in a store of several zones', () => {
    const { sensors } = SHARED;
    const zones = { ...SHARED, sensors: [...sensors, { ...sensors[0], index: 4, id: 'back', place: 'back' }] };
    const both = crowd(15).flatMap((input) => [input, { ...input, sensor: 4 }]);
    expect(recordsOf(seal([keyed(7), ...both], zones), 'visitors')).toMatchObject([
      { sketch: sketchOf(numbers(15)), visits: 15 },
    ]);
  });

  it('begins anew with each settlement; a device comes to the day in which its visit starts', () => {
    const parameters = { ...SHARED, hours: ROUND_THE_CLOCK };
    // Settled at 04:00 in Prague, when the key changes too; sealed a grace later.
    const fourOClock = Date.UTC(2026, 2, 3, 3);
    const inputs = [keyed(7), ...crowd(30), keyed(8, 30_000), ...crowd(11, 100)];
    const records = recordsOf(seal(inputs, parameters, fourOClock - 60_000, 26 * HOUR), 'visitors');
    expect(records.map(({ date, estimate, keys, sketch }) => ({ date, estimate, keys, sketch }))).toEqual([
      { date: '2026-03-02', estimate: 30, keys: 1, sketch: sketchOf(numbers(30)) },
      { date: '2026-03-03', estimate: 11, keys: 1, sketch: sketchOf(numbers(11, 100)) },
    ]);
  });

  it('tells that a key was lost in the course of it', () => {
    const inputs = [keyed(7), ...crowd(30), keyed(8, MINUTE), keyed(7), ...crowd(5, 100), keyed(9), ...crowd(5, 200)];
    expect(recordsOf(seal(inputs), 'visitors')).toMatchObject([{ keys: 2, estimate: 40, visits: 40 }]);
  });
});

describe('a sketch', () => {
  const visitors = (count: number, keys: readonly number[]) => {
    const state = createVisitors();
    for (const device of numbers(count)) {
      const [high, low] = hashOf(device);
      addVisitor(state, { high, low, key: keys[device % keys.length], lasting: true });
    }
    return state;
  };
  const [day] = recordsOf(seal([keyed(7)]), 'day');

  it.each([
    [0, [1], false],
    [9, [1], false],
    [10, [1], true],
    [19, [1, 2], false],
    [20, [1, 2], true],
  ])('of %i devices under the keys %j is told: %s', (count, keys, told) => {
    const record = visitorsRecord(day, visitors(count, keys));
    expect(record.estimate).toBe(count);
    expect(record.sketch).toBe(told ? sketchOf(numbers(count)) : null);
    expect(record.random_share).toBe(count === 0 ? null : 0);
  });

  it('of one device that comes back under many keys is not told', () => {
    const state = createVisitors();
    for (const device of numbers(40)) {
      const [high, low] = hashOf(device);
      addVisitor(state, { high, low, key: 100 - device, lasting: true });
    }
    expect(visitorsRecord(day, state)).toMatchObject({ sketch: null, keys: 40 });
    expect(state.keys).toEqual(numbers(40, 61));
  });

  it('of several windows is that of all visits at once, in any order', () => {
    const whole = visitors(50, [1, 2]);
    const parts = [visitors(30, [2, 1]), visitors(50, [1, 2])];
    for (const order of [parts, [...parts].reverse()]) {
      const united = createVisitors();
      for (const part of order) uniteVisitors(united, part);
      expect(united).toEqual({ ...whole, visits: 80 });
    }
  });
});

describe('sharing', () => {
  it('is off by default, and then leaves no trace', () => {
    const fold = Fold.start(parametersOf(), START);
    const batch = batchOf([keyed(7), ...crowd(20)], START);
    fold.apply(batch, 0, batch.length);
    fold.advance(START + HOUR);
    expect(Buffer.from(fold.snapshot()).includes('visitors')).toBe(false);
    fold.advance(START + 12 * HOUR);
    const sealed = fold.takeSealed();
    expect(recordsOf(sealed, 'day')).toHaveLength(1);
    expect(recordsOf(sealed, 'visitors')).toEqual([]);
  });

  it('that is switched on in the course of a day tells of the rest of it, and off of none', () => {
    const on = [settings(SHARED), ...crowd(20), heard(0, HOUR), ...crowd(12, 100)];
    expect(recordsOf(seal([keyed(7), ...on], parametersOf()), 'visitors')).toMatchObject([
      { sketch: sketchOf([0, ...numbers(12, 100)]), visits: 13 },
    ]);
    const off = [...crowd(20), settings(parametersOf()), heard(0, HOUR)];
    expect(recordsOf(seal([keyed(7), ...off]), 'visitors')).toEqual([]);
  });

  it('tells nothing where no Wi-Fi is heard', () => {
    const { sensors } = SHARED;
    expect(recordsOf(seal([keyed(7)], { ...SHARED, sensors: sensors.slice(1) }), 'visitors')).toEqual([]);
  });
});

/** Inputs of the laws with hashes like real ones, under parameters that share the visitors, or some that do not. */
const sharing = fc.tuple(anyInputs, fc.boolean()).map(([inputs, always]) =>
  inputs.map((input): Input => {
    if (input.kind === InputKind.parameters) {
      const parameters = JSON.parse(input.payload ?? '') as Parameters;
      return settings(
        { ...parameters, ...((always || parameters.windowMinutes > 10) && { visitors: true }) },
        input.after,
      );
    }
    if (input.kind !== InputKind.sighting || input.values === undefined) return input;
    const [, device, , print] = input.values;
    return { ...input, values: [...hashOf(device), ...(print === 0 ? ([0, 0] as const) : hashOf(1000 + print))] };
  }),
);
const SHARED_BLUETOOTH: Parameters = { ...withBluetooth(), visitors: true };

describe('the laws of the fold, with sharing', () => {
  it('hold: a replay in any cut, with a snapshot restored at any cut, equals the run', () => {
    let told = 0;
    fc.assert(
      fc.property(sharing, fc.array(fc.nat(120), { maxLength: 6 }), (inputs, cuts) => {
        const batch = batchOf(inputs, START);
        const end = batch.at[batch.length - 1] + DAY;
        const whole = Fold.start(SHARED_BLUETOOTH, START);
        whole.apply(batch, 0, batch.length);
        whole.advance(end);
        let fold = Fold.start(SHARED_BLUETOOTH, START);
        const sealed: SealedWindow[] = [];
        for (const cut of [...cuts, batch.length].map((at) => Math.min(at, batch.length)).sort((a, b) => a - b)) {
          fold.apply(batch, 0, cut);
          sealed.push(...fold.takeSealed());
          fold = Fold.restore(fold.snapshot());
        }
        fold.advance(end);
        sealed.push(...fold.takeSealed());
        expect(sealed).toEqual(whole.takeSealed());
        expect(Buffer.from(fold.snapshot()).equals(whole.snapshot())).toBe(true);
        told += recordsOf(sealed, 'visitors').filter(({ visits }) => visits > 0).length;
      }),
      { numRuns: 60 },
    );
    expect(told).toBeGreaterThan(0);
  });

  it('hold: it adds its record and changes no other', () => {
    let added = 0;
    fc.assert(
      fc.property(sharing, (inputs) => {
        const without = inputs.map((input) => {
          if (input.kind !== InputKind.parameters) return input;
          const { visitors: _visitors, ...rest } = JSON.parse(input.payload ?? '') as Parameters;
          return settings(rest, input.after);
        });
        const shared = seal(inputs, SHARED_BLUETOOTH, START, DAY);
        const kept = shared.map((window) => ({
          ...window,
          records: window.records.filter(({ kind }) => kind !== 'visitors'),
        }));
        expect(kept).toEqual(seal(without, withBluetooth(), START, DAY));
        const days = recordsOf(shared, 'day');
        const always = inputs.every(({ kind }) => kind !== InputKind.parameters);
        for (const record of recordsOf(shared, 'visitors')) {
          const day = days.find(({ date }) => date === record.date);
          expect(record.visits).toBeLessThanOrEqual(day?.visits ?? -1);
          if (always) expect(record.visits).toBe(day?.visits);
          expect(record.estimate).toBeLessThanOrEqual(record.visits);
          added++;
        }
      }),
      { numRuns: 60 },
    );
    expect(added).toBeGreaterThan(0);
  });
});
