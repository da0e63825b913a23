import { describe, expect, it } from 'vitest';
import { parametersOf, START } from './analytics/fold.testing.ts';
import type { SealedWindow, WindowRecord } from './analytics/records.ts';
import type { TailFilter } from './local/routes.ts';
import type { TailEvent } from './local/tail.ts';
import { AdvertisementFlag, InputBatch, InputKind } from './readings.ts';
import { Tap } from './tap.ts';

const ALL: TailFilter = { sensors: [], kinds: [] };
const NOW = START + 5_000;

function listen(tap: Tap, filter: Partial<TailFilter> = {}) {
  const events: TailEvent[] = [];
  const stop = tap.listen({ ...ALL, ...filter }, (event) => events.push(event));
  return { events, stop };
}

const sensors = parametersOf().sensors;
const sensorAt = (index: number) => sensors.find((sensor) => sensor.index === index);
const zone = sensors.find(({ role }) => role === 'zone');
const door = sensors.find(({ role, swap }) => role === 'door' && !swap);
const swapped = sensors.find(({ role, swap }) => role === 'door' && swap);
if (!zone || !door || !swapped) throw new Error('the sample parameters have a zone and a door of either direction');

/** One row of each kind. */
function rows(): InputBatch {
  const batch = new InputBatch(16, 1);
  const sighting = batch.append(InputKind.sighting, zone?.index ?? 0, START + 20, START + 10);
  batch.a[sighting] = 0xfedcba98;
  batch.b[sighting] = 0x11111111;
  batch.c[sighting] = 0x0000abcd;
  batch.d[sighting] = 0x22222222;
  batch.rssi[sighting] = -67;
  batch.channel[sighting] = 6;
  batch.flags[sighting] = 1;
  const bare = batch.append(InputKind.sighting, zone?.index ?? 0, START + 20, START + 11);
  batch.a[bare] = 5;
  batch.rssi[bare] = -80;
  for (const [index, kind] of [
    [door?.index ?? 0, InputKind.crossing],
    [swapped?.index ?? 0, InputKind.counter],
  ] as const) {
    const row = batch.append(kind, index, START + 20, START + 12);
    batch.a[row] = 3;
    batch.b[row] = 1;
  }
  batch.append(InputKind.sensor, zone?.index ?? 0, START + 20, START + 20);
  batch.append(InputKind.tick, 0, START + 20, START + 20);
  const advertisement = batch.append(InputKind.advertisement, zone?.index ?? 0, START + 20, START + 12);
  batch.a[advertisement] = 0x89abcdef;
  batch.b[advertisement] = 0x11111111;
  batch.flags[advertisement] = AdvertisementFlag.random | AdvertisementFlag.phone;
  batch.rssi[advertisement] = -61;
  batch.channel[advertisement] = 38;
  const beacon = batch.append(InputKind.advertisement, zone?.index ?? 0, START + 20, START + 12);
  batch.flags[beacon] = AdvertisementFlag.fixture;
  batch.rssi[beacon] = -128;
  const sale = batch.append(InputKind.transaction, door?.index ?? 0, START + 20, START + 13);
  batch.a[sale] = 2;
  return batch;
}

