import { describe, expect, it } from 'vitest';
import { InputKind, KeyFlag, SensorFlag, SightingFlag } from '../readings.ts';
import { batchOf, HOUR, type Input, MINUTE, parametersOf, sensor } from './fold.testing.ts';
import { Fold } from './fold.ts';
import type { SealedWindow, WindowRecord } from './records.ts';

/** A Monday at ten in Prague, an hour into opening hours, at the start of a window. */
const TEN = Date.UTC(2026, 2, 2, 9, 0);
const INSIDE = -60;
const OUTSIDE = -80;

/** Rows at minutes after TEN, in order. */
type Timed = Partial<Input> & { kind: InputKind; minute: number };

function fold(
  rows: readonly Timed[],
  until: number,
  parameters = parametersOf(),
): { fold: Fold; sealed: SealedWindow[] } {
  let before = 0;
  const inputs = rows.map(({ minute, ...input }): Input => {
    const after = Math.round((minute - before) * MINUTE);
    before = minute;
    return { sensor: 0, lag: 0, ...input, after };
  });
  const result = Fold.start(parameters, TEN);
  const batch = batchOf(inputs, TEN);
  result.apply(batch, 0, batch.length);
  result.advance(TEN + until * MINUTE);
  return { fold: result, sealed: result.takeSealed() };
}

const lasting = (minute: number, rssi: number, device = 1): Timed => ({
  kind: InputKind.sighting,
  minute,
  rssi,
  values: [0, device, 0, 0],
});
const random = (minute: number, rssi: number, print: number): Timed => ({
  ...lasting(minute, rssi, Math.floor(minute * 1000)),
  flags: SightingFlag.random,
  values: [0, Math.floor(minute * 1000), 0, print],
});

