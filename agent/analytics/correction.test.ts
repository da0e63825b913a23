/** A clock that turns out to be wrong: what is open is sealed at corrected times, and nothing is lost, doubled or bent. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClockTrust, InputKind } from '../readings.ts';
import {
  batchOf,
  changeOf,
  clockInput,
  correctedInputs,
  HOUR,
  type Input,
  MINUTE,
  parametersOf,
  withBluetooth,
} from './fold.testing.ts';
import { Fold } from './fold.ts';
import type { DayRecord, SealedWindow, WindowRecord } from './records.ts';

const DAY = 24 * HOUR;
/** When a box without a clock of its own boots, and when that was. */
const FALSE_BOOT = Date.UTC(2020, 0, 1, 0, 0);
const NOON = Date.UTC(2026, 2, 2, 11, 0);
const LATE = NOON - FALSE_BOOT;

type Timed = Partial<Input> & { kind: InputKind; minute: number };

/** Rows at minutes after `start`, none of which a correction counts. */
function run(start: number, rows: readonly Timed[], untilMinute: number, parameters = parametersOf()) {
  let before = 0;
  let ahead = 0;
  const inputs = rows.map(({ minute, ...row }): Input => {
    const after = Math.round((minute - before) * MINUTE);
    before = minute;
    const input = { sensor: 1, lag: 0, ...row, after };
    ahead += changeOf(input)?.delta_ms ?? 0;
    return input;
  });
  const fold = Fold.start(parameters, start);
  const batch = batchOf(inputs, start);
  fold.apply(batch, 0, batch.length);
  fold.advance(start + ahead + untilMinute * MINUTE);
  return { fold, sealed: fold.takeSealed() };
}

const crossing = (minute: number, entered: number, left = 0): Timed => ({
  kind: InputKind.crossing,
  minute,
  values: [entered, left, 0, 0],
});
const counter = (minute: number, entered: number): Timed => ({
  kind: InputKind.counter,
  minute,
  values: [entered, 0, 0, 32],
});
const inside = (minute: number): Timed => ({
  kind: InputKind.sighting,
  minute,
  sensor: 0,
  rssi: -60,
  values: [0, 1, 0, 0],
});
const corrected = (minute: number, deltaMs: number, restarted = false, trust: ClockTrust = 'synchronised'): Timed => ({
  ...clockInput(trust, { delta_ms: deltaMs, restarted }),
  minute,
});
const trusted = (minute: number, trust: ClockTrust): Timed => ({ ...clockInput(trust), minute });

function recordOf<Kind extends WindowRecord['kind']>(window: SealedWindow, kind: Kind, place?: string) {
  const found = window.records.find(
    (one): one is Extract<WindowRecord, { kind: Kind }> =>
      one.kind === kind && (place === undefined || one.place === place),
  );
  if (found === undefined) throw new Error(`expected a ${kind} record, found none`);
  return found;
}

const daysOf = (sealed: readonly SealedWindow[]): DayRecord[] =>
  sealed.flatMap(({ records }) => records.filter((record) => record.kind === 'day'));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('a box that boots at a false date', () => {
  it('counts its first minutes at the time they had, once it knows it', () => {
    const { sealed } = run(FALSE_BOOT, [trusted(0, 'unknown'), crossing(1, 3), corrected(3, LATE), crossing(4, 1)], 17);
    expect(sealed.map(({ startMs, endMs, correctedMs, clock }) => [startMs, endMs, correctedMs, clock])).toEqual([
      [NOON, NOON + 3 * MINUTE, LATE, 'unknown'],
      [NOON + 3 * MINUTE, NOON + 15 * MINUTE, null, 'synchronised'],
    ]);
    expect(sealed.map((window) => recordOf(window, 'door', 'main').entries)).toEqual([3, 1]);
    const [first, second] = sealed.map((window) => recordOf(window, 'occupancy'));
    // Three people, two minutes; and they stay.
    expect(first).toMatchObject({ start_ms: NOON, entry_ms: 3 * 2 * MINUTE, occupancy_ms: 3 * 2 * MINUTE, at_end: 3 });
    expect(second).toMatchObject({ at_start: 3, at_end: 4, occupancy_ms: 3 * 12 * MINUTE + 11 * MINUTE });
  });

  it('lets a visit go on with the dwell it has', () => {
    const day = { week: Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]), exceptions: {} };
    for (const delta of [LATE, 90_500, -90_500, -5 * HOUR, -300 * DAY]) {
      const rows = [inside(2), inside(4.9), corrected(5, delta), inside(5.2), inside(8)];
      const { sealed } = run(FALSE_BOOT + 400 * DAY, rows, 60, parametersOf({ hours: day }));
      const dwells = sealed.map((window) => recordOf(window, 'dwell'));
      expect(sum(dwells.map(({ visits }) => visits))).toBe(1);
      expect(sum(dwells.map(({ dwell_ms }) => dwell_ms))).toBe(6 * MINUTE);
      expect(sum(sealed.map((window) => recordOf(window, 'traffic').visits))).toBe(1);
    }
  });

  it.each([LATE, -300 * DAY])('does not take a correction by %d ms for a silence of a counter', (delta) => {
    const rows = [counter(1, 10), counter(2, 12), corrected(2.5, delta), counter(3, 14)];
    const { sealed } = run(FALSE_BOOT + 400 * DAY, rows, 30);
    const doors = sealed.map((window) => recordOf(window, 'door', 'main'));
    expect(sum(doors.map(({ entries }) => entries))).toBe(4);
    expect(doors.every(({ catch_up_entries, set_aside }) => catch_up_entries === 0 && set_aside === 0)).toBe(true);
  });

  it('settles the day that it is, once, with all who came', () => {
    const rows = [crossing(1, 3), corrected(3, LATE), crossing(30, 2), crossing(300, 0, 5)];
    const [day, ...more] = daysOf(run(FALSE_BOOT, rows, 20 * 60).sealed);
    expect(day).toMatchObject({ date: '2026-03-02', entries: 5, exits: 5 });
    expect(more).toEqual([]);
    // 3 people for 299 minutes, 2 for 270: no year is in it.
    expect(day.dwell_ms).toBe(Math.round(((3 * 299 + 2 * 270) * MINUTE) / 5));
  });
});

