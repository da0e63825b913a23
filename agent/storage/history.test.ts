import { describe, expect, it } from 'vitest';
import { lengthsAfter } from './history.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const row = (window: number, minutes: number, startMs = window * minutes * MINUTE) => ({
  window,
  startMs,
  endMs: startMs + minutes * MINUTE,
});

describe('what history is kept', () => {
  it('is 400 days of windows of the length they have', () => {
    const { lengths, cutoff } = lengthsAfter([], [row(50_000, 15), row(50_000, 24 * 60)], 50_000);
    expect(lengths).toEqual([{ from: 50_000, ms: 15 * MINUTE }]);
    expect(cutoff).toBe(50_000 - 400 * 96);
  });

  it('counts each window with the length it had', () => {
    // A hundred days of 15 minutes, then a hundred days of an hour.
    const short = lengthsAfter([], [row(1, 15)], 1).lengths;
    const { lengths } = lengthsAfter(short, [row(9_601, 60)], 9_601);
    const after = lengthsAfter(lengths, [row(12_000, 60)], 12_000);
    // 300 days lie before the change, as far as anybody knows in windows of 15 minutes.
    expect(after.cutoff).toBe(9_600 - 300 * 96);
    expect(after.lengths).toEqual([
      { from: 1, ms: 15 * MINUTE },
      { from: 9_601, ms: 60 * MINUTE },
    ]);
    // Once 400 days of hours lie behind it, the change is forgotten.
    const late = lengthsAfter(lengths, [], 9_601 + 9_700);
    expect(late).toEqual({ lengths: [{ from: 9_601, ms: 60 * MINUTE }], cutoff: 9_601 + 100 });
  });

  it('takes nothing from rows of days, of other windows or of a clock that went back', () => {
    const known = [{ from: 1, ms: 15 * MINUTE }];
    const odd = [row(40_000, 24 * 60), row(39_999, 60), { window: 40_000, startMs: 5 * DAY, endMs: 3 * DAY }];
    expect(lengthsAfter(known, odd, 40_000)).toEqual({ lengths: known, cutoff: 40_000 - 38_400 });
    expect(lengthsAfter([], odd, 40_000)).toEqual({ lengths: [], cutoff: null });
  });

  it('stays small where the length changes with every window, and then rather keeps too much', () => {
    let lengths: { from: number; ms: number }[] = [];
    let cutoff: number | null = null;
    for (let window = 1; window <= 20_000; window++) {
      ({ lengths, cutoff } = lengthsAfter(lengths, [row(window, window % 2 === 0 ? 30 : 60)], window));
    }
    expect(lengths.length).toBeLessThanOrEqual(64);
    expect(cutoff).toBeLessThanOrEqual(20_000 - (400 * 24 * 60) / 45);
    expect(cutoff).toBeGreaterThanOrEqual(20_000 - (400 * 24 * 60) / 30 - 64);
  });
});
