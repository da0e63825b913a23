/** The changes of health as a table, newest first. */
import type { HealthEntry } from '../../local/routes.ts';
import { formatShortDuration, LocalTime } from './format.ts';
import type { RenderOptions } from './status.ts';
import { painter, type Tone } from './style.ts';
import { type Cell, renderTable } from './table.ts';
import { clean } from './width.ts';

const COLUMNS = [
  { title: 'TIME' },
  { title: 'CHANGE' },
  { title: 'LASTED', align: 'right' },
  { title: 'WHAT', shrinkTo: 20 },
] as const;
const TONES: Record<HealthEntry['change'], Tone> = { began: 'warn', ended: 'good', event: 'dim' };

/** @param changes newest first; @param now UTC milliseconds of the gateway's clock. */
export function renderHistory(
  changes: readonly HealthEntry[],
  { width, colour, timeZone, now }: RenderOptions & { timeZone: string; now: number },
): string {
  const paint = painter(colour);
  const local = new LocalTime(timeZone);
  if (changes.length === 0) return 'no change of health is known\n';
  const rows = changes.map((change, index): Cell[] => [
    local.time(change.at_ms, now),
    { text: change.change === 'event' ? '' : change.change, tone: TONES[change.change] },
    lasted(changes, index, now),
    change.change === 'event' ? { text: eventText(change), tone: 'dim' } : clean(change.message),
  ]);
  return `${renderTable(COLUMNS, rows, { width, paint }).join('\n')}\n`;
}

function eventText({ code, message }: HealthEntry): string {
  return clean(`${code.replaceAll('_', ' ')}${message === '' ? '' : `: ${message}`}`);
}

/** From a beginning to its end; where that has not come, how long it has been so. */
function lasted(changes: readonly HealthEntry[], index: number, now: number): Cell {
  const { at_ms: at, change } = changes[index];
  if (change === 'event') return '';
  if (change === 'began') {
    const end = changes.slice(0, index).findLast((other) => isSame(other, changes[index]));
    if (end === undefined) return { text: `${formatShortDuration(now - at)} so far`, tone: 'warn' };
    return formatShortDuration(end.at_ms - at);
  }
  const beginning = changes.slice(index + 1).find((other) => isSame(other, changes[index]));
  return beginning?.change === 'began' ? formatShortDuration(at - beginning.at_ms) : '';
}

function isSame(one: HealthEntry, other: HealthEntry): boolean {
  return one.code === other.code && one.subject === other.subject && one.change !== 'event';
}
