import { describe, expect, it } from 'vitest';
import { Random } from '../../../drivers/simulator/random.ts';
import { batchMessage, encodeWindow } from '../../contract/batch.ts';
import { type WireRecord, wireRecord } from '../../contract/records.ts';
import { Shop } from './shop.ts';

const QUARTER = 900_000;
const START = Date.UTC(2026, 2, 2);

function windowsOf(seed: number, count: number): { windows: WireRecord[][]; shop: Shop } {
  const shop = new Shop('gw-0001', new Random(seed));
  const windows = Array.from({ length: count }, (_, index) =>
    shop.next(index + 1, START + index * QUARTER, START + (index + 1) * QUARTER),
  );
  return { windows, shop };
}

const of = <K extends WireRecord['kind']>(records: WireRecord[], kind: K) =>
  records.find((record): record is Extract<WireRecord, { kind: K }> => record.kind === kind) as Extract<
    WireRecord,
    { kind: K }
  >;

describe('the store of a simulated gateway', () => {
  it('counts what the schemas of the contract take, strictly', () => {
    const { windows } = windowsOf(3, 40);
    for (const [index, records] of windows.entries()) {
      for (const record of records) expect(wireRecord.parse(record)).toEqual(record);
      const window = { ordinal: index + 1, startMs: START, endMs: START + QUARTER, skipped: 0, warmUp: false };
      const origin = { tenant: 'fleet', gateway: 'gw-0001', epoch: '0123456789abcdef', store: 'gw-0001' };
      const facts = { timeZone: 'UTC', version: '0', clock: 'synchronised' as const, sealedAtMs: START };
      const batches = encodeWindow({ ...window, correctedMs: null, records }, { ...origin, ...facts }, index + 1);
      expect(batches).toHaveLength(1);
      batchMessage.parse(JSON.parse(Buffer.from(batches[0].body).toString()));
    }
  });

  it('lets nobody leave who did not come, window after window', () => {
    const { windows, shop } = windowsOf(4, 200);
    let inside = 0;
    let entries = 0;
    for (const records of windows) {
      const occupancy = of(records, 'occupancy');
      const door = of(records, 'door');
      expect(occupancy.at_start).toBe(inside);
      inside += door.entries - door.exits;
      entries += door.entries;
      expect([occupancy.at_end, occupancy.entries, occupancy.exits]).toEqual([inside, door.entries, door.exits]);
      expect(occupancy.min).toBeGreaterThanOrEqual(0);
      expect(occupancy.occupancy_ms).toBeGreaterThanOrEqual(occupancy.min * QUARTER);
      expect(occupancy.occupancy_ms).toBeLessThanOrEqual(occupancy.max * QUARTER);
    }
    expect(shop.totals.entries).toBe(entries);
    expect(entries).toBeGreaterThan(0);
  });

  it('is the same for the same seed, and another for another', () => {
    expect(windowsOf(5, 20).windows).toEqual(windowsOf(5, 20).windows);
    expect(windowsOf(5, 20).windows).not.toEqual(windowsOf(6, 20).windows);
  });
});