describe('the tap', () => {
  it('tells rows as events: hashed, in the direction that counts, and nothing of reports and ticks', () => {
    const tap = new Tap(() => NOW);
    const { events } = listen(tap);
    const batch = rows();
    tap.observe(batch, 0, batch.length, sensorAt);
    expect(events).toEqual([
      {
        kind: 'sighting',
        at_ms: START + 10,
        sensor: zone.id,
        device: 'fedcba98',
        random: true,
        fingerprint: '0000abcd',
        rssi: -67,
        channel: 6,
      },
      {
        kind: 'sighting',
        at_ms: START + 11,
        sensor: zone.id,
        device: '00000005',
        random: false,
        fingerprint: null,
        rssi: -80,
        channel: null,
      },
      { kind: 'door', at_ms: START + 12, sensor: door.id, in: 3, out: 1, total: false },
      { kind: 'door', at_ms: START + 12, sensor: swapped.id, in: 1, out: 3, total: true },
      {
        kind: 'ble',
        at_ms: START + 12,
        sensor: zone.id,
        device: '89abcdef',
        random: true,
        advertiser: 'phone',
        rssi: -61,
        channel: 38,
      },
      {
        kind: 'ble',
        at_ms: START + 12,
        sensor: zone.id,
        device: '00000000',
        random: false,
        advertiser: 'fixture',
        rssi: null,
        channel: null,
      },
      { kind: 'till', at_ms: START + 13, sensor: door.id, transactions: 2 },
    ]);
  });

  it('tells only the rows it is given, and leaves out a sensor that nobody knows', () => {
    const tap = new Tap(() => NOW);
    const { events } = listen(tap);
    tap.observe(rows(), 1, 3, sensorAt);
    expect(events.map(({ kind }) => kind)).toEqual(['sighting', 'door']);
    tap.observe(rows(), 0, 7, () => undefined);
    expect(events).toHaveLength(2);
  });

  it('passes on what was asked for: sensors, kinds, and windows beside sensors only by name', () => {
    const tap = new Tap(() => NOW);
    const doorOnly = listen(tap, { sensors: [door.id] });
    const doorAndMessages = listen(tap, { sensors: [door.id], kinds: ['door', 'message'] });
    const sightings = listen(tap, { kinds: ['sighting'] });
    const batch = rows();
    tap.observe(batch, 0, batch.length, sensorAt);
    tap.message({ direction: 'out', what: 'batch', sequences: [7], bytes: 512 });
    for (const subject of [door.id, zone.id, '']) {
      tap.health({ atMs: START, code: 'sensor_down', subject, change: 'began', message: 'down' });
    }
    expect(doorOnly.events.map(({ kind }) => kind)).toEqual(['door', 'till', 'health']);
    expect(doorAndMessages.events.map(({ kind }) => kind)).toEqual(['door', 'message']);
    expect(sightings.events.map(({ kind }) => kind)).toEqual(['sighting', 'sighting']);
  });

  it('tells a window by its own records, not by those a settlement revised', () => {
    const base = { place: 'store', store: 'shop', start_ms: START, end_ms: START + 60_000, parameters: 'p' };
    const occupancy = (window: number, exits: number): WindowRecord => ({
      ...base,
      kind: 'occupancy',
      rev: window === 9 ? 1 : 2,
      window,
      entries: 4,
      exits,
      already_left: 0,
      at_start: 0,
      at_end: 1,
      min: 0,
      max: 1,
      occupancy_ms: 0,
      entry_ms: 0,
      exit_ms: 0,
    });
    const entry: WindowRecord = {
      ...base,
      kind: 'entry',
      rev: 1,
      window: 9,
      entries: 4,
      passing_people: null,
      passing_state: 'uncalibrated',
      visits: 2,
      passers_by: 11,
      transactions: null,
    };
    const window: SealedWindow = {
      ordinal: 9,
      startMs: START,
      endMs: START + 60_000,
      skipped: 0,
      warmUp: false,
      clock: 'synchronised',
      correctedMs: null,
      records: [occupancy(8, 99), occupancy(9, 3), entry],
    };
    const body = new Uint8Array();
    const batches = [
      { sequence: 20, windowOrdinal: 8, body },
      { sequence: 21, windowOrdinal: 9, body },
      { sequence: 22, windowOrdinal: 9, body },
    ];
    const tap = new Tap(() => NOW);
    const { events } = listen(tap);
    tap.window(window, batches);
    tap.window({ ...window, records: [{ ...entry, entries: null }] }, []);
    const told = { kind: 'window', at_ms: NOW, ordinal: 9, start_ms: START, end_ms: START + 60_000 };
    expect(events).toEqual([
      { ...told, entries: 4, exits: 3, visits: 2, passers_by: 11, sequences: [21, 22] },
      { ...told, entries: null, exits: null, visits: 2, passers_by: 11, sequences: [] },
    ]);
  });

  it('costs a look when nobody listens, and goes back to that when the last one has gone', () => {
    const tap = new Tap(() => NOW);
    const never = () => {
      throw new Error('nobody listens');
    };
    expect(tap.listening).toBe(false);
    tap.observe(rows(), 0, 3, never);
    const first = listen(tap);
    const second = listen(tap);
    first.stop();
    first.stop();
    expect(tap.listening).toBe(true);
    second.stop();
    expect(tap.listening).toBe(false);
    tap.observe(rows(), 0, 3, never);
    tap.message({ direction: 'in', what: 'acknowledgement', sequences: [1], bytes: 3 });
    expect([...first.events, ...second.events]).toEqual([]);
  });
});
