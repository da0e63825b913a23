/**
 * The windows that are open: the oldest unsealed one, and those behind it that readings within the grace already belong
 * to. All sums are integers and commute, so the order in which rows of one window come never matters.
 */
import { CLOCK_TRUST, type ClockTrust } from '../readings.ts';
import { createCoverage, type SensorCoverage } from './coverage.ts';
import type { Histogram } from './histogram.ts';
import type { Parameters } from './parameters.ts';
import type { VisitorsState } from './visitors.ts';

export const MINUTE_MS = 60_000;

export interface DwellCounts {
  visits: number;
  ms: number;
  censored: number;
  heardOnce: number;
  bounced: number;
  engaged: number;
  histogram: Histogram;
}

/** Counts of one scope: the whole store (scope 0), or one zone. */
export interface ZoneCounts {
  sightings: number;
  random: number;
  late: number;
  burstsInside: number;
  burstsOutside: number;
  visits: number;
  passersBy: number;
  /** Fixtures known at the last minute evaluated. */
  fixtures: number;
  present: number;
  minutes: number;
  presentMax: number;
  /** Sum over minutes of the smoothed estimate of people, and the minutes that had one. */
  people: number;
  peopleMinutes: number;
  dwell: DwellCounts;
}

/** Bluetooth of one scope; device-minutes are sums over minutes of distinct addresses above the gate. */
export interface AdvertiserCounts {
  advertisements: number;
  random: number;
  late: number;
  /** Advertisements of keys that found the table full. */
  untracked: number;
  phoneMinutes: number;
  fixtureMinutes: number;
  otherMinutes: number;
  phonesMax: number;
}

export interface DoorCounts {
  entries: number;
  exits: number;
  catchUpEntries: number;
  catchUpExits: number;
  /** Start of the earliest silence that was caught up, ms; null without one, absent in the oldest snapshots. */
  catchUpFrom?: number | null;
  setAside: number;
  resets: number;
}

/** Plain data, so that a snapshot is its JSON. */
export interface WindowState {
  start: number;
  end: number;
  parameters: Parameters;
  /** By scope: 0 the store, z + 1 the zone z. */
  zones: ZoneCounts[];
  /** By scope, as `zones`. */
  advertisers: AdvertiserCounts[];
  /** By door index. */
  doors: DoorCounts[];
  /** People in and out by minute of the window. */
  entered: number[];
  left: number[];
  /** Bursts above and below the gate by minute of the window, whole store, as in the zone counts. */
  inside: number[];
  outside: number[];
  /** Sums of the time left until the window's end. */
  entryMs: number;
  exitMs: number;
  /** Minutes evaluated that lie in opening hours. */
  openMinutes: number;
  transactions: number;
  /** Caught-up people who had left by other doors before they were counted in: see `Occupancy`. */
  alreadyLeft: number;
  /** Nothing is learnt from it: people were caught up in it whose minutes are estimated, or it is cut short. */
  estimated: boolean;
  /** The worst trust in the clock while it was counted; null until anything is known of the clock. */
  clock: ClockTrust | null;
  /** By sensor index. */
  sensors: Record<number, SensorCoverage>;
  /** Distinct visitors of the whole store; absent for none, and where they are not shared. */
  visitors?: VisitorsState;
}

export class OpenWindows {
  /** Contiguous, oldest first, never empty. */
  readonly states: WindowState[] = [];
  /** How far the clock can be trusted now; null until anything is known of it. */
  clock: ClockTrust | null = null;

  get oldest(): WindowState {
    return this.states[0];
  }

  /**
   * The window that `time` falls in; the oldest one for a time before it. Windows are added up to that time. A window
   * takes the newest parameters once its start is a boundary of their length too (other lengths wait for that).
   */
  at(time: number, newest: Parameters): WindowState {
    const { states } = this;
    if (time < states[0].end) return states[0];
    let last = states[states.length - 1];
    while (time >= last.end) {
      last = this.append(last.end, newest, last.parameters);
    }
    for (const state of states) if (time < state.end) return state;
    return last;
  }

  /** Adds the window from `start`, with the newest parameters if their length has a boundary there. */
  append(start: number, newest: Parameters, before: Parameters): WindowState {
    const parameters = start % (newest.windowMinutes * MINUTE_MS) === 0 ? newest : before;
    const state = createWindow(start, parameters, this.clock);
    this.states.push(state);
    return state;
  }

