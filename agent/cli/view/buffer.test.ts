import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { DeadLetter } from '../../local/dead-letters.ts';
import { type BufferFacts, renderBuffer, renderLetters } from './buffer.ts';
import { AT, DEGRADED, well } from './samples.fixture.ts';
import type { RenderOptions } from './status.ts';
import { displayWidth } from './width.ts';

function factsOf({ buffer, at_ms, time_zone }: typeof well): BufferFacts {
  return { ...buffer, at_ms, time_zone, from: 'daemon' };
}

const long =
  'expected the kind of a record as one of traffic, door, entry_rate, dwell, found "cats" at data.records[3]';
const LETTERS: DeadLetter[] = [
  { sequence: 16, code: 'invalid', message: long, at_ms: AT - 3_600_000 },
  { sequence: 1_042, code: 'conflict', message: 'another batch\u001b[2J is stored', at_ms: AT - 200_000_000 },
  { sequence: 1_043, code: 'damaged', message: 'its bytes are not those', at_ms: null },
].map((each) => ({ ...each, epoch: well.buffer.epoch, window: each.sequence, bytes: 9_812 }));
const [first, ...others] = LETTERS;
const dropped = {
  ...factsOf(DEGRADED['batches-dropped']),
  held_bytes: 200 * 2 ** 20,
  dropped_untold: { buffer_full: 1_214, operator: 1 },
  dead_letters: 3,
};

const SCREENS: [name: string, render: (options: RenderOptions) => string][] = [
  ['well', (options) => renderBuffer(factsOf(well), options)],
  ['dropped', (options) => renderBuffer(dropped, options)],
  ['at-rest', (options) => renderBuffer({ ...dropped, from: 'database', hours_left: null }, options)],
  ['letters', (options) => renderLetters(LETTERS, factsOf(well), options)],
  [
    'letters-of-two-epochs',
    (options) => renderLetters([{ ...first, epoch: 'fedcba9876543210' }, ...others], factsOf(well), options),
  ],
];

describe.each(SCREENS)('the buffer on the screen: %s', (name, render) => {
  it.each([80, 120])('looks right at %i columns', async (width) => {
    await expect(render({ width, colour: false })).toMatchFileSnapshot(`./__snapshots__/buffer-${name}-${width}.txt`);
  });

  it('is never wider than the terminal, and the same text with and without colour', () => {
    for (let width = 72; width <= 120; width++) {
      const plain = render({ width, colour: false });
      for (const line of plain.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      expect(stripVTControlCharacters(plain)).toBe(plain);
      expect(stripVTControlCharacters(render({ width, colour: true }))).toBe(plain);
    }
  });
});
