/** Which gaps the next gap record tells of, and which earlier gap records it replaces. Pure. */
import type { Gap } from './storage/storage.ts';

/** Unacknowledged gap records beyond which the oldest become one: in a long outage they must not fill the buffer. */
const MAX_RECORDS = 64;
const MERGED_AT_ONCE = 32;

export type Range = Pick<Gap, 'epoch' | 'fromSequence' | 'toSequence' | 'reason'>;

export interface GapToTell {
  /** By epoch and sequence, joined where they touch. */
  ranges: Range[];
  /** Ids of the gaps. */
  tells: number[];
  /** Sequences of gap records. */
  replaces: number[];
}

/**
 * Null where every gap has its record, and those are few enough.
 * @param gaps all whose record is not acknowledged.
 * @param current the epoch that seals now, and its first sequence: only its own gap records are replaced.
 */
export function gapToTell(gaps: readonly Gap[], current: { epoch: string; firstSequence: number }): GapToTell | null {
  const untold = gaps.filter(({ toldIn }) => toldIn === null);
  const records = new Map<number, Gap[]>();
  for (const gap of gaps) {
    if (gap.toldIn === null || gap.toldIn < current.firstSequence) continue;
    records.set(gap.toldIn, [...(records.get(gap.toldIn) ?? []), gap]);
  }
  const oldest = [...records.keys()].sort((a, b) => a - b);
  const replaces = oldest.length > MAX_RECORDS ? oldest.slice(0, MERGED_AT_ONCE) : [];
  if (untold.length === 0 && replaces.length === 0) return null;
  const retold = replaces.flatMap((sequence) => records.get(sequence) ?? []);
  // The sequence of a replaced record is gone too: for the reason that it told last, so that it joins what lies around it.
  const own = replaces.map((sequence): Range => {
    const reason = records.get(sequence)?.at(-1)?.reason ?? 'buffer_full';
    return { epoch: current.epoch, fromSequence: sequence, toSequence: sequence, reason };
  });
  const told = [...retold, ...untold];
  return { ranges: joined([...told, ...own]), tells: told.map(({ id }) => id), replaces };
}

/** Sorted, and joined where one goes on where another of the same reason ends. */
export function joined(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) => compare(a.epoch, b.epoch) || a.fromSequence - b.fromSequence);
  const result: Range[] = [];
  for (const { epoch, fromSequence, toSequence, reason } of sorted) {
    const last = result.at(-1);
    if (last?.epoch === epoch && last.reason === reason && fromSequence <= last.toSequence + 1) {
      last.toSequence = Math.max(last.toSequence, toSequence);
    } else result.push({ epoch, fromSequence, toSequence, reason });
  }
  return result;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
