import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RepeatedTotals, type Totals } from './repeated-totals.ts';

const FIRST: Totals = { entered: 5, left: 3, boot: 0, width: 16, time: 0 };

type Written = [time: number, entered: number, news: boolean];

function written(readings: readonly Totals[]): Written[] {
  const totals = new RepeatedTotals();
  const rows: Written[] = [];
  for (const reading of readings) {
    totals.take(1, reading, ({ time, entered }, news) => rows.push([time, entered, news]));
  }
  return rows;
}

/** A counter polled each second; `entered` by second. */
function polled(seconds: number, entered: (second: number) => number): Totals[] {
  return Array.from({ length: seconds }, (_, second) => ({ ...FIRST, entered: entered(second), time: second * 1000 }));
}

describe('totals that are repeated', () => {
  it('are written once a minute from a counter that stands still and is polled each second', () => {
    const rows = written(polled(3600, () => 5));
    expect(rows).toHaveLength(60);
    expect(rows[0]).toEqual([0, 5, true]);
    expect(rows.slice(1).every(([time, , news], index) => time === (index + 1) * 60_000 && !news)).toBe(true);
  });

  it('are written before a change as they were heard last, so that the gap is the silence', () => {
    const rows = written(polled(42, (second) => (second < 41 ? 5 : 6)));
    expect(rows).toEqual([
      [0, 5, true],
      [40_000, 5, false],
      [41_000, 6, true],
    ]);
    // Nothing was heard between 40 s and 300 s.
    const silent = written([...polled(41, () => 5), { ...FIRST, entered: 7, time: 300_000 }]);
    expect(silent.slice(-2)).toEqual([
      [40_000, 5, false],
      [300_000, 7, true],
    ]);
  });

  it('are news when anything of them is: either total, the boot, the width', () => {
    for (const change of [{ entered: 6 }, { left: 4 }, { boot: 9 }, { width: 24 }]) {
      expect(written([FIRST, { ...FIRST, ...change, time: 1 }]).map(([, , news]) => news)).toEqual([true, true]);
    }
  });

  it('are kept apart by sensor', () => {
    const totals = new RepeatedTotals();
    const rows: boolean[] = [];
    for (const sensor of [1, 2, 1, 2]) totals.take(sensor, FIRST, (_, news) => rows.push(news));
    expect(rows).toEqual([true, true]);
  });

  it('lose no change and leave no gap over a minute and a poll that is no silence', () => {
    const step = fc.record({ ms: fc.integer({ min: 1, max: 5000 }), people: fc.constantFrom(0, 0, 0, 0, 0, 1) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
        let [time, entered] = [0, 0];
        const readings = steps.map(({ ms, people }): Totals => {
          time += ms;
          entered += people;
          return { ...FIRST, entered, time };
        });
        const rows = written(readings);
        const changes = readings.filter((reading, index) => reading.entered !== readings[index - 1]?.entered);
        expect(rows.filter(([, , news]) => news)).toEqual(changes.map((one) => [one.time, one.entered, true]));
        rows.slice(1).forEach(([at, , news], index) => {
          const gap = at - rows[index][0];
          expect(gap).toBeLessThanOrEqual(news ? 5000 : 65_000);
          expect(gap).toBeGreaterThanOrEqual(0);
        });
      }),
    );
  });
});
