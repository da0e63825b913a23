import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from './gate-statistics.ts';
import { FEWEST_FOR_VALLEY, findValley } from './gate-valley.ts';

/** Normal numbers (Box and Muller), in whole dBm. */
function hill(count: number, mean: number, deviation: number, random: () => number): number[] {
  return Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.round(mean + deviation * normal);
  });
}

describe('the valley between near and far', () => {
  it('is found between two hills that stand apart', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = seeded(seed);
      const valley = findValley([...hill(200, -55, 4, random), ...hill(300, -80, 4, random)], seed);
      expect(valley.clear).toBe(true);
      expect(Math.abs((valley.gateDbm ?? 0) + 68)).toBeLessThanOrEqual(5);
      expect(valley.above).toBeCloseTo(0.4, 1);
    }
  });

  it('is not made up in one hill', () => {
    const clear = Array.from({ length: 60 }, (_, seed) => {
      const random = seeded(seed);
      return findValley(hill(150 + 10 * seed, -70, 4 + (seed % 8), random), seed).clear;
    });
    expect(clear.filter(Boolean)).toHaveLength(0);
  });

  it('is not made up between two hills that run into each other', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = seeded(seed);
      expect(findValley([...hill(200, -66, 7, random), ...hill(200, -75, 7, random)], seed).clear).toBe(false);
    }
  });

  it('wants many bursts, and a fair share of them on both sides', () => {
    const random = seeded(5);
    const few = FEWEST_FOR_VALLEY / 2 - 1;
    expect(findValley([...hill(few, -55, 3, random), ...hill(few, -85, 3, random)], 5).gateDbm).toBeNull();
    expect(findValley([...hill(20, -45, 3, random), ...hill(400, -80, 4, random)], 5).clear).toBe(false);
  });

  it('is in its ranges and the same again, whatever was heard', () => {
    const any = fc.array(fc.integer({ min: -127, max: 10 }), { maxLength: 250 });
    fc.assert(
      fc.property(any, (bursts) => {
        const valley = findValley(bursts, 3);
        expect(findValley(bursts, 3)).toEqual(valley);
        for (const share of [valley.depth, valley.above, valley.stability]) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1);
        }
        if (valley.clear) expect(valley.gateDbm).not.toBeNull();
      }),
      { numRuns: 30 },
    );
  });
});
