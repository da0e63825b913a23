import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputBatch, InputKind } from '../readings.ts';
import { decodeRows, encodeRows } from './columns.ts';

const COLUMNS = ['kind', 'sensor', 'flags', 'channel', 'rssi', 'sequence', 'at', 'time', 'a', 'b', 'c', 'd'] as const;

const u8 = fc.integer({ min: 0, max: 255 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const row = fc.record({
  kind: u8,
  sensor: u8,
  flags: u8,
  channel: u8,
  rssi: fc.integer({ min: -128, max: 127 }),
  sequence: fc.integer({ min: 0, max: 0xffff }),
  // Mostly as on a gateway; also halves of milliseconds and jumps that no narrow time can hold.
  step: fc.oneof(
    { weight: 20, arbitrary: fc.nat(60_000) },
    { weight: 1, arbitrary: fc.constantFrom(0.5, 5e9, 2 ** 40) },
  ),
  age: fc.oneof(
    { weight: 20, arbitrary: fc.nat(60_000) },
    { weight: 1, arbitrary: fc.constantFrom(0.25, 3e9, 2 ** 41) },
  ),
  a: u32,
  b: u32,
  c: u32,
  d: u32,
  payload: fc.option(fc.string({ unit: 'binary' }), { freq: 10 }),
});

function batchOf(
  rows: readonly (typeof row extends fc.Arbitrary<infer R> ? R : never)[],
  firstOrdinal: number,
): InputBatch {
  const batch = new InputBatch(rows.length, firstOrdinal);
  let at = 1_790_000_000_000;
  for (const { step, age, payload, kind, sensor, ...columns } of rows) {
    at += step;
    const index = batch.append(InputKind.sighting, sensor, at, at - age);
    batch.kind[index] = kind;
    for (const [name, value] of Object.entries(columns)) batch[name as keyof typeof columns][index] = value;
    if (payload !== null) batch.payloads.set(index, payload);
  }
  return batch;
}

describe('journal blob', () => {
  it('gives back every column of any run of rows exactly', () => {
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 60 }),
        fc.integer({ min: 1, max: 2 ** 52 }),
        fc.nat(),
        fc.nat(),
        fc.nat(7),
        (rows, firstOrdinal, x, y, shift) => {
          const batch = batchOf(rows, firstOrdinal);
          const [from, to] = [x % (rows.length + 1), y % (rows.length + 1)].sort((p, q) => p - q);
          const body = encodeRows(batch, from, to);
          // As a view into a larger buffer, aligned or not: that is how it may come back from elsewhere.
          const holder = new Uint8Array(body.length + shift);
          holder.set(body, shift);
          const back = decodeRows(holder.subarray(shift));
          expect(back.length).toBe(to - from);
          expect(back.firstOrdinal).toBe(firstOrdinal + from);
          expect(back.lastOrdinal).toBe(firstOrdinal + to - 1);
          for (const name of COLUMNS) expect(back[name]).toEqual(batch[name].slice(from, to));
          const payloads = [...batch.payloads]
            .filter(([r]) => r >= from && r < to)
            .map(([r, text]) => [r - from, text]);
          expect([...back.payloads]).toEqual(payloads);
        },
      ),
    );
  });

  it('takes at most 32 bytes a sighting at usual times', () => {
    const batch = new InputBatch(1000, 1);
    while (!batch.full) batch.append(InputKind.sighting, 1, 1_790_000_000_000 + batch.length, 1_790_000_000_000);
    expect(encodeRows(batch, 0, 1000).length).toBeLessThanOrEqual(32 * 1000);
  });

  it('has a layout that does not change: a journal of an older release must still be read', () => {
    const batch = new InputBatch(1, 7);
    batch.append(InputKind.crossing, 2, 1000, 999);
    batch.a[0] = 3;
    batch.rssi[0] = -1;
    batch.payloads.set(0, 'x');
    expect(Buffer.from(encodeRows(batch, 0, 1)).toString('hex')).toBe(
      `01000000010000000000000000001c400000000000408f400900000000000000` +
        `00000000ffffffff03000000000000000000000000000000000002020000ff` +
        `5b5b302c2278225d5d` +
        `9f70b0e5`,
    );
  });

  it('tells damage: any flipped bit, any cut, anything added', () => {
    const batch = new InputBatch(3, 1);
    while (!batch.full) batch.append(InputKind.tick, 0, 5000, 5000);
    batch.payloads.set(1, '{}');
    const body = encodeRows(batch, 0, 3);
    const damaged = expect.objectContaining({ code: 'journal_damaged' });
    for (let bit = 0; bit < body.length * 8; bit++) {
      const broken = body.slice();
      broken[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeRows(broken)).toThrow(damaged);
    }
    for (let length = 0; length < body.length; length++) {
      expect(() => decodeRows(body.slice(0, length))).toThrow(damaged);
    }
    expect(() => decodeRows(Uint8Array.from([...body, 0]))).toThrow(damaged);
  });
});
