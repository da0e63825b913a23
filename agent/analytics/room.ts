/** Replays the captures of a room with people counted by the minute, for tests of the counter's accuracy. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DateTime } from 'luxon';
import { openCapture } from '../../drivers/wifi/capture-file.ts';
import { PcapDecoder } from '../../drivers/wifi/pcap.ts';
import { InputBatch, InputKind, SightingFlag } from '../readings.ts';
import { Fold } from './fold.ts';
import { MINUTE, parametersOf, sensor } from './fold-inputs.ts';
import type { OpeningHours } from './parameters.ts';
import { smooth } from './smoothing.ts';

const BIN_MINUTES = 5;

/** Bins of five minutes with people counted in them: mean people, and distinct device keys. */
export interface Bin {
  people: number;
  keys: number;
}

export interface Room {
  bins: Bin[];
  /** Most fixtures known at a time. */
  fixtures: number;
  sightings: number;
}

/** @param folder of the captures; `hours` outside which the night rule finds installed devices. */
export function replayRoom(folder: string, date: string, hours: OpeningHours): Room {
  const capture = openCapture(join(folder, `${date}.pcap`));
  const parameters = parametersOf({ windowMinutes: 1, graceMs: 5000, hours, sensors: [sensor(0, { gateDbm: -70 })] });
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
  return { bins: binsOf(folder, date, keys), fixtures, sightings };
}

function binsOf(folder: string, date: string, keys: ReadonlyMap<number, number>): Bin[] {
  const truth = new Map<number, number[]>();
  for (const line of readFileSync(join(folder, `${date}.occupancy.csv`), 'utf8').trim().split('\n').slice(1)) {
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
export function factorOf(bins: readonly Bin[]): number {
  return bins.reduce((sum, { people }) => sum + people, 0) / bins.reduce((sum, { keys }) => sum + keys, 0);
}

/** Mean absolute errors of the smoothed estimate: over all bins, and over those with people. */
export function errorsOf(bins: readonly Bin[], factor: number): { all: number; occupied: number } {
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
