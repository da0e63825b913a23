import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesFrames, FrameDecoder, stateFrame } from './frames.ts';

function decode(stream: Uint8Array, cut: (length: number) => number) {
  const got: string[] = [];
  const bytes: number[] = [];
  const decoder = new FrameDecoder({
    state: (state, detail, version) => void got.push(`${state}/${detail}/${version}`),
    bytes: (chunk) => void bytes.push(...chunk),
  });
  let fine = true;
  for (let at = 0; at < stream.length; ) {
    const next = at + Math.max(1, cut(stream.length - at));
    fine = decoder.push(stream.subarray(at, next));
    at = next;
  }
  return { got, bytes, fine };
}

const HELLO = stateFrame('starting', 'a', 1);

describe('the frames of a radio helper', () => {
  it('are type, length and payload', () => {
    expect(bytesFrames(Uint8Array.of(4, 0x3e)).toString('hex')).toBe('010200043e');
    const told = '{"version":1,"state":"listening","detail":"x"}';
    expect(stateFrame('listening', 'x', 1)).toEqual(Buffer.from(`\0${String.fromCharCode(told.length)}\0${told}`));
    expect(bytesFrames(new Uint8Array(0))).toHaveLength(0);
  });

  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (bytes, cuts) => {
          const stream = Buffer.concat([HELLO, bytesFrames(bytes), stateFrame('blocked', 'b')]);
          const { got, bytes: out, fine } = decode(stream, () => cuts.next().value ?? 1);
          expect(got).toEqual(['starting/a/1', 'blocked/b/undefined']);
          expect([out, fine]).toEqual([[...bytes], true]);
        },
      ),
    );
  });

  it('take bytes of any length apart and together', () => {
    const many = new Uint8Array(200_000).map((_, index) => index);
    const { bytes, fine } = decode(Buffer.concat([HELLO, bytesFrames(many)]), () => 65_536);
    expect(fine).toBe(true);
    expect(Buffer.from(bytes).equals(Buffer.from(many))).toBe(true);
  });

  it.each([
    ['bytes before the version', bytesFrames(Uint8Array.of(1))],
    ['a state without one', stateFrame('listening', 'x')],
    ['a type that is none', Buffer.from([7, 0, 0])],
    ['no JSON', Buffer.concat([Buffer.from([0, 3, 0]), Buffer.from('{x}')])],
    ['null', Buffer.concat([Buffer.from([0, 4, 0]), Buffer.from('null')])],
    ['a state that is none', stateFrame('well' as 'listening', 'x', 1)],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('%s is the end of the stream', (_, stream) => {
    for (const cut of [1, 5, 1_000]) {
      const { got, bytes, fine } = decode(Buffer.concat([stream, HELLO]), () => cut);
      expect([got, bytes, fine]).toEqual([[], [], false]);
    }
  });

  it('never throw on what another says, and say nothing behind it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const whole = decode(Buffer.concat([HELLO, noise]), (rest) => rest);
        const single = decode(Buffer.concat([HELLO, noise]), () => 1);
        expect(single).toEqual(whole);
      }),
    );
  });

  it('keep a detail in one line of bounded length', () => {
    const { got } = decode(stateFrame('failed', `a\nb\u001b[2J${'x'.repeat(5_000)}`, 1), (rest) => rest);
    expect(got[0]).toMatch(/^failed\/a b \[2Jx+\/1$/);
    expect(got[0].length).toBeLessThan(1_020);
  });
});
