import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdvertisementFlag, InputKind, KeyFlag } from '../readings.ts';
import { MAX_ADVERTISERS } from './advertisers.ts';
import { batchOf, HOUR, type Input, MINUTE, parametersOf, sensor, withBluetooth } from './fold.testing.ts';
import { Fold } from './fold.ts';
import type { BleRecord, SealedWindow } from './records.ts';

/** A Monday at ten in Prague, an hour into opening hours, at the start of a window. */
const TEN = Date.UTC(2026, 2, 2, 9, 0);
const INSIDE = -60;
const OUTSIDE = -80;
const { phone, fixture, random } = AdvertisementFlag;

type Timed = Partial<Input> & { minute: number };

function run(rows: readonly Timed[], until: number, parameters = withBluetooth(), start = TEN) {
  let before = 0;
  const inputs = rows.map(({ minute, ...input }): Input => {
    const after = Math.round(minute * MINUTE) - before;
    before += after;
    return { kind: InputKind.advertisement, sensor: 5, lag: 0, rssi: INSIDE, ...input, after };
  });
  const fold = Fold.start(parameters, start);
  const batch = batchOf(inputs, start);
  fold.apply(batch, 0, batch.length);
  fold.advance(start + until * MINUTE);
  return { fold, sealed: fold.takeSealed() };
}

const heard = (minute: number, device: number, flags: number, over: Partial<Input> = {}): Timed => ({
  minute,
  flags,
  values: [0, device, 0, 0],
  ...over,
});

function ble(window: SealedWindow): BleRecord[] {
  return window.records.filter((record) => record.kind === 'ble');
}