function record<Kind extends WindowRecord['kind']>(window: SealedWindow, kind: Kind) {
  const found = window.records.find((one): one is Extract<WindowRecord, { kind: Kind }> => one.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} record`);
  return found;
}

describe('visits', () => {
  it('counts a visit where it starts and its dwell where its silence ends', () => {
    const rows = [
      lasting(12, OUTSIDE),
      lasting(13, INSIDE),
      lasting(16, INSIDE),
      lasting(20, INSIDE),
      lasting(21, OUTSIDE),
    ];
    const { sealed } = fold(rows, 33);
    expect(sealed).toHaveLength(2);
    expect(record(sealed[0], 'traffic').visits).toBe(1);
    expect(record(sealed[0], 'dwell').visits).toBe(0);
    expect(record(sealed[1], 'traffic').visits).toBe(0);
    expect(record(sealed[1], 'dwell')).toMatchObject({ visits: 1, dwell_ms: 7 * MINUTE, engaged: 1, bounced: 0 });
  });

  it('tells a passer-by, and never a dwell of a random address', () => {
    const { sealed } = fold([lasting(1, OUTSIDE, 2), random(1, INSIDE, 9), random(3, INSIDE, 9)], 17);
    expect(record(sealed[0], 'traffic')).toMatchObject({
      visits: 1,
      passers_by: 1,
      random_sightings: 2,
      bursts_inside: 2,
    });
    expect(record(sealed[0], 'dwell').visits).toBe(0);
    expect(record(sealed[0], 'entry')).toMatchObject({ visits: 1, passers_by: 1, passing_state: 'uncalibrated' });
  });

  it('censors what is open at a key change', () => {
    const key: Timed = { kind: InputKind.key, minute: 4, flags: KeyFlag.scheduled };
    const { sealed } = fold([lasting(1, INSIDE, 1), lasting(1, OUTSIDE, 2), random(1, INSIDE, 3), key], 17);
    expect(record(sealed[0], 'dwell')).toMatchObject({ visits: 0, censored: 1 });
    expect(record(sealed[0], 'traffic')).toMatchObject({ visits: 2, passers_by: 0 });
  });

  it('counts no visit outside opening hours, but every sighting', () => {
    const closed = { week: Array.from({ length: 7 }, (): [number, number][] => []), exceptions: {} };
    const { sealed } = fold([lasting(1, INSIDE), lasting(2, OUTSIDE, 2)], 17, parametersOf({ hours: closed }));
    expect(record(sealed[0], 'traffic')).toMatchObject({ sightings: 2, visits: 0, passers_by: 0, bursts_inside: 0 });
  });

  it('leaves an installed device out once it is known', () => {
    const rows = Array.from({ length: 44 }, (_, minute) => lasting(minute, INSIDE));
    const { sealed } = fold(rows, 47);
    expect(sealed.map((window) => record(window, 'traffic').fixtures)).toEqual([1, 1, 1]);
    expect(record(sealed[1], 'traffic')).toMatchObject({ present_max: 0, bursts_inside: 0, sightings: 15 });
    expect(record(sealed[1], 'dwell').visits).toBe(0);
  });
});

describe('presence', () => {
  it('counts distinct keys of the last five minutes, and a late sighting as late only', () => {
    const rows = [
      random(0.5, INSIDE, 1),
      random(0.6, INSIDE, 2),
      random(0.7, OUTSIDE, 3),
      { ...random(5, INSIDE, 4), lag: 4 * MINUTE },
    ];
    const { sealed } = fold(rows, 17);
    const traffic = record(sealed[0], 'traffic');
    expect(traffic).toMatchObject({
      minutes: 15,
      present_minutes: 10,
      present_max: 2,
      late_sightings: 1,
      sightings: 4,
    });
  });

  it('tells zones apart and counts a key once in the store', () => {
    const sensors = [sensor(0), sensor(1, { place: 'back' })];
    const rows = [lasting(1, INSIDE), { ...lasting(2, INSIDE), sensor: 1 }];
    const { sealed } = fold(rows, 17, parametersOf({ sensors }));
    const zones = sealed[0].records.filter((one) => one.kind === 'traffic');
    expect(zones.map(({ place, visits }) => [place, visits])).toEqual([
      ['floor', 1],
      ['back', 1],
    ]);
    expect(record(sealed[0], 'entry')).toMatchObject({ visits: 1, entries: null });
  });

  it('keeps a flood of addresses within its table and counts on', () => {
    const flood = Array.from({ length: 140_000 }, (_, index) => lasting(index / 140_000, INSIDE, index + 1));
    const { fold: flooded, sealed } = fold(flood, 17);
    expect(record(sealed[0], 'traffic')).toMatchObject({ sightings: 140_000, visits: 131_072 });
    expect(flooded.live()).toMatchObject({ untracked: 140_000 - 131_072 });
  });
});

describe('windows', () => {
  it('holds new sensors at once and everything else from the next window whose length fits', () => {
    const next = parametersOf({ id: 'p2', windowMinutes: 20, sensors: [sensor(0), sensor(5, { place: 'new' })] });
    const rows: Timed[] = [
      { kind: InputKind.parameters, minute: 5, payload: JSON.stringify(next) },
      { ...lasting(6, INSIDE), sensor: 5 },
    ];
    const { fold: changed, sealed } = fold(rows, 122);
    const lengths = sealed.map(({ startMs, endMs, records }) => [(endMs - startMs) / MINUTE, records[0].parameters]);
    expect(lengths.slice(0, 5)).toEqual([
      [15, 'p1'],
      [15, 'p1'],
      [15, 'p1'],
      [15, 'p1'],
      [20, 'p2'],
    ]);
    const found = sealed[0].records.find(({ kind, place }) => kind === 'traffic' && place === 'new');
    expect(found).toMatchObject({ sightings: 1 });
    expect(changed.parameters.id).toBe('p2');
  });

  it('tells coverage over the windows it lies in, zero for a sensor that said nothing', () => {
    // A report's time is the last millisecond of what it covers.
    const LAST_OF_SPAN = 15.5 - 1 / MINUTE;
    const report: Timed = {
      kind: InputKind.sensor,
      minute: LAST_OF_SPAN,
      flags: SensorFlag.up,
      values: [900, 20, 2 * MINUTE, 0],
    };
    const { sealed } = fold(
      [report, { kind: InputKind.rejection, minute: LAST_OF_SPAN, channel: 5, values: [3, 0, 0, 0] }],
      33,
    );
    const coverage = sealed.map(({ records }) => records.filter((one) => one.kind === 'coverage'));
    expect(coverage[0].map(({ covered_ms }) => covered_ms)).toEqual([1.5 * MINUTE, 0, 0, 0]);
    expect(coverage[1][0]).toMatchObject({
      place: 's0',
      covered_ms: 0.5 * MINUTE,
      bytes: 900,
      accepted: 20,
      rejected: { checksum: 3 },
    });
  });

  it('goes on behind the ordinals of a state that was lost', () => {
    const later = Fold.start(parametersOf(), TEN, { ordinal: 2, window: 40 });
    const inputs = [1, 2, 3].map((device): Input => ({ ...lasting(0, INSIDE, device), sensor: 0, after: 0, lag: 0 }));
    later.apply(batchOf(inputs, TEN), 0, 3);
    later.advance(TEN + 17 * MINUTE);
    const [window] = later.takeSealed();
    expect(window.ordinal).toBe(41);
    expect(record(window, 'traffic')).toMatchObject({ window: 41, sightings: 1 });
    expect(later.ordinal).toBe(3);
  });

  it('flags a warm-up until the next settlement', () => {
    const warm = Fold.start(parametersOf(), TEN);
    warm.markWarmUp();
    expect(warm.warmingUp).toBe(true);
    warm.advance(TEN + 14 * HOUR);
    const sealed = warm.takeSealed();
    const settled = sealed.findIndex(({ records }) => records.some(({ kind }) => kind === 'day'));
    expect(settled).toBeGreaterThan(0);
    expect(sealed.slice(0, settled + 1).every(({ warmUp }) => warmUp)).toBe(true);
    expect(sealed.slice(settled + 1).some(({ warmUp }) => warmUp)).toBe(false);
  });

  it('shows the day so far', () => {
    const crossing = (minute: number, a: number, b: number): Timed => ({
      kind: InputKind.crossing,
      minute,
      sensor: 1,
      values: [a, b, 0, 0],
    });
    const rows = [crossing(1, 2, 0), lasting(2, INSIDE), crossing(5, 0, 1), lasting(6, INSIDE), crossing(40, 1, 0)];
    const { fold: live } = fold(rows, 41);
    const { today, window } = live.live();
    expect(today).toMatchObject({ date: '2026-03-02', entries: 3, exits: 1, occupancy: 2, visits: 1, dwell_visits: 1 });
    // One person stayed 4 minutes, one is in for 40, one for 1.
    expect(today.dwell_ms).toBe(Math.round((45 * MINUTE) / 3));
    // 45 person-minutes in the 41 minutes counted so far; the hours around were not counted.
    expect(today.hours[10]).toEqual({ entries: 3, visits: 1, passers_by: 0, inside: 1.1 });
    expect([today.hours[9].inside, today.hours[11].inside]).toEqual([null, null]);
    expect(window).toEqual({ ordinal: 3, start_ms: TEN + 30 * MINUTE, end_ms: TEN + 45 * MINUTE });
  });
});
