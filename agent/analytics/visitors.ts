/**
 * The day's distinct visitors as a sketch, where the settings share it: keys of devices that went inside in opening hours,
 * each once however often it came. A device that turns out to be a fixture later stays in, as it does in the visits.
 */
import { addHash, estimate, LOG2M, REGISTER_BITS, type Registers, storageBytes, unite } from './hyperloglog.ts';
import type { DayRecord, VisitorsRecord } from './records.ts';

/** A sketch of fewer tells of single devices: whoever has the key could ask it for one of them. */
const FEWEST = 10;

/** Plain data, so that a snapshot is its JSON. */
export interface VisitorsState {
  registers: Registers;
  /** Visits behind them, and those of them of a randomised address. */
  visits: number;
  random: number;
  /** Ids of the keys that the hashes were made with, ascending. */
  keys: number[];
}

/** One key of a device at the start of a visit. */
export interface Visitor {
  high: number;
  low: number;
  /** Id of the key that the hash was made with. */
  key: number;
  /** False for a randomised address, which goes by its fingerprint. */
  lasting: boolean;
}

export function createVisitors(): VisitorsState {
  return { registers: {}, visits: 0, random: 0, keys: [] };
}

export function addVisitor(visitors: VisitorsState, { high, low, key, lasting }: Visitor): void {
  addHash(visitors.registers, high, low);
  visitors.visits++;
  if (!lasting) visitors.random++;
  addKeys(visitors, [key]);
}

/** Adds the visitors of a window to those of its day. */
export function uniteVisitors(into: VisitorsState, from: VisitorsState): void {
  unite(into.registers, from.registers);
  into.visits += from.visits;
  into.random += from.random;
  addKeys(into, from.keys);
}

/** @param day key, span and date of the day's record. */
export function visitorsRecord(
  day: Pick<DayRecord, 'store' | 'rev' | 'window' | 'start_ms' | 'end_ms' | 'parameters' | 'date'>,
  { registers, visits, random, keys }: VisitorsState,
): VisitorsRecord {
  const distinct = Math.round(estimate(registers));
  // One device has a hash for each key: only of so many are there enough devices, however they share the keys.
  const enough = distinct >= FEWEST * Math.max(1, keys.length);
  return {
    kind: 'visitors',
    place: 'store',
    store: day.store,
    rev: day.rev,
    window: day.window,
    start_ms: day.start_ms,
    end_ms: day.end_ms,
    parameters: day.parameters,
    date: day.date,
    sketch: enough ? Buffer.from(storageBytes(registers)).toString('hex') : null,
    log2m: LOG2M,
    regwidth: REGISTER_BITS,
    estimate: distinct,
    keys: keys.length,
    visits,
    random_share: visits === 0 ? null : Math.round((1000 * random) / visits) / 1000,
  };
}

function addKeys(visitors: VisitorsState, keys: readonly number[]): void {
  const added = keys.filter((key) => !visitors.keys.includes(key));
  if (added.length > 0) visitors.keys = [...visitors.keys, ...added].sort((one, other) => one - other);
}