describe('Bluetooth advertisers', () => {
  it('count once a minute by what they are, above the gate, and never as devices of Wi-Fi', () => {
    const rows = [
      heard(0.1, 1, phone | random),
      heard(0.2, 1, random),
      heard(0.9, 2, phone | random),
      heard(1.5, 1, phone | random),
      heard(1.6, 3, fixture),
      heard(1.7, 4, phone, { rssi: OUTSIDE }),
      heard(2.5, 5, 0),
    ];
    const { sealed, fold } = run(rows, 17);
    expect(ble(sealed[0])).toEqual([
      {
        kind: 'ble',
        place: 'floor',
        store: 'store-1',
        rev: 1,
        window: 1,
        start_ms: TEN,
        end_ms: TEN + 15 * MINUTE,
        parameters: 'p1',
        advertisements: 7,
        random_advertisements: 4,
        late_advertisements: 0,
        untracked_advertisements: 0,
        phone_minutes: 3,
        fixture_minutes: 1,
        other_minutes: 1,
        phones_max: 2,
        minutes: 15,
        open_minutes: 15,
      },
    ]);
    const traffic = sealed[0].records.find((record) => record.kind === 'traffic');
    expect(traffic).toMatchObject({ sightings: 0, visits: 0, passers_by: 0, present_minutes: 0 });
    expect(fold.live()).toMatchObject({ devices: 0, today: { visits: 0, passers_by: 0 } });
  });

  it('agree with sets of addresses for each minute, whatever the order within the grace', () => {
    const reading = fc.record({ at: fc.nat(14 * 60), device: fc.integer({ min: 1, max: 5 }), near: fc.boolean() });
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 120 }), (readings) => {
        const rows = readings
          // Each is taken in up to 25 s after it was heard.
          .map((one, index) => ({ ...one, arrives: one.at + (index % 6) * 5 }))
          .sort((one, other) => one.arrives - other.arrives)
          .map(({ at, device, near, arrives }) =>
            heard(arrives / 60, device, device < 4 ? phone : fixture, {
              lag: (arrives - at) * 1000,
              rssi: near ? INSIDE : OUTSIDE,
            }),
          );
        const minutes = new Map<string, number>();
        for (const { at, device, near } of readings) if (near) minutes.set(`${Math.floor(at / 60)}/${device}`, device);
        const devices = [...minutes.values()];
        const phones = [...minutes].filter(([, device]) => device < 4).map(([key]) => key.split('/')[0]);
        const most = Math.max(0, ...phones.map((minute) => phones.filter((other) => other === minute).length));
        expect(ble(run(rows, 17).sealed[0])[0]).toMatchObject({
          advertisements: readings.length,
          late_advertisements: 0,
          phone_minutes: devices.filter((device) => device < 4).length,
          fixture_minutes: devices.filter((device) => device >= 4).length,
          phones_max: most,
        });
      }),
    );
  });

  it('are what their most telling payload says, as long as they are heard', () => {
    const rows = [heard(0.1, 1, 0), heard(0.2, 1, fixture), heard(1.1, 1, phone), heard(5.1, 1, phone)];
    expect(ble(run(rows, 17).sealed[0])[0]).toMatchObject({ fixture_minutes: 2, phone_minutes: 1, other_minutes: 0 });
  });

  it('count in opening hours only, but for what stays', () => {
    const closed = { ...withBluetooth(), hours: { week: [[], [], [], [], [], [], []], exceptions: {} } };
    const { sealed, fold } = run([heard(1, 1, phone), heard(1, 2, fixture), heard(1, 3, 0)], 17, closed);
    expect(ble(sealed[0])[0]).toMatchObject({
      advertisements: 3,
      phone_minutes: 0,
      fixture_minutes: 1,
      other_minutes: 0,
      open_minutes: 0,
    });
    expect(fold.live().today.ble_now).toEqual({ phones: 0, fixtures: 0, others: 0 });
  });

  it('come late into no number but their own', () => {
    const rows = [heard(0.1, 1, phone), heard(5, 2, phone, { lag: 4 * MINUTE })];
    const record = ble(run(rows, 17).sealed[0])[0];
    expect(record).toMatchObject({ advertisements: 2, late_advertisements: 1, phone_minutes: 1 });
  });

  it('of several zones count in each, and once in the store', () => {
    const sensors = [sensor(5, { driver: 'ble-nrf' }), sensor(6, { driver: 'ble-hci', place: 'back' })];
    const rows = [heard(1.1, 1, phone), heard(1.2, 1, phone, { sensor: 6 }), heard(1.3, 2, phone, { sensor: 6 })];
    const { sealed, fold } = run(rows, 2.5, parametersOf({ sensors }));
    expect(fold.live().today.ble_now).toEqual({ phones: 2, fixtures: 0, others: 0 });
    fold.advance(TEN + 17 * MINUTE);
    expect(sealed).toEqual([]);
    const [window] = fold.takeSealed();
    expect(ble(window).map(({ place, advertisements, phone_minutes: sum }) => [place, advertisements, sum])).toEqual([
      ['floor', 1, 1],
      ['back', 2, 2],
      ['store', 3, 2],
    ]);
    // Nothing listens to Wi-Fi here: no zeros of it are told.
    expect(window.records.map(({ kind }) => kind)).not.toContain('traffic');
  });

  it('have no record where there is no Bluetooth', () => {
    const { sealed, fold } = run([], 17, parametersOf());
    expect(ble(sealed[0])).toEqual([]);
    expect(fold.live().today.ble_now).toBeNull();
  });

  it('are shown as they were in the last full minute', () => {
    const { fold } = run(
      [heard(0.1, 1, phone), heard(1.1, 2, phone), heard(1.2, 3, fixture), heard(2.1, 4, phone)],
      2.5,
    );
    expect(fold.live().today.ble_now).toEqual({ phones: 1, fixtures: 1, others: 0 });
    const instant = { ...withBluetooth(), graceMs: 0 };
    const { fold: hasty } = run([heard(0.1, 1, phone)], 1, instant);
    expect(hasty.live().today.ble_now).toEqual({ phones: 1, fixtures: 0, others: 0 });
  });

  it('fill a table of bounded size in a flood, which says what it left out and is empty again soon', () => {
    const flood = Array.from({ length: 40_000 }, (_, index) => heard(index / 40_000, index + 1, phone));
    const { sealed, fold } = run([...flood, heard(5, 1, phone)], 17);
    expect(ble(sealed[0])[0]).toMatchObject({
      advertisements: 40_001,
      untracked_advertisements: 40_000 - MAX_ADVERTISERS,
      phone_minutes: MAX_ADVERTISERS + 1,
      phones_max: MAX_ADVERTISERS,
    });
    expect(fold.snapshot().length).toBeLessThan(20_000);
  });

  it('are counted with the key they were heard with', () => {
    const rows = [heard(1.1, 1, phone), { minute: 1.5, kind: InputKind.key, flags: KeyFlag.scheduled, sensor: 0 }];
    expect(ble(run(rows, 17).sealed[0])[0]).toMatchObject({ phone_minutes: 1 });
  });

  it('teach the calibration nothing: a store with a door and Bluetooth alone stays uncalibrated', () => {
    const sensors = [sensor(1, { role: 'door', place: 'main' }), sensor(5, { driver: 'ble-nrf' })];
    const covered = { kind: InputKind.sensor, flags: 1, values: [0, 0, MINUTE, 0] as [number, number, number, number] };
    const rows = Array.from({ length: 300 }, (_, index): Timed[] => [
      { ...covered, sensor: 1, minute: index + 1 - 1 / MINUTE },
      heard(index + 1, index, phone),
      { kind: InputKind.crossing, sensor: 1, minute: index + 1, values: [1, 0, 0, 0] },
    ]).flat();
    const body = Buffer.from(run(rows, 5 * 60, parametersOf({ sensors })).fold.snapshot());
    const { state } = JSON.parse(body.subarray(12, 12 + body.readUInt32LE(8)).toString());
    expect(state.calibration.today).toMatchObject({ personMinutes: 0, keyMinutes: 0 });
  });

  it('keep no Wi-Fi window from teaching when their own sensor is silent', () => {
    const covered = { kind: InputKind.sensor, flags: 1, values: [0, 0, MINUTE, 0] as [number, number, number, number] };
    const rows = Array.from({ length: 60 }, (_, index): Timed[] =>
      [0, 1, 2].map((index2) => ({ ...covered, sensor: index2, minute: index + 1 - 1 / MINUTE })),
    ).flat();
    const body = Buffer.from(run(rows, 60).fold.snapshot());
    const { state } = JSON.parse(body.subarray(12, 12 + body.readUInt32LE(8)).toString());
    const taught = state.day.windows.map(({ evidence }: { evidence: unknown }) => evidence !== null);
    expect(taught).toEqual([true, true, true]);
  });
});

describe('a jump of time', () => {
  it('ends the minutes under way, and nobody is around behind it', () => {
    const { fold, sealed } = run([heard(1, 1, phone)], 72 * 60, withBluetooth());
    expect(ble(sealed[0])[0]).toMatchObject({ phone_minutes: 1 });
    expect(fold.live().today.ble_now).toEqual({ phones: 0, fixtures: 0, others: 0 });
    expect(fold.at).toBe(TEN + 72 * HOUR);
  });
});
