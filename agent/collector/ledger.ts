/**
 * The gap ledger: of what a gateway sealed in an epoch, what is not here, and why. What it told as gone is `told`; what it
 * no longer holds and never told is `lost`; the rest is `awaited`. Nothing is missing only because newer batches came first,
 * and whatever is stored is no gap. Pure.
 */
import type { StateMessage } from '../contract/messages.ts';

/** Sequences, both included. */
export interface Range {
  first: number;
  last: number;
}

/** `awaited`: the gateway may still hold them. `lost`: it does not, and said nothing of them. `told`: it said why. */
export type GapState = 'awaited' | 'lost' | 'told';

export interface Gap extends Range {
  tenant: string;
  gateway: string;
  epoch: string;
  state: GapState;
  /** Of a gap record; null unless told. */
  reason: string | null;
}

/** What a state message says of one epoch. */
export interface EpochFacts {
  epoch: string;
  /** Its first sequence; null where not known. */
  first: number | null;
  sealedThrough: number;
  /** What is missing below will not come, unless somebody at the box sends it again. */
  goneBelow: number;
}

/** All that is known of an epoch. */
export interface EpochLedger extends EpochFacts {
  tenant: string;
  gateway: string;
  stored: Range[];
  told: (Range & { reason: string })[];
}

/** The epochs that a state message tells of: its own and the one before. */
export function epochsOf(state: StateMessage): EpochFacts[] {
  const { epoch, sealed_through: sealedThrough, previous } = state;
  const goneBelow = state.oldest_held ?? sealedThrough + 1;
  const own = { epoch, first: state.first_sequence, sealedThrough, goneBelow };
  if (previous === null) return [own];
  const { last_sequence: last, oldest_held: held } = previous;
  return [own, { epoch: previous.epoch, first: null, sealedThrough: last, goneBelow: held ?? last + 1 }];
}

/** @param epochs all of the gateways in question: where one begins is told by the others when its own state never came. */
export function gapsOf(epochs: readonly EpochLedger[]): Gap[] {
  const byGateway = Map.groupBy(epochs, ({ tenant, gateway }) => `${tenant}/${gateway}`);
  const gaps = [...byGateway.values()].flatMap((own) => own.flatMap((each) => gapsIn(each, own)));
  return gaps.sort(
    (a, b) =>
      compare(a.tenant, b.tenant) || compare(a.gateway, b.gateway) || compare(a.epoch, b.epoch) || a.first - b.first,
  );
}

function gapsIn(ledger: EpochLedger, all: readonly EpochLedger[]): Gap[] {
  const { tenant, gateway, epoch, goneBelow } = ledger;
  const sealed = { first: firstOf(ledger, all), last: endOf(ledger) };
  const missing = without(without(sealed.first <= sealed.last ? [sealed] : [], ledger.stored), ledger.told);
  const gap = { tenant, gateway, epoch };
  const gaps: Gap[] = missing.flatMap(({ first, last }) => {
    const parts: Gap[] = [];
    if (first < goneBelow)
      parts.push({ ...gap, first, last: Math.min(last, goneBelow - 1), state: 'lost', reason: null });
    if (last >= goneBelow)
      parts.push({ ...gap, first: Math.max(first, goneBelow), last, state: 'awaited', reason: null });
    return parts;
  });
  for (const [reason, told] of Map.groupBy(ledger.told, ({ reason }) => reason)) {
    for (const range of without(joined(told), ledger.stored)) gaps.push({ ...gap, ...range, state: 'told', reason });
  }
  return gaps;
}

/** The last sequence that this epoch is known to have given. */
function endOf({ sealedThrough, stored, told }: EpochLedger): number {
  return Math.max(sealedThrough, ...stored.map(({ last }) => last), ...told.map(({ last }) => last));
}

/** Its own word, else behind the epoch before it: a gateway numbers on from epoch to epoch. */
function firstOf(ledger: EpochLedger, all: readonly EpochLedger[]): number {
  if (ledger.first !== null) return ledger.first;
  const known = Math.min(...ledger.stored.map(({ first }) => first), ledger.sealedThrough + 1, Number.MAX_SAFE_INTEGER);
  const reach = ledger.stored.length === 0 ? ledger.sealedThrough : known - 1;
  const ends = all.filter((other) => other !== ledger && endOf(other) >= (other.first ?? 0)).map(endOf);
  return 1 + Math.max(0, ...ends.filter((end) => end <= reach));
}

/** Ranges of the numbers given, in ascending order. */
export function rangesOf(sequences: Iterable<number>): Range[] {
  return joined([...sequences].map((sequence) => ({ first: sequence, last: sequence })));
}

/** Sorted, and joined where they touch or overlap. */
export function joined(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else result.push({ first, last });
  }
  return result;
}

/** What of `ranges` none of `others` covers. */
export function without(ranges: readonly Range[], others: readonly Range[]): Range[] {
  const cuts = joined(others);
  const result: Range[] = [];
  let cut = 0;
  for (const { first, last } of joined(ranges)) {
    let from = first;
    while (cut < cuts.length && cuts[cut].last < from) cut++;
    for (let at = cut; at < cuts.length && cuts[at].first <= last; at++) {
      if (cuts[at].first > from) result.push({ first: from, last: cuts[at].first - 1 });
      from = cuts[at].last + 1;
    }
    if (from <= last) result.push({ first: from, last });
  }
  return result;
}

/** How many sequences they are; they must not overlap. */
export function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
