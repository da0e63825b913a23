/** How much of a window each sensor was heard: a zero is not a missing. */
import { REJECTIONS } from '../readings.ts';
import { feedOf } from './bindings.ts';
import type { Parameters } from './parameters.ts';
import type { WindowState } from './windows.ts';

export interface SensorCoverage {
  coveredMs: number;
  bytes: number;
  accepted: number;
  /** By index of REJECTIONS; shorter in a snapshot of a release that knew fewer. */
  rejected: number[];
}

/** Share of a window that every Wi-Fi and door sensor must be covered for its counts to teach the calibration. */
const TEACHING_SHARE = 0.8;

export function createCoverage(): SensorCoverage {
  return { coveredMs: 0, bytes: 0, accepted: 0, rejected: REJECTIONS.map(() => 0) };
}

/** Part of the `covered` milliseconds before `until` that lies in the window. */
export function coveredIn(window: WindowState, until: number, covered: number): number {
  return Math.max(0, Math.min(until, window.end) - Math.max(until - covered, window.start));
}

/** Covered milliseconds of one sensor, at most the window's length (reports may overlap after a clock correction). */
export function coveredMs(window: WindowState, sensor: number): number {
  return Math.min(window.sensors[sensor]?.coveredMs ?? 0, window.end - window.start);
}

/** Rejected frames by the reason's name, reasons without any left out. */
export function rejectedByName(coverage: SensorCoverage | undefined): Record<string, number> {
  const entries = REJECTIONS.map((reason, index): [string, number] => [reason, coverage?.rejected[index] ?? 0]);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

/** True when both sides of the calibration were heard well enough to be set against each other. */
export function wellCovered(window: WindowState, sensors: Parameters['sensors']): boolean {
  const needed = TEACHING_SHARE * (window.end - window.start);
  return sensors.every((sensor) => {
    const feed = feedOf(sensor);
    return feed === 'transactions' || feed === 'ble' || coveredMs(window, sensor.index) >= needed;
  });
}
