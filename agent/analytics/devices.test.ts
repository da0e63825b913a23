import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeviceTable } from './devices.ts';

type Step = { remove: boolean; high: number; low: number; tag: number };
const step: fc.Arbitrary<Step> = fc.record({
  remove: fc.boolean(),
  high: fc.integer({ min: 0, max: 3 }),
  low: fc.integer({ min: 0, max: 60 }),
  tag: fc.integer({ min: 0, max: 2 }),
});

describe('DeviceTable', () => {
  it('behaves as a map over any inserts and removals, also after save and load', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1500 }), fc.nat(1500), (steps, reloadAt) => {
        let table = new DeviceTable();
        const model = new Map<string, number>();
        steps.forEach(({ remove, high, low, tag }, index) => {
          const name = `${high}/${low}/${tag}`;
          const slot = table.find(high, low, tag);
          expect(slot >= 0).toBe(model.has(name));
          if (slot >= 0) expect(table.columns.last[slot]).toBe(model.get(name));
          if (slot >= 0 && remove) {
            table.remove(slot);
            model.delete(name);
          } else if (slot < 0) {
            table.columns.last[table.insert(high, low, tag)] = index;
            model.set(name, index);
          }
          if (index === reloadAt) {
            const loaded = new DeviceTable();
            loaded.load(table.save(), table.size);
            expect(loaded.save()).toEqual(table.save());
            table = loaded;
          }
        });
        expect(table.size).toBe(model.size);
        for (const [name, last] of model) {
          const [high, low, tag] = name.split('/').map(Number);
          expect(table.columns.last[table.find(high, low, tag)]).toBe(last);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('refuses new keys at its limit and takes them again once one is removed', () => {
    const table = new DeviceTable(300);
    for (let low = 0; low < 300; low++) expect(table.insert(1, low, 0)).toBe(low);
    expect(table.insert(2, 1, 0)).toBe(-1);
    table.remove(table.find(1, 7, 0));
    expect(table.insert(2, 1, 0)).toBe(299);
    expect(table.find(1, 7, 0)).toBe(-1);
    expect(table.find(1, 299, 0)).toBeGreaterThanOrEqual(0);
  });

  it('refuses columns of another length', () => {
    const table = new DeviceTable();
    table.insert(1, 2, 3);
    expect(() => new DeviceTable().load(table.save().subarray(1), 1)).toThrow(RangeError);
    expect(() => new DeviceTable().load(table.save(), 0)).toThrow(RangeError);
  });
});
