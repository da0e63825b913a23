/** The result of a walk through a door, for people. */
import { type Direction, type DirectionScore, outcomeOf, type Passage, type WalkSummary } from '../sensors/walk.ts';
import type { RenderOptions } from './status.ts';
import { painter, type Tone } from './style.ts';
import { type Cell, renderTable } from './table.ts';
import { fold } from './width.ts';

const VERDICTS: Record<WalkSummary['verdict'], { words: string; tone: Tone }> = {
  right: { words: '● EVERY PASSAGE WAS COUNTED RIGHT', tone: 'good' },
  reversed: { words: '○ IT COUNTS THE OTHER WAY ROUND', tone: 'bad' },
  silent: { words: '○ NOBODY WAS COUNTED', tone: 'bad' },
  faulty: { words: '◐ NOT EVERY PASSAGE WAS COUNTED RIGHT', tone: 'warn' },
};
const OUTCOMES = { right: 'right', wrong: 'the wrong way round', missing: 'not counted' } as const;

/** `3 of 10 in: right`, told after each passage. */
export function passageLine(title: string, passage: Passage): string {
  const { expected, counted } = passage;
  const many = counted.in + counted.out > 1 ? ` (counted ${counted.in} in, ${counted.out} out)` : '';
  return `  ${title}, ${expected}: ${OUTCOMES[outcomeOf(passage)]}${many}`;
}

export function renderWalk(summary: WalkSummary, { width, colour }: RenderOptions): string {
  const paint = painter(colour);
  const { words, tone } = VERDICTS[summary.verdict];
  const { suggestion, causes } = summary;
  const line = (name: Direction, { asked, right, wrong, missing, extra }: DirectionScore): Cell[] => [
    name,
    ...[asked, right].map(String),
    ...[wrong, missing, extra].map((count) => (count === 0 ? '0' : { text: String(count), tone: 'bad' as const })),
  ];
  const table = renderTable(
    [
      { title: 'WALKED' },
      ...['ASKED', 'RIGHT', 'WRONG WAY', 'MISSING', 'EXTRA'].map((title) => ({ title, align: 'right' as const })),
    ],
    [line('in', summary.in), line('out', summary.out)],
    { width, paint },
  );
  const lines = [
    '',
    `${paint(tone, words)}  ${summary.sensor}`,
    '',
    ...table,
    ...(causes.length === 0 ? [] : ['', ...causes.flatMap((cause) => fold(cause, width))]),
    ...(suggestion === null
      ? []
      : ['', `In the settings, at the sensor ${summary.sensor}:`, `  ${suggestion.line}`, 'then: footfall reload']),
  ];
  return `${lines.join('\n')}\n`;
}