describe('a machine whose clock began anew', () => {
  it('keeps what was counted before at its time, and counts the people of a time that nobody knows', () => {
    const boot = corrected(20, 0, true, 'unknown');
    const rows = [crossing(16, 1), counter(19.9, 10), boot, counter(20.1, 310), corrected(22, 5 * HOUR)];
    const { sealed } = run(NOON, rows, 60);
    expect(
      sealed.slice(0, 4).map(({ startMs, endMs, correctedMs }) => [startMs - NOON, endMs - NOON, correctedMs]),
    ).toEqual([
      [0, 15 * MINUTE, null],
      [15 * MINUTE, 20 * MINUTE, null],
      [5 * HOUR + 20 * MINUTE, 5 * HOUR + 22 * MINUTE, 5 * HOUR],
      [5 * HOUR + 22 * MINUTE, 5 * HOUR + 30 * MINUTE, null],
    ]);
    expect(recordOf(sealed[2], 'door', 'main')).toMatchObject({ entries: 300, set_aside: 0 });
    // The same crowd within seconds of one clock is a broken counter.
    const [, other] = run(NOON, [counter(1, 10), counter(16, 10), counter(16.1, 310)], 40).sealed;
    expect(recordOf(other, 'door', 'main')).toMatchObject({ entries: 0, set_aside: 300 });
  });

  it('keeps days of clocks years apart apart, each with its date and its own dwell', () => {
    const rows = [
      crossing(600, 4),
      crossing(610, 0, 4),
      corrected(620, 0, true, 'unknown'),
      crossing(621, 2),
      corrected(622, LATE - 620 * MINUTE),
      crossing(630, 0, 2),
    ];
    const days = daysOf(run(FALSE_BOOT, rows, 620 + 20 * 60).sealed);
    expect(days.map(({ date, entries, exits }) => [date, entries, exits])).toEqual([
      ['2020-01-01', 4, 4],
      ['2026-03-02', 2, 2],
    ]);
    expect(days.map(({ dwell_ms }) => dwell_ms)).toEqual([10 * MINUTE, 9 * MINUTE]);
  });
});

describe('a clock that is set back', () => {
  const EVENING = Date.UTC(2026, 2, 2, 19, 0);

  it('settles a date again, as a record of its own, where its business was not over', () => {
    // Closing is at 20:00 here, the settlement at 20:30; 20:40 turns out to be 19:10.
    const rows = [crossing(1, 6, 6), crossing(42, 1, 1), corrected(43, -90 * MINUTE), crossing(45, 3, 3)];
    const { sealed } = run(EVENING - 3 * MINUTE, rows, 6 * 60);
    const days = daysOf(sealed);
    expect(days.map(({ date, entries }) => [date, entries])).toEqual([
      ['2026-03-02', 6],
      ['2026-03-02', 4],
    ]);
    expect(new Set(days.map(({ window }) => window)).size).toBe(2);
  });

  it('does not settle a date again for a moment after its closing', () => {
    const rows = [crossing(1, 6, 6), corrected(37, -8 * MINUTE), crossing(38, 1, 1), crossing(16 * 60, 2, 2)];
    const days = daysOf(run(EVENING - 3 * MINUTE, rows, 28 * 60).sealed);
    expect(days.map(({ date, entries }) => [date, entries])).toEqual([
      ['2026-03-02', 6],
      ['2026-03-03', 3],
    ]);
  });

  it('over midnight, counts everybody in one day', () => {
    const midnight = Date.UTC(2026, 2, 2, 23, 0);
    const always = { week: Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]), exceptions: {} };
    const rows = [crossing(5, 2, 2), corrected(10, -30 * MINUTE), crossing(12, 1, 1), crossing(100, 4, 4)];
    const days = daysOf(run(midnight, rows, 12 * 60, parametersOf({ hours: always })).sealed);
    expect(days.map(({ date, entries }) => [date, entries])).toEqual([['2026-03-02', 7]]);
  });
});

