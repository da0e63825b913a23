import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addToHistogram, bucketOf, type Histogram, histogramEntries, mergeHistogram, quantile } from './histogram.ts';

function histogramOf(dwells: readonly number[]): Histogram {
  const histogram: Histogram = {};
  for (const dwell of dwells) addToHistogram(histogram, bucketOf(dwell), 1);
  return histogram;
}

const dwells = fc.array(fc.integer({ min: 1000, max: 20_000_000 }), { minLength: 1, maxLength: 60 });

describe('histogram', () => {
  it('gives quantiles within 1.1 % of the exact ones', () => {
    fc.assert(
      fc.property(dwells, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, q) => {
        const sorted = [...values].sort((one, other) => one - other);
        const exact = sorted[Math.ceil(q * sorted.length) - 1];
        const found = quantile(histogramEntries(histogramOf(values)), q) ?? 0;
        expect(Math.abs(found / exact - 1)).toBeLessThan(0.011);
      }),
    );
  });

  it('merges as if all had been in one', () => {
    fc.assert(
      fc.property(dwells, dwells, (one, other) => {
        const merged = histogramOf(one);
        mergeHistogram(merged, histogramEntries(histogramOf(other)));
        expect(merged).toEqual(histogramOf([...one, ...other]));
      }),
    );
  });

  it('has no quantile of nothing and puts less than a second into the first bucket', () => {
    expect(quantile([], 0.5)).toBeNull();
    expect(bucketOf(0)).toBe(0);
    expect(bucketOf(1e15)).toBe(bucketOf(7 * 86_400_000));
  });
});
