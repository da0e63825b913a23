/**
 * How much history is kept: at least 400 days of windows, counted by their ordinals and the lengths they had. Wall time
 * plays no part, so a clock that jumps deletes nothing. Call inside a transaction.
 */
import type { Statements } from './statements.ts';
import type { HistoryRow } from './storage.ts';

const KEPT_MS = 400 * 24 * 60 * 60 * 1000;
/** The longest window there is; a row that spans more is of a day. */
const MAX_WINDOW_MS = 60 * 60 * 1000;
/** Rows trimmed in one close: some ten times what a close adds. */
const SLICE = 500;

/** Lengths remembered; beyond it the oldest two become one, the shorter, so that rather too much is kept. */
const MAX_LENGTHS = 64;

/** From this window ordinal on a window was this long. */
interface Length {
  from: number;
  ms: number;
}

export function keepHistory(statements: Statements, rows: HistoryRow[], windowOrdinal: number): void {
  const { writeHistory, readMeta, writeMeta, nextHistory, trimHistory } = statements;
  for (const { kind, place, window, rev, startMs, endMs, body } of rows) {
    writeHistory.run(kind, place, window, rev, startMs, endMs, body);
  }
  const known = readMeta.get('window_lengths');
  const { lengths, cutoff } = lengthsAfter(known === undefined ? [] : JSON.parse(known), rows, windowOrdinal);
  const text = JSON.stringify(lengths);
  if (text !== known) writeMeta.run('window_lengths', text);
  if (cutoff === null) return;
  let room = SLICE;
  let group = nextHistory.get('', '');
  while (group !== undefined && room > 0) {
    room -= trimHistory.run(group.kind, group.place, cutoff, room).changes;
    group = nextHistory.get(group.kind, group.place);
  }
}

/**
 * The lengths that matter after a close, and the oldest ordinal to keep; null where all is kept. Before the first length
 * that is known, windows are taken to have been as long.
 */
export function lengthsAfter(
  known: readonly Length[],
  rows: readonly Pick<HistoryRow, 'window' | 'startMs' | 'endMs'>[],
  newest: number,
): { lengths: Length[]; cutoff: number | null } {
  const lengths = [...known];
  const spans = rows
    .filter(({ window }) => window === newest)
    .map(({ startMs, endMs }) => endMs - startMs)
    .filter((ms) => ms > 0 && ms <= MAX_WINDOW_MS);
  const ms = Math.min(...spans);
  const last = lengths.at(-1);
  if (spans.length > 0 && ms !== last?.ms && newest > (last?.from ?? 0)) lengths.push({ from: newest, ms });
  while (lengths.length > MAX_LENGTHS) {
    const [first, second] = lengths.splice(0, 2);
    lengths.unshift({ from: first.from, ms: Math.min(first.ms, second.ms) });
  }
  let left = KEPT_MS;
  let to = newest;
  for (let index = lengths.length - 1; index >= 0; index--) {
    const length = lengths[index];
    const kept = Math.ceil(left / length.ms);
    const first = index === 0 ? Number.NEGATIVE_INFINITY : length.from;
    if (to - kept >= first) return { lengths: lengths.slice(index), cutoff: to - kept };
    left -= (to - first + 1) * length.ms;
    to = first - 1;
  }
  return { lengths, cutoff: null };
}
