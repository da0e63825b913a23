import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from './gate-statistics.ts';
import { FEWEST_BURSTS, threshold } from './gate-threshold.ts';

const dbm = fc.integer({ min: -94, max: -30 });
const bursts = fc.array(dbm, { minLength: FEWEST_BURSTS, maxLength: 30 });

describe('the threshold between inside and outside', () => {
  it('lies in the gap where there is one, and says that it parts without error', () => {
    const inside = [-60, -58, -62, -55, -61, -57, -59, -60];
    const outside = [-80, -82, -79, -85, -81, -83, -80, -84];
    const found = threshold(inside, outside, 1);
    expect(found.gateDbm).toBeGreaterThanOrEqual(-79);
    expect(found.gateDbm).toBeLessThan(-62);
    expect(found).toMatchObject({ insideAbove: 1, outsideBelow: 1 });
    expect(found.youdenLow).toBeGreaterThan(0.9);
  });

  it('is worth nothing where both sound alike', () => {
    const alike = [-70, -68, -72, -66, -74, -71, -69, -70, -73, -67];
    expect(threshold(alike, alike, 1).youden).toBeLessThan(0.05);
  });

  it('gives no number on too few bursts', () => {
    const many = Array.from({ length: FEWEST_BURSTS }, () => -60);
    expect(() => threshold(many, many.slice(1), 1)).toThrow(RangeError);
    expect(() => threshold([], many, 1)).toThrow(RangeError);
  });

  it('is the same for the same bursts in any order, moves with them, and stays within what was heard', () => {
    fc.assert(
      fc.property(bursts, bursts, fc.integer({ min: -20, max: 20 }), (inside, outside, shift) => {
        const found = threshold(inside, outside, 7);
        expect(threshold(inside, outside, 7)).toEqual(found);
        const turned = threshold(inside.toReversed(), outside.toReversed(), 7);
        expect(turned.youden).toBeCloseTo(found.youden, 9);
        const all = [...inside, ...outside];
        expect(found.gateDbm).toBeGreaterThanOrEqual(Math.min(...all) - 1);
        expect(found.gateDbm).toBeLessThanOrEqual(Math.max(...all));
        expect(found.low).toBeLessThanOrEqual(found.high);
        expect(found.youdenLow).toBeLessThanOrEqual(1);
        const moved = threshold(
          inside.map((rssi) => rssi + shift),
          outside.map((rssi) => rssi + shift),
          7,
        );
        expect(moved.youden).toBeCloseTo(found.youden, 9);
      }),
      { numRuns: 10 },
    );
  });
});

const measured = new URL('../../../../shared/data/ble-distance/Experiment_1.csv', import.meta.url);

describe.skipIf(!existsSync(measured))('twenty real bursts on each side (needs shared/data/ble-distance)', () => {
  it('find the gate that all of them would, within 5 dB', () => {
    const rows = readFileSync(measured, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))
      .map(([rssi, , , metres]) => ({ rssi: Number(rssi), metres: Number(metres) }));
    const near = rows.filter(({ metres }) => metres <= 3).map(({ rssi }) => rssi);
    const far = rows.filter(({ metres }) => metres > 4.5).map(({ rssi }) => rssi);
    const all = threshold(near.slice(), far.slice(), 1);
    for (let seed = 1; seed <= 5; seed++) {
      const random = seeded(seed);
      const some = (values: readonly number[]) =>
        Array.from({ length: 20 }, () => values[Math.floor(random() * values.length)]);
      expect(Math.abs(threshold(some(near), some(far), seed).gateDbm - all.gateDbm)).toBeLessThanOrEqual(5);
    }
  });
});
