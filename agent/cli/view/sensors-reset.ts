/** What a reset of totals came to. */
import { formatCount } from './format.ts';
import { painter } from './style.ts';
import { clean } from './width.ts';

interface Totals {
  in: number;
  out: number;
}

export interface ResetReport {
  id: string;
  /** What was set to 0. */
  what: string;
  isDone: boolean;
  acknowledged: boolean | null;
  before: Totals | null;
  after: Totals | null;
}

/** Ends in a newline. */
export function renderReset(report: ResetReport, { colour }: { colour: boolean }): string {
  const { id, what, isDone, acknowledged, before, after } = report;
  const paint = painter(colour);
  const word = isDone ? paint('good', 'reset') : paint('bad', 'not reset');
  const lines = [
    `${clean(id)}: ${word} (${clean(what)})`,
    `  before  ${totalsText(before)}`,
    `  after   ${totalsText(after)}`,
  ];
  if (acknowledged === null) lines.push('  It never acknowledges: walk through the door and see it begin at 0.');
  if (!isDone) lines.push('  Its totals do not show it. Is it powered, and is it the right unit?');
  return `${lines.join('\n')}\n`;
}

function totalsText(totals: Totals | null): string {
  return totals === null ? 'not told' : `${formatCount(totals.in)} in, ${formatCount(totals.out)} out`;
}
