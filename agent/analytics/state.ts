/** The fold's state as a snapshot holds it: plain data, the open windows, and the device table's columns. */

import type { ClockTrust } from '../readings.ts';
import { Advertisers } from './advertisers.ts';
import type { Places } from './bindings.ts';
import { Calibration, type CalibrationState } from './calibration.ts';
import { DeviceTable } from './devices.ts';
import type { CounterState } from './doors.ts';
import type { TodayState } from './live.ts';
import type { Parameters } from './parameters.ts';
import type { DayState } from './settlement.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts';
import { Traffic } from './traffic.ts';
import { MINUTE_MS, OpenWindows, type WindowState } from './windows.ts';

/** Everything but windows and devices; JSON as it is. */
export interface FoldState {
  at: number;
  ordinal: number;
  /** Next UTC minute to be evaluated. */
  minute: number;
  /** Ordinal of the last window sealed. */
  windowOrdinal: number;
  /** Windows skipped before the next one to be sealed. */
  skipped: number;
  warmUpUntil: number;
  /** Id of the key that the device table's hashes were made with; 0 before the first. */
  key: number;
  /** People inside at the start of the oldest window. */
  occupancy: number;
  /** Since when the clock is the one that it is now, for another one kept the machine before; 0 for always. */
  clockSince: number;
  /** Instant and local date of the last settlement. */
  settledAt: number;
  settledDate: string;
  newest: Parameters;
  places: Places;
  /** By sensor index. */
  counters: Record<number, CounterState>;
  estimates: (number | null)[];
  calibration: CalibrationState;
  day: DayState;
  today: TodayState;
}

/**
 * What came later, and snapshots of releases before lack. Fields are only added, and only to the JSON: so either release
 * reads the other's snapshot, and none is lost by going back.
 */
type Newer = 'advertisers' | 'alreadyLeft' | 'estimated' | 'clock';

interface Snapshot {
  state: Omit<FoldState, 'newest' | 'clockSince'> & Partial<Pick<FoldState, 'clockSince'>>;
  clock?: ClockTrust | null;
  /** The newest parameters, then those of open windows that differ, each once. */
  parameters: Parameters[];
  windows: (Omit<WindowState, 'parameters' | Newer> & Partial<Pick<WindowState, Newer>> & { parameters: number })[];
  /** The table of Bluetooth advertisers, its columns in base64; absent when it is empty. */
  advertisers?: { size: number; columns: string };
  untracked: number;
  devices: number;
}

export function createFoldState(parameters: Parameters, at: number, today: TodayState, day: DayState): FoldState {
  return {
    at,
    ordinal: 0,
    minute: Math.floor(at / MINUTE_MS),
    windowOrdinal: 0,
    skipped: 0,
    warmUpUntil: 0,
    key: 0,
    occupancy: 0,
    clockSince: 0,
    settledAt: at,
    settledDate: '',
    newest: parameters,
    places: { zones: [], doors: [] },
    counters: {},
    estimates: [],
    calibration: new Calibration().state,
    day,
    today,
  };
}

export function writeState(
  version: number,
  state: FoldState,
  windows: OpenWindows,
  traffic: Traffic,
  advertisers: Advertisers,
): Uint8Array {
  const { newest, ...rest } = state;
  const parameters = [newest];
  const snapshot: Snapshot = {
    state: rest,
    clock: windows.clock,
    parameters,
    windows: windows.states.map((window) => ({ ...window, parameters: indexOf(parameters, window.parameters) })),
    untracked: traffic.untracked,
    devices: traffic.table.size,
    ...(advertisers.table.size > 0 && { advertisers: saveAdvertisers(advertisers) }),
  };
  return encodeSnapshot(version, snapshot, traffic.table.save());
}

/** Throws a SnapshotError. */
export function readState(
  version: number,
  body: Uint8Array,
): { state: FoldState; windows: OpenWindows; traffic: Traffic; advertisers: Advertisers } {
  const decoded = decodeSnapshot(version, body);
  const { state, clock, parameters, windows, untracked, devices, advertisers: saved } = decoded.state as Snapshot;
  const open = new OpenWindows();
  open.clock = clock ?? null;
  for (const window of windows) {
    const newer = { advertisers: [], alreadyLeft: 0, estimated: false, clock: null };
    open.states.push({ ...newer, ...window, parameters: parameters[window.parameters] });
  }
  for (const window of state.day.windows) window.alreadyLeft ??= 0;
  const table = new DeviceTable();
  table.load(decoded.columns, devices);
  const traffic = new Traffic(table);
  traffic.untracked = untracked;
  const advertisers = new Advertisers();
  if (saved !== undefined) advertisers.table.load(Buffer.from(saved.columns, 'base64'), saved.size);
  return {
    state: { ...state, clockSince: state.clockSince ?? 0, newest: parameters[0] },
    windows: open,
    traffic,
    advertisers,
  };
}

function saveAdvertisers({ table }: Advertisers): { size: number; columns: string } {
  return { size: table.size, columns: Buffer.from(table.save()).toString('base64') };
}

function indexOf(list: Parameters[], parameters: Parameters): number {
  const index = list.indexOf(parameters);
  return index >= 0 ? index : list.push(parameters) - 1;
}
