/** Days of a small simulated store with known truth, through the whole fold: dwell, calibration, passing people. */
import { describe, expect, it } from 'vitest';
import { InputKind, SensorFlag, SightingFlag } from '../readings.ts';
import { batchOf, HOUR, type Input, MINUTE, parametersOf } from './fold.testing.ts';
import { Fold } from './fold.ts';
import type { DayRecord, SealedWindow } from './records.ts';

const OPENS = Date.UTC(2026, 2, 2, 8);
const OPEN_MS = 11 * HOUR;
const STAY_MS = 7 * MINUTE;
const REACH_SECONDS = 20;
/** A phone sends a burst each so many seconds on average. */
const BURST_SECONDS = 40;
const PHONES_PER_PERSON = 0.8;

type Row = Omit<Input, 'after' | 'lag'> & { time: number };

interface Day {
  rows: Row[];
  people: number;
  passing: number;
  dwellMs: number;
}

/** A linear congruential generator: the same day on every machine. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function simulate(opens: number, seed: number, missedExits: number): Day {
  const next = seeded(seed);
  const exponential = (mean: number): number => -mean * Math.log(1 - next());
  const day: Day = { rows: [], people: 0, passing: 0, dwellMs: 0 };
  const phone = (from: number, to: number, rssi: number): void => {
    if (next() >= PHONES_PER_PERSON) return;
    const print = Math.floor(next() * 2 ** 31) + 1;
    for (let time = from + exponential(BURST_SECONDS * 1000); time < to; time += exponential(BURST_SECONDS * 1000)) {
      const values: [number, number, number, number] = [0, Math.floor(next() * 2 ** 31), 0, print];
      day.rows.push({
        kind: InputKind.sighting,
        sensor: 0,
        time: Math.floor(time),
        flags: SightingFlag.random,
        rssi,
        values,
      });
    }
  };
  for (let time = opens + exponential(8000); time < opens + OPEN_MS - HOUR; time += exponential(8000)) {
    day.passing++;
    if (next() > 0.15) {
      phone(time, time + REACH_SECONDS * 1000, -80);
      continue;
    }
    const left = Math.min(time + exponential(STAY_MS), opens + OPEN_MS - MINUTE);
    day.people++;
    day.dwellMs += left - time;
    // Who comes in walks past on the way, half before the visit and half after it.
    phone(time - REACH_SECONDS * 500, time, -80);
    phone(time, left, -60);
    phone(left, left + REACH_SECONDS * 500, -80);
    day.rows.push({ kind: InputKind.crossing, sensor: 1, time: Math.floor(time), values: [1, 0, 0, 0] });
    if (next() >= missedExits) {
      day.rows.push({ kind: InputKind.crossing, sensor: 1, time: Math.floor(left), values: [0, 1, 0, 0] });
    }
  }
  for (let time = opens; time < opens + OPEN_MS + 2 * HOUR; time += MINUTE) {
    for (const sensor of [0, 1, 2]) {
      day.rows.push({
        kind: InputKind.sensor,
        sensor,
        time: time + 1,
        flags: SensorFlag.up,
        values: [0, 0, MINUTE, 0],
      });
    }
  }
  return day;
}

function run(days: readonly Day[]): SealedWindow[] {
  const rows = days.flatMap((day) => day.rows).sort((one, other) => one.time - other.time);
  let before = OPENS;
  const inputs = rows.map(({ time, ...row }): Input => {
    const after = time - before;
    before = time;
    return { ...row, after, lag: 0 };
  });
  const fold = Fold.start(parametersOf({ passingSeconds: REACH_SECONDS }), OPENS);
  const batch = batchOf(inputs, OPENS);
  fold.apply(batch, 0, batch.length);
  fold.advance(before + 6 * HOUR);
  return fold.takeSealed();
}

const daysOf = (sealed: SealedWindow[]): DayRecord[] =>
  sealed.flatMap(({ records }) => records.filter((record) => record.kind === 'day'));

describe('a store day', () => {
  const days = [
    simulate(OPENS, 11, 0.03),
    simulate(OPENS + 24 * HOUR, 12, 0.03),
    simulate(OPENS + 48 * HOUR, 13, 0.03),
  ];
  const sealed = run(days);
  const records = daysOf(sealed);

  it('is settled once, half an hour after closing, with the drift told', () => {
    expect(records.map(({ date }) => date)).toEqual(['2026-03-02', '2026-03-03', '2026-03-04']);
    records.forEach((record, index) => {
      expect(record.entries).toBe(days[index].people);
      expect(record.drift).toBe(record.entries - record.exits);
      expect(record.drift).toBeGreaterThan(0);
    });
    // Three of four sensors, heard for 13 of the 24 hours between two settlements.
    for (const record of records.slice(1)) expect(record.coverage_permille).toBe(Math.round((750 * 13) / 24));
  });

  it('has a mean dwell within three standard errors of the truth, over the days within a fifth', () => {
    const errors = records.map((record, index) => {
      const truth = days[index].dwellMs / days[index].people;
      const error = Math.abs((record.dwell_ms ?? 0) - truth);
      expect(error).toBeLessThan(3 * (record.dwell_error_ms ?? 0));
      return error / truth;
    });
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.2);
  });

  it('has the exact mean dwell where the doors miss nobody', () => {
    const exact = simulate(OPENS, 21, 0);
    const [record] = daysOf(run([exact]));
    expect(record.drift).toBe(0);
    expect(Math.abs((record.dwell_ms ?? 0) - exact.dwellMs / exact.people)).toBeLessThan(2);
  });

  it('closes the drift in the revised occupancy: all who came have left, and the store is empty', () => {
    for (const [index, record] of records.entries()) {
      const windows = new Map<number, { entries: number; exits: number; at_end: number; rev: number }>();
      for (const { records: all } of sealed) {
        for (const one of all) {
          if (one.kind !== 'occupancy' || one.window > record.window) continue;
          if (index > 0 && one.window <= records[index - 1].window) continue;
          const known = windows.get(one.window);
          if (known === undefined || one.rev > known.rev) windows.set(one.window, one);
        }
      }
      const settled = [...windows.values()];
      expect(settled.reduce((sum, { exits }) => sum + exits, 0)).toBe(record.entries);
      expect(settled.at(-1)?.at_end).toBe(0);
      expect(settled.some(({ rev }) => rev === 2)).toBe(true);
    }
    const nextMorning = sealed.find(({ startMs }) => startMs === OPENS + 24 * HOUR);
    expect(nextMorning?.records.find((record) => record.kind === 'occupancy')?.at_start).toBe(0);
  });

  it('learns people per key and finds the people passing', () => {
    const passing = records.at(-1)?.passing_people ?? 0;
    // Three days of learning in an easy store; the rates of bursts are the rough part.
    expect(Math.abs(passing / days[2].passing - 1)).toBeLessThan(0.25);
    const calibrated = sealed.flatMap(({ records: all }) =>
      all.filter((record) => record.kind === 'traffic' && record.people_state === 'calibrated'),
    );
    expect(calibrated.length).toBeGreaterThan(50);
    for (const record of calibrated) {
      if (record.kind !== 'traffic' || record.people === null) continue;
      expect(record.people_low).toBeLessThanOrEqual(record.people);
      expect(record.people_high).toBeGreaterThanOrEqual(record.people);
    }
    expect(sealed[0].records.find((record) => record.kind === 'entry')).toMatchObject({ passing_people: null });
  });

  it('tells no dwell and revises nothing with a door that sees one way only', () => {
    const blind = run([simulate(OPENS, 5, 0.9)]);
    expect(daysOf(blind)[0]).toMatchObject({ dwell_ms: null, dwell_error_ms: null });
    expect(blind.some(({ records: all }) => all.some(({ rev }) => rev > 1))).toBe(false);
  });
});
