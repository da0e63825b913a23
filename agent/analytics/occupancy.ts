/**
 * People inside the store over all doors: a piecewise constant whose sums commute, so that crossings may come out of
 * order within the grace.
 */
import type { WindowState } from './windows.ts';

export interface Occupancy {
  entries: number;
  exits: number;
  atStart: number;
  /**
   * Exits of windows before this one that found nobody inside, because the entries of that time were caught up only now.
   */
  alreadyLeft: number;
  /** max(0, atStart + entries - exits - alreadyLeft): doors that miss entries would else make it negative. */
  atEnd: number;
  /** Extremes at the ends of minutes, the start included. */
  min: number;
  max: number;
  /** Person-milliseconds, floored at 0. */
  occupancyMs: number;
}

export function occupancyOf(window: WindowState, atStart: number): Occupancy {
  const { alreadyLeft } = window;
  let level = atStart;
  let min = atStart;
  let max = atStart;
  let entries = 0;
  let exits = 0;
  for (let minute = 0; minute < window.entered.length; minute++) {
    entries += window.entered[minute];
    exits += window.left[minute];
    level = Math.max(0, atStart + entries - exits - alreadyLeft);
    if (level < min) min = level;
    if (level > max) max = level;
  }
  const inside = (atStart - alreadyLeft) * (window.end - window.start);
  const occupancyMs = Math.max(0, inside + window.entryMs - window.exitMs);
  return { entries, exits, atStart, alreadyLeft, atEnd: level, min, max, occupancyMs };
}

/** Exits that found nobody inside, in a run of windows; those that one of them has as `alreadyLeft` are made up for. */
export function exitsWithoutEntry(windows: readonly Occupancy[]): number {
  return windows.reduce((sum, { atStart, entries, exits, atEnd }) => sum + atEnd - (atStart + entries - exits), 0);
}
