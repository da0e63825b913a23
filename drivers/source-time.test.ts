import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SourceTime } from './source-time.ts';

const EPOCH = 1_700_000_000_000;

describe('SourceTime', () => {
  it('puts the first reading at its arrival', () => {
    expect(new SourceTime().map(5_000, EPOCH)).toBe(EPOCH);
  });

  it('keeps the spacing of the source through a burst that a buffer held up', () => {
    const time = new SourceTime();
    time.map(1_000, EPOCH);
    const late = EPOCH + 3_000;
    expect(time.map(2_000, late)).toBeCloseTo(EPOCH + 1_000.3, 3);
    expect(time.map(2_500, late)).toBeCloseTo(EPOCH + 1_500.3, 3);
  });

  it('takes a smaller delay at once', () => {
    const time = new SourceTime();
    time.map(1_000, EPOCH + 500);
    expect(time.map(2_000, EPOCH + 1_000)).toBe(EPOCH + 1_000);
    expect(time.map(3_000, EPOCH + 2_400)).toBeCloseTo(EPOCH + 2_000, 0);
  });

  it('follows a slow crystal at no more than 100 ppm', () => {
    const time = new SourceTime();
    time.map(0, EPOCH);
    // One hour in which the source lost 10 s: 360 ms of them are believed to be drift.
    expect(time.map(3_590_000, EPOCH + 3_600_000)).toBeCloseTo(EPOCH + 3_590_360, 3);
    // A source 50 ppm slow is followed in full.
    const slow = new SourceTime();
    for (let hour = 0; hour <= 24; hour++) {
      const arrival = EPOCH + hour * 3_600_000;
      expect(arrival - slow.map(hour * 3_600_000 * (1 - 50e-6), arrival)).toBeLessThan(0.01);
    }
  });

  it('starts anew when the source goes back by more than a second, and not for less', () => {
    const time = new SourceTime();
    time.map(10_000, EPOCH);
    expect(time.map(9_500, EPOCH)).toBe(EPOCH - 500);
    expect(time.map(200, EPOCH + 4_000)).toBe(EPOCH + 4_000);
    expect(time.map(300, EPOCH + 4_100)).toBe(EPOCH + 4_100);
  });

  it('starts anew at restart()', () => {
    const time = new SourceTime();
    time.map(1_000, EPOCH);
    time.restart();
    expect(time.map(1_500, EPOCH + 20_000)).toBe(EPOCH + 20_000);
  });

  it('believes no delay above 60 s', () => {
    const time = new SourceTime();
    time.map(1_000, EPOCH);
    expect(time.map(2_000, EPOCH + 60_000)).toBeLessThan(EPOCH + 2_000);
    expect(time.map(3_000, EPOCH + 70_000)).toBe(EPOCH + 70_000);
  });

  it('recovers from one damaged timestamp', () => {
    const time = new SourceTime();
    time.map(1_000, EPOCH);
    expect(time.map(4e12, EPOCH + 1_000)).toBe(EPOCH + 1_000);
    expect(time.map(3_000, EPOCH + 2_000)).toBe(EPOCH + 2_000);
    expect(time.map(Number.NaN, EPOCH + 2_500)).toBe(EPOCH + 2_500);
    expect(time.map(4_000, EPOCH + 3_000)).toBe(EPOCH + 3_000);
  });

  it('is never after the arrival, and replays to the same result', () => {
    const pairs = fc.array(
      fc.record({
        source: fc.double({ min: -1e9, max: 5e9, noNaN: true }),
        step: fc.integer({ min: 0, max: 100_000 }),
      }),
    );
    fc.assert(
      fc.property(pairs, (steps) => {
        const [one, two] = [new SourceTime(), new SourceTime()];
        let arrival = EPOCH;
        for (const { source, step } of steps) {
          arrival += step;
          const mapped = one.map(source, arrival);
          expect(mapped).toBeLessThanOrEqual(arrival);
          expect(arrival - mapped).toBeLessThanOrEqual(60_000);
          expect(two.map(source, arrival)).toBe(mapped);
        }
      }),
    );
  });

  it('never decreases within a mapping whose source does not', () => {
    const pairs = fc.array(fc.record({ step: fc.nat(5_000), delay: fc.nat(2_000) }), { minLength: 1 });
    fc.assert(
      fc.property(pairs, (steps) => {
        const time = new SourceTime();
        let [source, arrival, last] = [0, 0, Number.NEGATIVE_INFINITY];
        for (const { step, delay } of steps) {
          source += step;
          arrival = Math.max(arrival, EPOCH + source + delay);
          const mapped = time.map(source, arrival);
          expect(mapped).toBeGreaterThanOrEqual(last);
          last = mapped;
        }
      }),
    );
  });

  it('gives the exact spacing of a monotone source with constant delay', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50_000)), fc.nat(10_000), (steps, delay) => {
        const time = new SourceTime();
        let source = 77;
        const first = time.map(source, EPOCH + source + delay);
        for (const step of steps) {
          source += step;
          expect(time.map(source, EPOCH + source + delay) - first).toBe(source - 77);
        }
      }),
    );
  });
});
