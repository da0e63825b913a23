/** How many bytes a window seals: what a forecast of the buffer's room rests on. */
import type { Batch } from './storage.ts';

/** Windows the mean looks back on: a day of a quarter of an hour each. */
const WINDOWS = 100;

export interface Pace {
  /** Bytes a window. */
  mean: number;
  /** Windows in the mean, up to WINDOWS. */
  windows: number;
}

/** Reads what `updatePace` wrote; null where nothing was. */
export function readPace(text: string | undefined): Pace | null {
  if (text === undefined) return null;
  const { mean, windows } = JSON.parse(text) as Pace;
  return { mean, windows };
}

/** Folds the windows of these batches into the running mean, and gives its text to keep. */
export function updatePace(text: string | undefined, batches: Batch[]): string {
  let { mean, windows } = readPace(text) ?? { mean: 0, windows: 0 };
  const bytes = new Map<number, number>();
  for (const { windowOrdinal, body } of batches) {
    bytes.set(windowOrdinal, (bytes.get(windowOrdinal) ?? 0) + body.length);
  }
  for (const size of bytes.values()) {
    windows = Math.min(windows + 1, WINDOWS);
    mean += (size - mean) / windows;
  }
  return JSON.stringify({ mean, windows } satisfies Pace);
}
