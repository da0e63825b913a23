/** Inputs for tests of the fold: parameters of a small store, and rows as fast-check draws them. */
import fc from 'fast-check';
import {
  AdvertisementFlag,
  CLOCK_TRUST,
  type ClockChange,
  type ClockTrust,
  InputBatch,
  InputKind,
  KeyFlag,
  SensorFlag,
  SightingFlag,
} from '../readings.ts';
import type { Parameters, SensorParameters } from './parameters.ts';

/** A Monday, 2026-03-02T08:07:30Z. */
export const START = Date.UTC(2026, 2, 2, 8, 7, 30);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export function sensor(index: number, over: Partial<SensorParameters> = {}): SensorParameters {
  return { index, id: `s${index}`, driver: 'test', role: 'zone', place: 'floor', gateDbm: -70, swap: false, ...over };
}

export function parametersOf(over: Partial<Parameters> = {}): Parameters {
  return {
    id: 'p1',
    store: 'store-1',
    timeZone: 'Europe/Prague',
    hours: { week: Array.from({ length: 7 }, () => [[9 * 60, 20 * 60]]), exceptions: {} },
    windowMinutes: 15,
    graceMs: 90_000,
    visitGapMs: 5 * MINUTE,
    passingSeconds: 20,
    sensors: [
      sensor(0),
      sensor(1, { role: 'door', place: 'main' }),
      sensor(2, { role: 'door', place: 'side', swap: true }),
      sensor(3, { role: 'transactions', place: 'till' }),
    ],
    ...over,
  };
}

/** The same store with a Bluetooth sensor in its zone. */
export function withBluetooth(): Parameters {
  return parametersOf({ sensors: [...parametersOf().sensors, sensor(5, { driver: 'ble-test' })] });
}

/** One input before it has an ordinal. */
export interface Input {
  kind: InputKind;
  sensor: number;
  /** Milliseconds since the input before it, and how far back its own time lies. */
  after: number;
  lag: number;
  flags?: number;
  rssi?: number;
  channel?: number;
  values?: [number, number, number, number];
  payload?: string;
}

/** Rows of `inputs` in one batch, time starting at `start`; behind a correction they come in corrected time. */
export function batchOf(inputs: readonly Input[], start: number, firstOrdinal = 1): InputBatch {
  const batch = new InputBatch(Math.max(1, inputs.length), firstOrdinal);
  let at = start;
  for (const input of inputs) {
    at += input.after;
    const row = batch.append(input.kind, input.sensor, at, at - input.lag);
    batch.flags[row] = input.flags ?? 0;
    batch.rssi[row] = input.rssi ?? 0;
    batch.channel[row] = input.channel ?? 0;
    const [a, b, c, d] = input.values ?? [0, 0, 0, 0];
    batch.a[row] = a;
    batch.b[row] = b;
    batch.c[row] = c;
    batch.d[row] = d;
    if (input.payload !== undefined) batch.payloads.set(row, input.payload);
    if (input.kind === InputKind.clock) at += changeOf(input)?.delta_ms ?? 0;
  }
  return batch;
}

/** A correction of time, or only a word on the trust in the clock. */
export function clockInput(trust: ClockTrust, change: ClockChange | null = null, after = 0): Input {
  const payload = change === null ? {} : { payload: JSON.stringify(change) };
  return { kind: InputKind.clock, sensor: 0, after, lag: 0, flags: CLOCK_TRUST.indexOf(trust), ...payload };
}

/** What a clock row corrects; null for other rows. */
export function changeOf({ kind, payload }: Input): ClockChange | null {
  return kind === InputKind.clock && payload !== undefined ? (JSON.parse(payload) as ClockChange) : null;
}

const after = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 5000 }) },
  { weight: 6, arbitrary: fc.integer({ min: 5000, max: 3 * MINUTE }) },
  { weight: 2, arbitrary: fc.integer({ min: 3 * MINUTE, max: 3 * HOUR }) },
  { weight: 1, arbitrary: fc.integer({ min: 3 * HOUR, max: 30 * HOUR }) },
);
const lag = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 90_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: HOUR }) },
);
const key = fc.integer({ min: 1, max: 6 });
const person = fc.integer({ min: 0, max: 3 });

export const sightingInput: fc.Arbitrary<Input> = fc
  .tuple(
    after,
    lag,
    key,
    fc.integer({ min: 0, max: 3 }),
    fc.boolean(),
    fc.integer({ min: -90, max: -50 }),
    fc.constantFrom(0, 4),
  )
  .map(([gap, back, device, print, random, rssi, index]) => ({
    kind: InputKind.sighting,
    sensor: index,
    after: gap,
    lag: back,
    flags: random ? SightingFlag.random : 0,
    rssi,
    values: [0, device, 0, print],
  }));

