/** Days of 23 and 25 hours through the whole fold: windows are of UTC, the day and its hours of the store. */
import { describe, expect, it } from 'vitest';
import { AdvertisementFlag, InputKind } from '../readings.ts';
import { batchOf, HOUR, type Input, MINUTE, parametersOf, sensor } from './fold.testing.ts';
import { Fold } from './fold.ts';

/** The hours of a store that opens over the change of the clock: 01:00 to 05:00 of every local day. */
const NIGHT = { week: Array.from({ length: 7 }, (): [number, number][] => [[60, 300]]), exceptions: {} };
const ROUND_THE_CLOCK = { week: Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]), exceptions: {} };

const CHANGES = [
  { name: 'spring', date: '2026-03-29', midnight: Date.UTC(2026, 2, 28, 23), hours: 23, open: 3 },
  { name: 'autumn', date: '2026-10-25', midnight: Date.UTC(2026, 9, 24, 22), hours: 25, open: 5 },
];

/** One person in, one out and one phone heard in each quarter of an hour from a day before that midnight to two after. */
function run(midnight: number, hours: typeof NIGHT, windowMinutes: number) {
  const sensors = [sensor(1, { role: 'door', place: 'main' }), sensor(5, { driver: 'ble-test' })];
  const inputs: Input[] = [];
  const quarters = 4 * 24 * 4;
  for (let quarter = 0; quarter < quarters; quarter++) {
    const common = { after: quarter === 0 ? 7 * MINUTE : 15 * MINUTE, lag: 0 };
    inputs.push({ kind: InputKind.crossing, sensor: 1, ...common, values: [1, 1, 0, 0] });
    const flags = AdvertisementFlag.phone;
    inputs.push({ kind: InputKind.advertisement, sensor: 5, after: 0, lag: 0, flags, rssi: -50, values: [0, 1, 0, 0] });
  }
  const start = midnight - 24 * HOUR;
  const fold = Fold.start(parametersOf({ hours, windowMinutes, sensors }), start);
  const batch = batchOf(inputs, start);
  fold.apply(batch, 0, batch.length);
  const records = fold.takeSealed().flatMap((window) => window.records);
  return records;
}

describe.each(CHANGES)('the change of the clock in $name', ({ date, midnight, hours, open }) => {
  it.each([15, 60])('has windows of %d minutes that make up the local day, no more and no less', (windowMinutes) => {
    const records = run(midnight, ROUND_THE_CLOCK, windowMinutes);
    const end = midnight + hours * HOUR;
    const ofDay = records.filter((one) => one.kind === 'door' && one.start_ms >= midnight && one.start_ms < end);
    expect(ofDay).toHaveLength((hours * 60) / windowMinutes);
    expect(ofDay.reduce((total, one) => total + (one.kind === 'door' ? one.entries : 0), 0)).toBe(hours * 4);
    ofDay.forEach((one, index) => {
      expect(one.start_ms).toBe(midnight + index * windowMinutes * MINUTE);
      expect(one.end_ms - one.start_ms).toBe(windowMinutes * MINUTE);
    });
  });

  it.each([15, 60])(
    'has a day record of its length, with those of the business day, in windows of %d minutes',
    (minutes) => {
      const records = run(midnight, ROUND_THE_CLOCK, minutes);
      const days = records.filter((one) => one.kind === 'day');
      expect(new Set(days.map((day) => day.date)).size).toBe(days.length);
      const day = days.find((one) => one.date === date);
      // From 04:00 to 04:00 of the wall clock: the night in which it is changed belongs to the day before.
      expect(day).toMatchObject({ start_ms: midnight, end_ms: midnight + hours * HOUR, entries: 24 * 4 });
      const before = days.find((one) => one.end_ms === midnight);
      // And so it is that business day which is an hour shorter or longer.
      expect(before?.entries).toBe(hours * 4);
    },
  );

  it.each([15, 60])('is open for as long as the wall clock says, in windows of %d minutes', (windowMinutes) => {
    const records = run(midnight, NIGHT, windowMinutes);
    const ble = records.flatMap((one) => (one.kind === 'ble' ? one : []));
    const within = (from: number, to: number): typeof ble =>
      ble.filter(({ start_ms }) => start_ms >= from && start_ms < to);
    const minutes = (list: typeof ble): number => list.reduce((total, { open_minutes }) => total + open_minutes, 0);
    expect(minutes(within(midnight, midnight + hours * HOUR))).toBe(open * 60);
    // Every phone minute lies in an open one, four to the hour.
    const phones = within(midnight, midnight + hours * HOUR).reduce((total, one) => total + one.phone_minutes, 0);
    expect(phones).toBe(open * 4);
    expect(minutes(within(midnight - 24 * HOUR, midnight))).toBe(4 * 60);
  });
});
