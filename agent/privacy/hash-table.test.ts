import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashTable } from './hash-table.ts';

/** A table and every array it ever had. */
function watched(options: { capacity?: number; longestGap?: number } = {}): {
  table: HashTable;
  arrays: Uint32Array[];
} {
  const arrays: Uint32Array[] = [];
  const table = new HashTable({
    ...options,
    allocate: (length) => {
      const array = new Uint32Array(length);
      arrays.push(array);
      return array;
    },
  });
  return { table, arrays };
}

const words = (arrays: Uint32Array[]): number => arrays.reduce((sum, array) => sum + array.length, 0);
const leftovers = (arrays: Uint32Array[]): number =>
  arrays.reduce((sum, array) => sum + array.reduce((nonzero, word) => nonzero + (word === 0 ? 0 : 1), 0), 0);

describe('HashTable', () => {
  it('never gives a hash that was not put in for that very value', () => {
    const value = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffffffff }));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 3000, minLength: 1 }), (values) => {
        const { table } = watched({ capacity: 1024 });
        for (const [high, low] of values) {
          const found = table.find(high, low, 1);
          const slot = found < 0 ? table.insert(high, low, low ^ 5, high + 9, 1) : found;
          expect([table.hashHigh(slot), table.hashLow(slot)]).toEqual([(low ^ 5) >>> 0, high + 9]);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('knows the all-zero value too, and no value before it was put in', () => {
    const { table } = watched();
    expect(table.find(0, 0, 1)).toBe(-1);
    table.insert(0, 0, 1, 2, 1);
    expect(table.hashLow(table.find(0, 0, 1))).toBe(2);
  });

  it('keeps nearly all entries while it grows', () => {
    const { table } = watched();
    for (let low = 1; low <= 30_000; low++) table.insert(0xabcd, low * 977, low, low, 1);
    let found = 0;
    for (let low = 1; low <= 30_000; low++) if (table.find(0xabcd, low * 977, 1) >= 0) found++;
    expect(found).toBe(table.entries);
    expect(found).toBeGreaterThan(29_500);
  });

  it('stays bounded in a flood, and keeps what is in use over what is only old', () => {
    const { table, arrays } = watched({ capacity: 1024 });
    table.insert(7, 7, 1, 1, 1);
    let kept = 0;
    for (let low = 1; low <= 100_000; low++) {
      if (table.find(7, 7, low) >= 0) kept++;
      table.insert(0xffff, low * 65_537, low, low, low);
    }
    expect(kept).toBe(100_000);
    expect(table.entries).toBeLessThanOrEqual(1024);
    expect(words(arrays)).toBe(1024 * 5);
  });

  it('drops what was not used for the longest gap, and only that', () => {
    const { table, arrays } = watched({ longestGap: 60 });
    for (let low = 1; low <= 20_000; low++) table.insert(1, low * 31, low, low, low <= 10_000 ? 100 : 130);
    for (let call = 0; call < 8; call++) table.sweep(160);
    const young = table.entries;
    expect(table.find(1, 31, 160)).toBeGreaterThanOrEqual(0);
    for (let call = 0; call < 8; call++) table.sweep(161);
    expect(table.find(1, 20_000 * 31, 161)).toBeGreaterThanOrEqual(0);
    expect(table.find(1, 10_000 * 31, 161)).toBe(-1);
    expect(table.entries).toBeLessThan(young - 9_000);
    for (let call = 0; call < 8; call++) table.sweep(1000);
    expect(table.entries).toBe(0);
    expect(leftovers(arrays)).toBe(0);
  });

  it('leaves nothing behind in any array it ever had, after growing and clearing', () => {
    const { table, arrays } = watched();
    for (let low = 1; low <= 10_000; low++) table.insert(0xd0c5, low * 7919, low, low, 5);
    expect(arrays.length).toBeGreaterThan(2);
    // All but the newest two are out of use already.
    expect(leftovers(arrays.slice(0, -2))).toBe(0);
    table.clear();
    expect(leftovers(arrays)).toBe(0);
    expect(table.entries).toBe(0);
    expect(table.find(0xd0c5, 7919, 5)).toBe(-1);
  });
});
