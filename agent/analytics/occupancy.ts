/**
 * People inside the store over all doors: a piecewise constant whose sums commute, so that crossings may come out of
 * order within the grace.
 */
import type { WindowState } from './windows.ts';

export interface Occupancy {
  entries: number;
  exits: number;
  atStart: number;
  /** max(0, atStart + entries - exits): doors that miss entries would else make it negative. */
  atEnd: number;
  /** Extremes at the ends of minutes, the start included. */
  min: number;
  max: number;
  /** Person-milliseconds, floored at 0. */
  occupancyMs: number;
}

export function occupancyOf(window: WindowState, atStart: number): Occupancy {
  let level = atStart;
  let min = atStart;
  let max = atStart;
  let entries = 0;
  let exits = 0;
  for (let minute = 0; minute < window.entered.length; minute++) {
    entries += window.entered[minute];
    exits += window.left[minute];
    level = Math.max(0, atStart + entries - exits);
    if (level < min) min = level;
    if (level > max) max = level;
  }
  const occupancyMs = Math.max(0, atStart * (window.end - window.start) + window.entryMs - window.exitMs);
  return { entries, exits, atStart, atEnd: level, min, max, occupancyMs };
}
