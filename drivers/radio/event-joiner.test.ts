import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventJoiner } from './event-joiner.ts';

const event = fc
  .tuple(fc.constantFrom(0x0e, 0x3e), fc.uint8Array({ maxLength: 255 }))
  .map(([code, data]) => Buffer.from([4, code, data.length, ...data]));

function isWhole(bytes: Uint8Array): boolean {
  let at = 0;
  while (at + 3 <= bytes.length && bytes[at] === 4) at += 3 + bytes[at + 2];
  return at === bytes.length;
}

describe('the joiner of events', () => {
  it('gives all events and only whole ones, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 12 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 700 })),
        (events, cuts) => {
          const stream = Buffer.concat(events);
          const given: Buffer[] = [];
          const joiner = new EventJoiner((some) => {
            expect(isWhole(some)).toBe(true);
            given.push(Buffer.from(some));
          });
          for (let at = 0; at < stream.length; ) {
            const next = at + (cuts.next().value ?? 1);
            joiner.push(stream.subarray(at, next));
            at = next;
          }
          expect(Buffer.concat(given).equals(stream)).toBe(true);
        },
      ),
    );
  });

  it('leaves out what is no event, and takes the next one', () => {
    const given: string[] = [];
    const joiner = new EventJoiner((some) => void given.push(Buffer.from(some).toString('hex')));
    joiner.push(Buffer.from('043e0101ff00', 'hex'));
    joiner.push(Buffer.from('043e0102', 'hex'));
    expect(given).toEqual(['043e0101', '043e0102']);
  });

  it('holds on to nothing of any bytes for long', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 })), (chunks) => {
        const joiner = new EventJoiner((some) => expect(some.length).toBeLessThanOrEqual(858));
        for (const chunk of chunks) joiner.push(chunk);
      }),
    );
  });
});
