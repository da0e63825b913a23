/** The counter against people counted in a real room by the minute, in five-minute bins. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../drivers/wifi/capture-file.ts';
import { PcapDecoder } from '../../drivers/wifi/pcap.ts';
import { InputBatch, InputKind, SightingFlag } from '../readings.ts';
import { MINUTE, parametersOf, sensor } from './fold.testing.ts';
import { Fold } from './fold.ts';
import { smooth } from './smoothing.ts';

const folder = fileURLToPath(new URL('../../../shared/data/wifi-room-occupancy/', import.meta.url));
const DAYS = ['2023-02-28', '2023-04-26', '2023-12-14', '2024-04-04'];
const HOURS = { week: Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]), exceptions: {} };
/** Mean absolute error of a fingerprint count with a linear fit and a list of the installed devices, same days. */
const BASELINE = 1.73;

const BIN_MINUTES = 5;

/** Bins of five minutes with people counted in them: mean people, and distinct device keys. */
interface Bin {
  people: number;
  keys: number;
}

interface Room {
  bins: Bin[];
  /** Most fixtures known at a time. */
  fixtures: number;
  sightings: number;
}

function replayRoom(date: string): Room {
  const capture = openCapture(join(folder, `${date}.pcap`));
  const parameters = parametersOf({
    windowMinutes: 1,
    graceMs: 5000,
    hours: HOURS,
    sensors: [sensor(0, { gateDbm: -70 })],
  });
  const fold = Fold.start(parameters, capture.startMs);
  const decoder = new PcapDecoder();
  let arrival = capture.startMs;
  let ordinal = 1;
  const batch = new InputBatch(4096, ordinal);
  const flush = (): void => {
    fold.apply(batch, 0, batch.length);
    ordinal += batch.length;
    batch.clear(ordinal);
  };
  const nothing = (): void => undefined;
  for (const { timeMs, bytes } of capture.chunks) {
    arrival = timeMs;
    decoder.push(bytes, arrival, {
      advertisement: nothing,
      crossing: nothing,
      counter: nothing,
      transaction: nothing,
      sighting: ({ address, time, rssi, fingerprintHigh, fingerprintLow }) => {
        if (batch.full) flush();
        const row = batch.append(InputKind.sighting, 0, arrival, time);
        // Keyed hashing changes no count: the address stands for its own hash here.
        batch.a[row] = address.high;
        batch.b[row] = address.low;
        batch.c[row] = fingerprintHigh;
        batch.d[row] = fingerprintLow;
        batch.flags[row] = address.local ? SightingFlag.random : 0;
        batch.rssi[row] = rssi;
      },
    });
  }
  flush();
  fold.advance(arrival + 10 * MINUTE);
  const keys = new Map<number, number>();
  let fixtures = 0;
  let sightings = 0;
  for (const { startMs, records } of fold.takeSealed()) {
    for (const record of records) {
      if (record.kind !== 'traffic') continue;
      keys.set(startMs, record.present_minutes);
      fixtures = Math.max(fixtures, record.fixtures);
      sightings += record.sightings;
    }
  }
  return { bins: binsOf(date, keys), fixtures, sightings };
}

function binsOf(date: string, keys: ReadonlyMap<number, number>): Bin[] {
  const truth = new Map<number, number[]>();
  for (const line of readFileSync(join(folder, `${date}.occupancy.csv`), 'utf8')
    .trim()
    .split('\n')
    .slice(1)) {
    const [minute, people] = line.split(',');
    const time = DateTime.fromSQL(minute, { zone: 'Europe/Prague' }).toMillis();
    const bin = Math.floor(time / (BIN_MINUTES * MINUTE));
    const list = truth.get(bin) ?? [];
    list.push(Number(people));
    truth.set(bin, list);
  }
  const bins: Bin[] = [];
  for (const [bin, people] of [...truth].sort((one, other) => one[0] - other[0])) {
    // The keys of five minutes are told at their last one.
    const last = keys.get(((bin + 1) * BIN_MINUTES - 1) * MINUTE);
    if (last !== undefined) bins.push({ people: mean(people), keys: last });
  }
  return bins;
}

/** People per key, through the origin. */
function factorOf(bins: readonly Bin[]): number {
  return bins.reduce((sum, { people }) => sum + people, 0) / bins.reduce((sum, { keys }) => sum + keys, 0);
}

/** Mean absolute errors of the smoothed estimate: over all bins, and over those with people. */
function errorsOf(bins: readonly Bin[], factor: number): { all: number; occupied: number } {
  let estimate: number | null = null;
  const errors: { people: number; error: number }[] = [];
  for (const { people, keys } of bins) {
    estimate = smooth(estimate, factor * keys);
    errors.push({ people, error: Math.abs(estimate - people) });
  }
  const occupied = errors.filter(({ people }) => people > 0);
  return { all: mean(errors.map(({ error }) => error)), occupied: mean(occupied.map(({ error }) => error)) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe.skipIf(!existsSync(folder))('a room with people counted (skipped where the captures are absent)', () => {
  it('beats the published kind of counter with a factor from other days, and finds installed devices by itself', () => {
    const rooms = DAYS.map((date) => replayRoom(date));
    let sum = 0;
    let bins = 0;
    for (const room of rooms) {
      const others = rooms.filter((other) => other !== room).flatMap((other) => other.bins);
      sum += errorsOf(room.bins, factorOf(others)).all * room.bins.length;
      bins += room.bins.length;
      expect(room.sightings).toBeGreaterThan(10_000);
      expect(room.fixtures).toBeGreaterThanOrEqual(10);
    }
    expect(bins).toBeGreaterThan(500);
    expect(sum / bins).toBeLessThan(BASELINE);
  });
});
