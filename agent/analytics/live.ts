/** Today's figures so far, for the status screen: sealed windows of the local day and those still open. */
import type { AdvertisersNow } from './advertisers.ts';
import type { Bindings } from './bindings.ts';
import type { Calendar } from './calendar.ts';
import type { Calibration } from './calibration.ts';
import { addToHistogram, type Histogram, histogramEntries, mergeHistogram, quantile } from './histogram.ts';
import { passingPeople } from './passing.ts';
import type { WindowSummary } from './sealing.ts';
import { MINUTE_MS, type WindowState, zoneOf } from './windows.ts';

/** Structurally the `Today` of the status document. */
export interface TodayFigures {
  date: string;
  entries: number | null;
  exits: number | null;
  occupancy: number | null;
  people: number | null;
  visits: number;
  passers_by: number;
  passing_people: number | null;
  passing_state: string;
  entry_rate: number | null;
  device_entry_rate: number | null;
  dwell_ms: number | null;
  dwell_p50_ms: number | null;
  dwell_visits: number;
  transactions: number | null;
  ble_now: AdvertisersNow | null;
  hours: { entries: number; visits: number; passers_by: number; inside: number | null }[];
}

export interface LiveFigures {
  today: TodayFigures;
  /** The oldest window not yet sealed, with the ordinal it will have. */
  window: { ordinal: number; start_ms: number; end_ms: number };
  /** Keys in the device table, and sightings that found it full since the start of the state. */
  devices: number;
  untracked: number;
}

/** Sums over the windows that start on one local date. */
export interface TodayState {
  date: string;
  entries: number;
  exits: number;
  occupancyMs: number;
  visits: number;
  passersBy: number;
  burstsOutside: number;
  transactions: number;
  dwellVisits: number;
  histogram: Histogram;
  hours: HourState[];
}

interface HourState {
  entries: number;
  visits: number;
  passers_by: number;
  /** Person-milliseconds inside, and the milliseconds of the windows they were spent in; not in the oldest snapshots. */
  occupancyMs?: number;
  windowMs?: number;
}

export function createToday(date: string): TodayState {
  return {
    date,
    entries: 0,
    exits: 0,
    occupancyMs: 0,
    visits: 0,
    passersBy: 0,
    burstsOutside: 0,
    transactions: 0,
    dwellVisits: 0,
    histogram: {},
    hours: Array.from({ length: 24 }, () => ({ entries: 0, visits: 0, passers_by: 0, occupancyMs: 0, windowMs: 0 })),
  };
}

/** Adds a window; the first one of another date starts that day. Returns the state to go on with. */
export function addToToday(
  today: TodayState,
  window: WindowState,
  summary: WindowSummary,
  calendar: Calendar,
): TodayState {
  const { date } = calendar.day(window.start);
  const into = today.date === date ? today : createToday(date);
  const { entries, exits, occupancyMs } = summary.occupancy;
  const { dwell } = zoneOf(window, 0);
  into.entries += entries;
  into.exits += exits;
  into.occupancyMs += occupancyMs;
  into.visits += summary.visits;
  into.passersBy += summary.passersBy;
  into.burstsOutside += zoneOf(window, 0).burstsOutside;
  into.transactions += window.transactions;
  into.dwellVisits += dwell.visits;
  mergeHistogram(into.histogram, histogramEntries(dwell.histogram));
  const hour = into.hours[calendar.hour(window.start)];
  hour.entries += entries;
  hour.visits += summary.visits;
  hour.passers_by += summary.passersBy;
  hour.occupancyMs = (hour.occupancyMs ?? 0) + occupancyMs;
  hour.windowMs = (hour.windowMs ?? 0) + window.end - window.start;
  return into;
}

/** A copy that can be added to without changing `today`. */
export function copyToday(today: TodayState): TodayState {
  const histogram: Histogram = {};
  for (const [bucket, count] of histogramEntries(today.histogram)) addToHistogram(histogram, bucket, count);
  return { ...today, histogram, hours: today.hours.map((hour) => ({ ...hour })) };
}

/**
 * @param now what holds at the moment: people inside by the doors and by radio, Bluetooth advertisers of the last full
 *   minute, and the milliseconds of the newest window still to come, which nobody has spent inside yet.
 */
export function todayFigures(
  today: TodayState,
  now: { occupancy: number; people: number | null; ble: AdvertisersNow | null; aheadMs: number },
  bindings: Bindings,
  calibration: Calibration,
): TodayFigures {
  const { hasDoor, hasTill } = bindings;
  const { entries, exits, visits, passersBy } = today;
  const { occupancy, people } = now;
  const { passingSeconds } = bindings.parameters;
  const personMs = Math.max(0, today.occupancyMs - occupancy * now.aheadMs);
  const sums = {
    burstsOutside: today.burstsOutside,
    personMinutes: personMs / MINUTE_MS,
    entries: hasDoor ? entries : null,
  };
  const passing = passingPeople(calibration, sums, passingSeconds);
  const encounters = visits + passersBy;
  return {
    date: today.date,
    entries: hasDoor ? entries : null,
    exits: hasDoor ? exits : null,
    occupancy: hasDoor ? occupancy : null,
    people: people === null ? null : Math.round(people),
    visits,
    passers_by: passersBy,
    passing_people: passing.people,
    passing_state: passing.state,
    entry_rate: passing.people !== null && passing.people > 0 ? entries / passing.people : null,
    device_entry_rate: encounters > 0 ? visits / encounters : null,
    dwell_ms: hasDoor && entries > 0 && exits > 0 ? Math.round(personMs / entries) : null,
    dwell_p50_ms: quantile(histogramEntries(today.histogram), 0.5),
    dwell_visits: today.dwellVisits,
    transactions: hasTill ? today.transactions : null,
    ble_now: now.ble,
    hours: hourFigures(today, now, hasDoor),
  };
}

/** Mean people inside by hour; null without doors, and for an hour in which nothing was counted. */
function hourFigures(
  { hours }: TodayState,
  { occupancy, aheadMs }: { occupancy: number; aheadMs: number },
  hasDoor: boolean,
): TodayFigures['hours'] {
  // What is still to come of the newest window belongs to the last hour that has any.
  const newest = hours.findLastIndex(({ windowMs }) => (windowMs ?? 0) > 0);
  return hours.map(({ entries, visits, passers_by, occupancyMs = 0, windowMs = 0 }, index) => {
    const ahead = index === newest ? aheadMs : 0;
    const lengthMs = windowMs - ahead;
    const inside = hasDoor && lengthMs > 0 ? Math.max(0, occupancyMs - occupancy * ahead) / lengthMs : null;
    return { entries, visits, passers_by, inside: inside === null ? null : Math.round(inside * 100) / 100 };
  });
}