const peopleInput: fc.Arbitrary<Input> = fc
  .tuple(after, lag, person, person, fc.constantFrom(1, 2))
  .map(([gap, back, a, b, index]) => ({
    kind: InputKind.crossing,
    sensor: index,
    after: gap,
    lag: back,
    values: [a, b, 0, 0],
  }));

const total = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 255 }));

const counterInput: fc.Arbitrary<Input> = fc
  .tuple(
    after,
    lag,
    total,
    total,
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom(1, 1, 2),
    fc.constantFrom(8, 8, 8, 16),
  )
  .map(([gap, back, a, b, boot, index, width]) => ({
    kind: InputKind.counter,
    sensor: index,
    after: gap,
    lag: back,
    values: [a, b, boot, width],
  }));

const advertisementInput: fc.Arbitrary<Input> = fc
  .tuple(
    after,
    lag,
    key,
    fc.integer({ min: -90, max: -50 }),
    fc.constantFrom(0, AdvertisementFlag.phone, AdvertisementFlag.fixture),
    fc.boolean(),
    fc.constantFrom(5, 5, 6),
  )
  .map(([gap, back, device, rssi, told, random, index]) => ({
    kind: InputKind.advertisement,
    sensor: index,
    after: gap,
    lag: back,
    flags: told | (random ? AdvertisementFlag.random : 0),
    rssi,
    values: [0, device, 0, 0],
  }));

const otherInput: fc.Arbitrary<Input> = fc
  .tuple(after, lag, fc.nat(1000), fc.nat(6))
  .map(([gap, back, count, choice]) => {
    const common = { after: gap, lag: back };
    if (choice < 2) return { kind: InputKind.transaction, sensor: 3, ...common, values: [count % 4, 0, 0, 0] };
    if (choice < 4) {
      return {
        kind: InputKind.sensor,
        sensor: choice % 2,
        ...common,
        flags: SensorFlag.up,
        values: [count, count, Math.min(gap, MINUTE), 0],
      };
    }
    if (choice === 4)
      return { kind: InputKind.rejection, sensor: 0, ...common, channel: count % 9, values: [count, 0, 0, 0] };
    if (choice === 5) return { kind: InputKind.key, sensor: 0, ...common, lag: 0, flags: KeyFlag.scheduled };
    return { kind: InputKind.tick, sensor: 0, ...common, lag: 0 };
  });

/** Further sensors, of a second zone, that only some parameters name. */
const BACK = [sensor(4, { place: 'back' }), sensor(6, { driver: 'ble-test', place: 'back' })];

const parametersInput: fc.Arbitrary<Input> = fc
  .tuple(
    after,
    fc.constantFrom(1, 10, 15, 20, 60),
    fc.boolean(),
    fc.constantFrom(30_000, 90_000, 4 * MINUTE),
    fc.boolean(),
  )
  .map(([gap, windowMinutes, zones, graceMs, hours]) => ({
    kind: InputKind.parameters,
    sensor: 0,
    after: gap,
    lag: 0,
    payload: JSON.stringify(
      parametersOf({
        id: `p-${windowMinutes}-${zones}-${graceMs}-${hours}`,
        windowMinutes,
        graceMs,
        hours: { week: Array.from({ length: 7 }, () => (hours ? [[0, 1440]] : [[540, 1200]])), exceptions: {} },
        sensors: [...withBluetooth().sensors, ...(zones ? BACK : [])],
      }),
    ),
  }));

const READINGS = [
  { weight: 12, arbitrary: sightingInput },
  { weight: 5, arbitrary: peopleInput },
  { weight: 6, arbitrary: advertisementInput },
  { weight: 4, arbitrary: otherInput },
  { weight: 1, arbitrary: parametersInput },
];

/** Rows of every kind, several sensors, times out of order, gaps up to a day. */
export const anyInputs: fc.Arbitrary<Input[]> = fc.array(
  fc.oneof(...READINGS, { weight: 5, arbitrary: counterInput }),
  { minLength: 1, maxLength: 120 },
);

const YEAR = 365 * 24 * HOUR;
const delta = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -120_000, max: 120_000 }),
  fc.integer({ min: -12 * HOUR, max: 12 * HOUR }),
  fc.integer({ min: -YEAR, max: YEAR }),
);
const change = fc.record({ delta_ms: delta, restarted: fc.boolean() });
const anyClock: fc.Arbitrary<Input> = fc
  .tuple(after, fc.constantFrom(...CLOCK_TRUST), fc.option(change, { freq: 3 }))
  .map(([gap, trust, correction]) => clockInput(trust, correction, gap));

/** The same under a clock that is corrected now and then, both ways, by seconds to a year; without counters unless asked. */
export const correctedInputs = (counters: boolean): fc.Arbitrary<Input[]> =>
  fc.array(
    fc.oneof(...READINGS, { weight: counters ? 5 : 0, arbitrary: counterInput }, { weight: 4, arbitrary: anyClock }),
    { minLength: 1, maxLength: 80 },
  );
