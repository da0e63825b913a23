/**
 * The night's settlement. Doors miss people, so by closing time entries and exits differ and the occupancy has drifted.
 * The business day runs from one settlement to the next; as the store is empty at both ends, exits are scaled to equal
 * entries, and the occupancy and the mean dwell follow.
 */
import type { Bindings } from './bindings.ts';
import type { LocalDay } from './calendar.ts';
import type { Calibration, Evidence } from './calibration.ts';
import { coveredMs } from './coverage.ts';
import type { Occupancy } from './occupancy.ts';
import { passingPeople } from './passing.ts';
import type { DayRecord, OccupancyRecord, VisitorsRecord } from './records.ts';
import type { WindowSummary } from './sealing.ts';
import { createVisitors, uniteVisitors, type VisitorsState, visitorsRecord } from './visitors.ts';
import { MINUTE_MS, type WindowState, zoneOf } from './windows.ts';

/** Flows further apart than this factor are a broken door, not drift: nothing is revised and no dwell is told. */
const MAX_RATIO = 2;
const REVISED = 2;
/** Passages that doors are taken to miss: counters miss 0.5 to 5 %, and see one of several who walk side by side. */
const MISSED_SHARE = 0.05;

/** What the day keeps of each sealed window; a business day lasts at most two days, so the list is bounded. */
export interface DayWindow extends Occupancy {
  ordinal: number;
  start: number;
  end: number;
  parameters: string;
  entryMs: number;
  exitMs: number;
  /** What it teaches the calibration besides its occupancy; null when it was not fit to teach. */
  evidence: Omit<Evidence, 'personMinutes'> | null;
  /** Milliseconds by which time was corrected after it was sealed; absent for none. Its start and end stay as sealed. */
  correctedMs?: number;
}

export interface DayState {
  windows: DayWindow[];
  visits: number;
  passersBy: number;
  burstsOutside: number;
  transactions: number;
  coveredMs: number;
  sensorMs: number;
  /** What caught-up people add to the times left for having come and gone before their window; absent for none. */
  earlier?: { entryMs: number; exitMs: number };
  /** Absent for none, and where they are not shared. */
  visitors?: VisitorsState;
}

export interface Settlement {
  day: DayRecord;
  /** Null where they are not shared. */
  visitors: VisitorsRecord | null;
  revised: OccupancyRecord[];
}

/** The end of a sealed window in the time of now. */
export function endOf({ end, correctedMs = 0 }: DayWindow): number {
  return end + correctedMs;
}

export function createDay(): DayState {
  return { windows: [], visits: 0, passersBy: 0, burstsOutside: 0, transactions: 0, coveredMs: 0, sensorMs: 0 };
}

export function addToDay(
  day: DayState,
  ordinal: number,
  window: WindowState,
  summary: WindowSummary,
  evidence: Omit<Evidence, 'personMinutes'> | null,
  sensors: readonly number[],
): void {
  const { start, end, entryMs, exitMs } = window;
  day.windows.push({
    ...summary.occupancy,
    ordinal,
    start,
    end,
    parameters: window.parameters.id,
    entryMs,
    exitMs,
    evidence,
  });
  day.visits += summary.visits;
  day.passersBy += summary.passersBy;
  day.burstsOutside += zoneOf(window, 0).burstsOutside;
  day.transactions += window.transactions;
  if (window.visitors !== undefined) {
    day.visitors ??= createVisitors();
    uniteVisitors(day.visitors, window.visitors);
  }
  for (const sensor of sensors) day.coveredMs += coveredMs(window, sensor);
  day.sensorMs += sensors.length * (end - start);
}

/**
 * Settles a day into its record and the revised occupancy of its windows, and teaches the calibration with them.
 * @param base key of the window in whose records the day's are told.
 */