  /** Starts over with the window of `parameters` that holds `time`. */
  restart(time: number, parameters: Parameters): void {
    const length = parameters.windowMinutes * MINUTE_MS;
    this.states.length = 0;
    this.states.push(createWindow(Math.floor(time / length) * length, parameters, this.clock));
  }

  /** Starts over with what is left at `time` of the window that holds it. */
  restartWithin(time: number, parameters: Parameters): void {
    this.restart(time, parameters);
    const [window] = this.states;
    if (window.start === time) return;
    window.start = time;
    window.estimated = true;
  }

  /** The clock is trusted so far from `time` on. */
  trustClock(clock: ClockTrust, time: number): void {
    this.clock = clock;
    for (const state of this.states) if (state.end > time) state.clock = worst(state.clock, clock);
  }
}

/** Counts of a scope; made on first use, so that zones can be added at any time. */
export function zoneOf(window: WindowState, scope: number): ZoneCounts {
  while (window.zones.length <= scope) window.zones.push(createZone());
  return window.zones[scope];
}

export function advertisersOf(window: WindowState, scope: number): AdvertiserCounts {
  while (window.advertisers.length <= scope) {
    window.advertisers.push({
      advertisements: 0,
      random: 0,
      late: 0,
      untracked: 0,
      phoneMinutes: 0,
      fixtureMinutes: 0,
      otherMinutes: 0,
      phonesMax: 0,
    });
  }
  return window.advertisers[scope];
}

export function doorOf(window: WindowState, door: number): DoorCounts {
  while (window.doors.length <= door) {
    window.doors.push({
      entries: 0,
      exits: 0,
      catchUpEntries: 0,
      catchUpExits: 0,
      catchUpFrom: null,
      setAside: 0,
      resets: 0,
    });
  }
  return window.doors[door];
}

export function coverageOf(window: WindowState, sensor: number): SensorCoverage {
  window.sensors[sensor] ??= createCoverage();
  return window.sensors[sensor];
}

/** Counts people at `time`, clamped to the window. */
export function countFlow(window: WindowState, time: number, entered: number, left: number): void {
  const at = Math.min(Math.max(time, window.start), window.end - 1);
  const minute = Math.floor((at - window.start) / MINUTE_MS);
  window.entered[minute] += entered;
  window.left[minute] += left;
  window.entryMs += entered * (window.end - at);
  window.exitMs += left * (window.end - at);
}

/** The window ends at `time`, where its end lies behind that. */
export function cutWindow(window: WindowState, time: number): void {
  const ahead = window.end - time;
  if (ahead <= 0) return;
  window.entryMs -= ahead * sum(window.entered);
  window.exitMs -= ahead * sum(window.left);
  window.end = time;
  window.estimated = true;
}

/** Of two judgements of the clock the one that trusts it less. */
export function worst(one: ClockTrust | null, other: ClockTrust): ClockTrust {
  return one !== null && CLOCK_TRUST.indexOf(one) > CLOCK_TRUST.indexOf(other) ? one : other;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function createWindow(start: number, parameters: Parameters, clock: ClockTrust | null): WindowState {
  const minutes = parameters.windowMinutes;
  return {
    start,
    end: start + minutes * MINUTE_MS,
    parameters,
    zones: [createZone()],
    advertisers: [],
    doors: [],
    entered: new Array<number>(minutes).fill(0),
    left: new Array<number>(minutes).fill(0),
    inside: new Array<number>(minutes).fill(0),
    outside: new Array<number>(minutes).fill(0),
    entryMs: 0,
    exitMs: 0,
    openMinutes: 0,
    transactions: 0,
    alreadyLeft: 0,
    estimated: false,
    clock,
    sensors: {},
  };
}

function createZone(): ZoneCounts {
  return {
    sightings: 0,
    random: 0,
    late: 0,
    burstsInside: 0,
    burstsOutside: 0,
    visits: 0,
    passersBy: 0,
    fixtures: 0,
    present: 0,
    minutes: 0,
    presentMax: 0,
    people: 0,
    peopleMinutes: 0,
    dwell: { visits: 0, ms: 0, censored: 0, heardOnce: 0, bounced: 0, engaged: 0, histogram: {} },
  };
}
