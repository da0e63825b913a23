/** What `footfall buffer` and `footfall buffer list` show. */
import type { DeadLetter } from '../../local/dead-letters.ts';
import type { StatusDocument } from '../../local/document.ts';
import { type Fact, renderFacts, renderParagraph } from './flow.ts';
import { formatBytes, formatCount, formatPercent, formatShortDuration, LocalTime, NONE } from './format.ts';
import type { RenderOptions } from './status.ts';
import { roomFact } from './status-box.ts';
import { painter } from './style.ts';
import { type Cell, type Column, renderTable } from './table.ts';
import { clean, cut } from './width.ts';

type Buffer = StatusDocument['buffer'];

/** The buffer as the daemon tells it, or as its database does while none runs. */
export interface BufferFacts
  extends Pick<
      Buffer,
      'epoch' | 'held' | 'held_bytes' | 'bound_bytes' | 'hours_left' | 'oldest_sequence' | 'oldest_ms'
    >,
    Pick<Buffer, 'sealed_through' | 'dropped' | 'dropped_untold' | 'dead_letters'> {
  from: 'daemon' | 'database';
  at_ms: number;
  time_zone: string;
}

const LABEL_WIDTH = 15;
const HALF_FULL = 0.5;
const MESSAGE_WIDTH = 12;

export function renderBuffer(facts: BufferFacts, { width, colour }: RenderOptions): string {
  const paint = painter(colour);
  const row = (label: string, values: (Fact | null)[]): string[] =>
    renderFacts(label, values, { width, labelWidth: LABEL_WIDTH, paint });
  const untold = Object.entries(facts.dropped_untold);
  const share = facts.held_bytes / facts.bound_bytes;
  const lines = [
    ...row('HELD', [
      { text: facts.held === 0 ? 'nothing' : `${formatCount(facts.held)} ${facts.held === 1 ? 'batch' : 'batches'}` },
      {
        text: `${formatBytes(facts.held_bytes)} of ${formatBytes(facts.bound_bytes)} (${formatPercent(share)})`,
        tone: share >= HALF_FULL ? 'warn' : 'plain',
      },
      oldestFact(facts),
    ]),
    ...row('OUTAGE', [facts.from === 'database' ? { text: 'known while the daemon runs' } : roomOf(facts)]),
    ...row('SEALED THROUGH', [{ text: formatCount(facts.sealed_through) }]),
    ...row('DROPPED', [
      facts.dropped === 0
        ? { text: 'nothing since the database was made' }
        : { text: `${formatCount(facts.dropped)} since the database was made` },
    ]),
    ...row('GAPS TO TELL', [
      untold.length === 0 ? { text: 'none' } : null,
      ...untold.map(([reason, count]): Fact => ({ text: `${formatCount(count)} ${reasonText(reason)}`, tone: 'warn' })),
    ]),
    ...row('DEAD LETTERS', [
      facts.dead_letters === 0
        ? { text: 'none' }
        : { text: `${formatCount(facts.dead_letters)}, see: footfall buffer list`, tone: 'warn' },
    ]),
  ];
  if (facts.from === 'database') lines.push('', paint('dim', 'No daemon answers: this is what the database holds.'));
  return `${lines.join('\n')}\n`;
}

function oldestFact({
  oldest_sequence: sequence,
  oldest_ms: sealed,
  at_ms: at,
  time_zone: zone,
}: BufferFacts): Fact | null {
  if (sequence === null) return null;
  const since =
    sealed === null ? '' : ` of ${new LocalTime(zone).time(sealed, at)} (${formatShortDuration(at - sealed)})`;
  return { text: `oldest no. ${formatCount(sequence)}${since}` };
}

function roomOf({ hours_left: hours }: BufferFacts): Fact {
  return roomFact(hours) ?? { text: 'known once windows were sealed' };
}

function reasonText(reason: string): string {
  return reason === 'operator' ? 'dropped by hand' : clean(reason.replaceAll('_', ' '));
}

const COLUMNS = {
  sequence: { title: 'SEQUENCE', align: 'right' },
  epoch: { title: 'EPOCH' },
  when: { title: 'WHEN' },
  bytes: { title: 'BYTES', align: 'right' },
  code: { title: 'CODE', shrinkTo: 12 },
  message: { title: 'MESSAGE', shrinkTo: MESSAGE_WIDTH },
} as const satisfies Record<string, Column>;

/** @param box whose epoch is left out of the table. */
export function renderLetters(
  letters: readonly DeadLetter[],
  box: Pick<BufferFacts, 'epoch' | 'at_ms' | 'time_zone'>,
  { width, colour }: RenderOptions,
): string {
  const paint = painter(colour);
  if (letters.length === 0) return `${paint('dim', 'no dead letters')}\n`;
  const local = new LocalTime(box.time_zone);
  const foreign = letters.some(({ epoch }) => epoch !== box.epoch);
  const columns: Column[] = Object.entries(COLUMNS).flatMap(([name, column]) =>
    name === 'epoch' && !foreign ? [] : [column],
  );
  const rows = letters.map(({ sequence, epoch, at_ms, bytes, code, message }): Cell[] => [
    String(sequence),
    ...(foreign ? [epoch === box.epoch ? { text: 'this', tone: 'dim' as const } : clean(epoch)] : []),
    at_ms === null ? NONE : local.time(at_ms, box.at_ms),
    formatCount(bytes),
    { text: clean(code), tone: code === 'conflict' || code === 'damaged' ? 'bad' : 'warn' },
    clean(message),
  ]);
  const lines = renderTable(columns, rows, { width, paint });
  const isCut = lines.some((line) => line.includes('…'));
  const advice = 'Mended? footfall buffer resend --all. To keep copies: footfall buffer export --all --to DIR';
  return `${[
    ...lines,
    '',
    ...(isCut ? [paint('dim', cut('The messages in full: footfall buffer list --json', width))] : []),
    ...renderParagraph('', advice, { width, tone: 'dim', paint }),
  ].join('\n')}\n`;
}
