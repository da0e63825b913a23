import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GapRange } from '../../contract/gap.ts';
import { FleetOutbox } from './outbox.ts';

const EPOCH = '0123456789abcdef';
const END = Number.MAX_SAFE_INTEGER;
const body = (bytes: number) => new Uint8Array(bytes);

async function heldIn(outbox: FleetOutbox): Promise<number[]> {
  return (await outbox.readOutbox({ after: 0, before: END, limit: END })).map(({ sequence }) => sequence);
}

/** An outbox whose gap records are kept as they were told. */
function bench(limitBytes: number) {
  const outbox = new FleetOutbox(EPOCH, limitBytes);
  const records = new Map<number, GapRange[]>();
  const seal = (bytes: number) => outbox.seal(outbox.lastSequence + 1, body(bytes));
  const tell = () => {
    if (!outbox.untold) return;
    const sequence = outbox.lastSequence + 1;
    outbox.sealGap(sequence, (ranges) => {
      records.set(sequence, structuredClone(ranges));
      return body(10);
    });
  };
  return { outbox, records, seal, tell };
}

describe('the outbox of a simulated gateway', () => {
  it('gives what it holds as asked, and nothing that was acknowledged or rejected', async () => {
    const { outbox, seal } = bench(1_000);
    for (let n = 0; n < 6; n++) seal(10);
    await outbox.acknowledge([2, 2, 99]);
    await outbox.reject([{ sequence: 5 }]);
    const read = async (query: Parameters<FleetOutbox['readOutbox']>[0]) =>
      (await outbox.readOutbox(query)).map(({ sequence }) => sequence);
    expect(await read({ after: 0, before: END, limit: 9 })).toEqual([1, 3, 4, 6]);
    expect(await read({ after: 0, before: END, limit: 1, newestFirst: true })).toEqual([6]);
    expect(await read({ after: 1, before: 6, limit: 1 })).toEqual([3]);
    expect(await read({ after: 4, before: 6, limit: 9 })).toEqual([]);
    expect(outbox.counts).toEqual({ sealed: 6, acknowledged: 1, rejected: 1, dropped: 0, held: 4 });
    expect([outbox.oldestHeld, outbox.lastSequence]).toEqual([1, 6]);
  });

  it('drops the oldest beyond its bound, and tells of it in one gap record that replaces the last', async () => {
    const { outbox, records, seal, tell } = bench(100);
    for (let n = 0; n < 12; n++) seal(10);
    expect(await heldIn(outbox)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    tell();
    expect(records.get(13)).toEqual([{ epoch: EPOCH, from_seq: 1, to_seq: 2, reason: 'buffer_full' }]);
    expect(outbox.untold).toBe(false);
    seal(10);
    tell();
    expect(records.get(15)?.map(({ from_seq, to_seq }) => [from_seq, to_seq])).toEqual([
      [1, 4],
      [13, 13],
    ]);
    expect(await heldIn(outbox)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 14, 15]);
  });

  it('never drops a gap record, however full it is', async () => {
    const { outbox, seal, tell } = bench(30);
    for (let n = 0; n < 5; n++) seal(10);
    tell();
    for (let n = 0; n < 5; n++) seal(10);
    expect(await heldIn(outbox)).toEqual([6, 10, 11]);
  });

  it('tells later what was dropped after the record that is acknowledged', async () => {
    const { outbox, records, seal, tell } = bench(50);
    for (let n = 0; n < 6; n++) seal(10);
    tell();
    for (let n = 0; n < 2; n++) seal(10);
    expect([...records.keys()]).toEqual([7]);
    await outbox.acknowledge([7]);
    expect(outbox.untold).toBe(true);
    tell();
    expect(records.get(10)?.map(({ from_seq, to_seq }) => [from_seq, to_seq])).toEqual([[2, 4]]);
    await outbox.acknowledge([10]);
    tell();
    expect([...records.keys()]).toEqual([7, 10]);
  });

  it('accounts for every sequence, whatever is sealed, acknowledged and dropped', async () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('seal' as const), bytes: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ what: fc.constant('tell' as const) }),
      fc.record({ what: fc.constantFrom('acknowledge' as const, 'reject' as const), at: fc.nat({ max: 20 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120 }), async (steps) => {
        const { outbox, records, seal, tell } = bench(200);
        const settled = new Set<number>();
        for (const each of steps) {
          if (each.what === 'seal') seal(each.bytes);
          else if (each.what === 'tell') tell();
          else {
            const held = await heldIn(outbox);
            const sequence = held[each.at % Math.max(1, held.length)];
            if (sequence === undefined) continue;
            settled.add(sequence);
            if (each.what === 'acknowledge') await outbox.acknowledge([sequence]);
            else await outbox.reject([{ sequence }]);
          }
        }
        tell();
        const held = await heldIn(outbox);
        const { sealed, acknowledged, rejected, dropped } = outbox.counts;
        expect(sealed).toBe(acknowledged + rejected + dropped + held.length);
        expect(sealed).toBe(outbox.lastSequence);
        const told = new Set<number>();
        for (const [sequence, ranges] of records) {
          if (!held.includes(sequence) && !settled.has(sequence)) continue;
          for (const { from_seq, to_seq } of ranges) for (let n = from_seq; n <= to_seq; n++) told.add(n);
        }
        for (let n = 1; n <= sealed; n++) {
          const ways = [settled.has(n), held.includes(n), told.has(n)].filter(Boolean);
          expect(ways, `sequence ${n}`).toHaveLength(1);
        }
      }),
    );
  });
});
