import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCounts } from './counts.ts';
import { LineSplitter, MAX_LINE } from './lines.ts';

function split(pushes: Uint8Array[]): { lines: string[]; oversize: number } {
  const counts = createCounts();
  const lines: string[] = [];
  const splitter = new LineSplitter(counts, (buffer, start, end) => {
    lines.push(Buffer.from(buffer.subarray(start, end)).toString('latin1'));
  });
  for (const push of pushes) {
    splitter.push(push);
  }
  expect(counts.bytes).toBe(pushes.reduce((sum, push) => sum + push.length, 0));
  return { lines, oversize: counts.rejected.oversize };
}

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('LineSplitter', () => {
  it('gives up at an opening what it holds of a line, and tells that the next may be the rest of one', () => {
    const counts = createCounts();
    const lines: [string, boolean][] = [];
    const splitter = new LineSplitter(counts, (buffer, start, end) => {
      lines.push([Buffer.from(buffer.subarray(start, end)).toString('latin1'), splitter.isWhole]);
    });
    const opened = (text: string) => {
      splitter.reopened();
      splitter.push(bytes(text));
    };
    opened('one\ntwo\nthr');
    opened('ee\r');
    opened('\nfour\n');
    opened('x'.repeat(MAX_LINE + 1));
    opened('five\nsix\n');
    expect(lines).toEqual([
      ['one', false],
      ['two', true],
      ['ee', false],
      ['four', true],
      ['five', false],
      ['six', true],
    ]);
    expect(counts.rejected).toMatchObject({ truncated: 1, oversize: 1 });
  });

  it('ends lines at LF, CR LF and a lone CR, and leaves out empty ones', () => {
    expect(split([bytes('one\ntwo\r\nthree\rfour\n\n\r\nfive')]).lines).toEqual(['one', 'two', 'three', 'four']);
  });

  it('takes a line of exactly 512 bytes and drops one of 513, once', () => {
    const fits = 'x'.repeat(MAX_LINE);
    for (const cut of [1, 100, 512, 513, 5_000]) {
      const whole = bytes(`${fits}\n${fits}y\nnext\n`);
      const pushes = [];
      for (let at = 0; at < whole.length; at += cut) {
        pushes.push(whole.subarray(at, at + cut));
      }
      expect(split(pushes)).toEqual({ lines: [fits, 'next'], oversize: 1 });
    }
  });

  it('drops 10 MB without a line end as one oversize line and finds the next', () => {
    const pushes = Array.from({ length: 160 }, () => new Uint8Array(65_536).fill(0x41));
    expect(split([...pushes, bytes('\nnext\n')])).toEqual({ lines: ['next'], oversize: 1 });
    expect(split([new Uint8Array(10_000_000).fill(0x41), bytes('\nnext\n')])).toEqual({ lines: ['next'], oversize: 1 });
  });

  it('gives the same lines however the stream is cut', () => {
    const piece = fc.oneof(
      fc.constantFrom('\n', '\r\n', '\r', 'x'.repeat(300), 'y'.repeat(MAX_LINE)),
      fc.string({ unit: 'binary-ascii', maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.infiniteStream(fc.integer({ min: 1, max: 600 })), (pieces, sizes) => {
        const whole = bytes(pieces.join(''));
        const pushes = [];
        for (let at = 0; at < whole.length; ) {
          const size = sizes.next().value ?? 1;
          pushes.push(whole.subarray(at, at + size));
          at += size;
        }
        expect(split(pushes)).toEqual(split([whole]));
      }),
    );
  });
});