export function settle(
  day: DayState,
  local: LocalDay,
  base: Pick<DayRecord, 'store' | 'window' | 'parameters'>,
  bindings: Bindings,
  calibration: Calibration,
): Settlement {
  const { hasDoor, hasTill } = bindings;
  const { windows } = day;
  const entries = sum(windows, (window) => window.entries);
  const exits = sum(windows, (window) => window.exits);
  // Business past midnight: times left count to its end, so that none of them is negative.
  const end = windows.reduce((last, window) => Math.max(last, endOf(window)), local.end);
  const { earlier = { entryMs: 0, exitMs: 0 } } = day;
  const entryMs = earlier.entryMs + sum(windows, (window) => window.entryMs + window.entries * (end - endOf(window)));
  const exitMs = earlier.exitMs + sum(windows, (window) => window.exitMs + window.exits * (end - endOf(window)));
  const sound = entries > 0 && exits > 0 && entries <= MAX_RATIO * exits && exits <= MAX_RATIO * entries;
  const settled = sound ? settleWindows(windows, entries / exits) : windows;
  calibration.settle(
    settled.flatMap(({ evidence, occupancyMs }) =>
      evidence === null ? [] : [{ ...evidence, personMinutes: occupancyMs / MINUTE_MS }],
    ),
  );
  const { passingSeconds } = bindings.parameters;
  const dwell = sound ? (entryMs - (entries / exits) * exitMs) / entries : null;
  const record: DayRecord = {
    kind: 'day',
    place: 'store',
    ...base,
    rev: 1,
    start_ms: local.start,
    end_ms: local.end,
    date: local.date,
    entries,
    exits,
    entry_ms: entryMs,
    exit_ms: exitMs,
    dwell_ms: dwell === null ? null : Math.max(0, Math.round(dwell)),
    dwell_error_ms: dwell === null ? null : Math.round(dwellError(windows, dwell, entries, exits)),
    drift: entries - exits,
    occupancy_max: Math.max(0, ...settled.map(({ max }) => max)),
    visits: day.visits,
    passers_by: day.passersBy,
    passing_people: passingPeople(
      calibration,
      {
        burstsOutside: day.burstsOutside,
        personMinutes: sum(settled, ({ occupancyMs }) => occupancyMs) / MINUTE_MS,
        entries: hasDoor ? entries : null,
      },
      passingSeconds,
    ).people,
    transactions: hasTill ? day.transactions : null,
    coverage_permille: day.sensorMs === 0 ? 0 : Math.round((1000 * day.coveredMs) / day.sensorMs),
  };
  const changed = hasDoor ? settled.filter((window, index) => differs(window, windows[index])) : [];
  const shared = bindings.hasWifi && bindings.parameters.visitors === true;
  return {
    day: record,
    visitors: shared ? visitorsRecord(record, day.visitors ?? createVisitors()) : null,
    revised: changed.map((window) => occupancyRecord(window, base.store, REVISED)),
  };
}

export function occupancyRecord(window: DayWindow, store: string, rev: number): OccupancyRecord {
  return {
    kind: 'occupancy',
    place: 'store',
    store,
    rev,
    window: window.ordinal,
    start_ms: window.start,
    end_ms: window.end,
    parameters: window.parameters,
    entries: window.entries,
    exits: window.exits,
    at_start: window.atStart,
    already_left: window.alreadyLeft,
    at_end: window.atEnd,
    min: window.min,
    max: window.max,
    occupancy_ms: window.occupancyMs,
    entry_ms: window.entryMs,
    exit_ms: window.exitMs,
  };
}

/**
 * Exits scaled by `ratio`, rounded cumulatively so that their sum over the day is exact. No more people leave than are
 * inside: exits in excess wait for a later window, and the day still closes.
 */
function settleWindows(windows: readonly DayWindow[], ratio: number): DayWindow[] {
  let atStart = windows[0].atStart;
  let inside = atStart;
  let rawExits = 0;
  let left = 0;
  return windows.map((window) => {
    const length = window.end - window.start;
    rawExits += window.exits;
    inside += window.entries;
    const exits = Math.min(Math.round(rawExits * ratio), inside) - left;
    left += exits;
    const atEnd = inside - left;
    // Extremes lie between the window's ends: they move by the mean of what the ends move by.
    const shift = Math.round((atStart - window.atStart + atEnd - window.atEnd) / 2);
    const exitMs = Math.round(exits * (window.exits > 0 ? window.exitMs / window.exits : length / 2));
    const settled = {
      ...window,
      atStart,
      alreadyLeft: 0,
      atEnd,
      exits,
      exitMs,
      min: Math.max(0, Math.min(window.min + shift, atStart, atEnd)),
      max: Math.max(window.max + shift, atStart, atEnd),
      occupancyMs: Math.max(0, atStart * length + window.entryMs - exitMs),
    };
    atStart = atEnd;
    return settled;
  });
}

/**
 * Standard error of the mean dwell, an approximation of two independent parts: the mean of as many stays, taken as
 * exponential (spread = mean), and what the doors missed, each at a random time of the day (the spread of exit times).
 * The drift alone does not tell how much that is, because misses either way cancel in it.
 */
function dwellError(windows: readonly DayWindow[], dwell: number, entries: number, exits: number): number {
  const left = windows.filter((window) => window.exits > 0);
  const time = (window: DayWindow): number => endOf(window) - window.exitMs / window.exits;
  const mean = sum(left, (window) => window.exits * time(window)) / exits;
  const variance = sum(left, (window) => window.exits * (time(window) - mean) ** 2) / exits;
  const missed = Math.max(Math.abs(entries - exits), MISSED_SHARE * (entries + exits));
  return Math.sqrt(dwell ** 2 / entries + (variance * missed) / entries ** 2);
}

function differs(one: DayWindow, other: DayWindow): boolean {
  const keys = ['exits', 'atStart', 'alreadyLeft', 'atEnd', 'min', 'max', 'occupancyMs', 'exitMs'] as const;
  return keys.some((key) => one[key] !== other[key]);
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
