import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSnapshot, encodeSnapshot, SnapshotError } from './snapshot-codec.ts';

describe('snapshot codec', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.uint8Array(), (state, columns) => {
        const decoded = decodeSnapshot(3, encodeSnapshot(3, state, columns));
        expect(JSON.stringify(decoded.state)).toBe(JSON.stringify(state));
        expect([...decoded.columns]).toEqual([...columns]);
      }),
    );
  });

  it('refuses any changed byte, any cut and another version', () => {
    const body = encodeSnapshot(1, { store: 'one', counts: [1, 2, 3] }, new Uint8Array([1, 2, 3, 4, 5]));
    for (let index = 0; index < body.length; index++) {
      const damaged = body.slice();
      damaged[index] ^= 0x10;
      expect(() => decodeSnapshot(1, damaged), `byte ${index}`).toThrow(SnapshotError);
      expect(() => decodeSnapshot(1, body.subarray(0, index)), `cut at ${index}`).toThrow(SnapshotError);
    }
    expect(() => decodeSnapshot(2, body)).toThrow('expected snapshot version 2, found 1');
  });
});