describe('the trust in the clock', () => {
  it('is that of the worst moment of each window', () => {
    const rows = [trusted(0, 'unknown'), trusted(14, 'rtc_only'), trusted(20, 'synchronised'), trusted(50, 'rtc_only')];
    expect(run(NOON, rows, 80).sealed.map(({ clock }) => clock)).toEqual(
      ['unknown', 'rtc_only', 'synchronised', 'rtc_only', 'rtc_only'].slice(0, 5),
    );
  });

  it('is none for what had to be corrected, whoever vouched for it', () => {
    const { sealed } = run(NOON, [trusted(0, 'synchronised'), corrected(20, HOUR)], 40);
    expect(sealed.map(({ clock, correctedMs }) => [clock, correctedMs])).toEqual([
      ['synchronised', null],
      ['unknown', HOUR],
      ['synchronised', null],
    ]);
  });
});

describe('any corrections', () => {
  const RUNS = { numRuns: 120 };
  const START = Date.UTC(2026, 2, 2, 8, 7, 30);

  function finish(fold: Fold, sealed: SealedWindow[], last: number) {
    // Longer than any day: what is open is settled.
    fold.advance(last + 3 * DAY);
    sealed.push(...fold.takeSealed());
    return { sealed, bytes: Buffer.from(fold.snapshot()).toString('base64') };
  }

  function whole(inputs: readonly Input[]) {
    const batch = batchOf(inputs, START);
    const fold = Fold.start(withBluetooth(), START);
    fold.apply(batch, 0, batch.length);
    return finish(fold, [], fold.at);
  }

  it('replay to the same in any cut, with a snapshot restored and time advanced at any cut', () => {
    fc.assert(
      fc.property(correctedInputs(true), fc.array(fc.nat(80), { maxLength: 6 }), (inputs, cuts) => {
        const batch = batchOf(inputs, START);
        let fold = Fold.start(withBluetooth(), START);
        const sealed: SealedWindow[] = [];
        let from = 0;
        for (const cut of [...cuts, batch.length].map((at) => Math.min(at, batch.length)).sort((a, b) => a - b)) {
          fold.apply(batch, from, cut);
          from = cut;
          sealed.push(...fold.takeSealed());
          fold = Fold.restore(fold.snapshot());
          if (cut < batch.length) fold.advance(batch.at[cut]);
        }
        expect(finish(fold, sealed, fold.at)).toEqual(whole(inputs));
      }),
      RUNS,
    );
  });

  it('lose and double nothing: readings, windows, keys and days', () => {
    fc.assert(
      fc.property(correctedInputs(false), (inputs) => {
        const { sealed } = whole(inputs);
        expect(sealed.map(({ ordinal }) => ordinal)).toEqual(sealed.map((_, index) => index + 1));
        const records = sealed.flatMap((window) => window.records);
        const keys = records.map(({ kind, place, window, rev }) => `${kind} ${place} ${window} ${rev}`);
        expect(new Set(keys).size).toBe(keys.length);
        const people = inputs.filter(({ kind }) => kind === InputKind.crossing);
        const into = people.map(({ sensor, values = [0, 0, 0, 0] }) => values[sensor === 1 ? 0 : 1]);
        const entries = records.map((one) => (one.kind === 'door' ? one.entries : 0));
        expect(sum(entries)).toBe(sum(into));
        expect(sum(daysOf(sealed).map((day) => day.entries))).toBe(sum(into));
        const sighted = inputs.filter(({ kind, sensor }) => kind === InputKind.sighting && sensor === 0).length;
        const floor = records.map((one) => (one.kind === 'traffic' && one.place === 'floor' ? one.sightings : 0));
        expect(sum(floor)).toBe(sighted);
      }),
      RUNS,
    );
  });

  it('leave no hole and no overlap in time but where a clock began anew, and people stay inside', () => {
    fc.assert(
      fc.property(correctedInputs(false), (inputs) => {
        const restarts = inputs.some((input) => changeOf(input)?.restarted === true);
        const { sealed } = whole(inputs);
        sealed.forEach((window, index) => {
          expect(window.startMs).toBeLessThanOrEqual(window.endMs);
          const before = sealed[index - 1];
          if (before === undefined || window.skipped > 0) return;
          const corrects = window.correctedMs !== null;
          if (!restarts && !corrects) expect(window.startMs).toBe(before.endMs);
          if (corrects) expect(window.clock).toBe('unknown');
          const [left, found] = [before, window].map((one) => recordOf(one, 'occupancy'));
          if (daysOf([before]).length + daysOf([window]).length === 0) expect(found.at_start).toBe(left.at_end);
        });
        const deltas = new Set([null, ...inputs.map((input) => changeOf(input)?.delta_ms)]);
        expect(sealed.every(({ correctedMs }) => deltas.has(correctedMs) && correctedMs !== 0)).toBe(true);
      }),
      RUNS,
    );
  });
});
