/**
 * Cumulative door counters made into people: lost lines, a sensor's restart and this program's own absence lose nobody.
 */
const DEFAULT_WIDTH = 32;
/** A fall from the top tenth of the counter's range to its bottom tenth can be a roll-over; any other fall is a restart. */
const ROLL_OVER_SHARE = 0.1;
/** More people than this through one door in one direction is a broken counter, not a crowd. */
const MAX_PER_SECOND = 5;
const MAX_BURST = 20;
/** After a silence this long the difference is told as caught up: when exactly the people came is not known. */
const CATCH_UP_MS = 60_000;
/** Taken to have passed since a reading of another clock's time: enough for every crowd there is. */
const UNKNOWN_MS = 24 * 3_600_000;

/** The base line: the last reading of one counter, as the sensor told it. */
export interface CounterState {
  entered: number;
  left: number;
  /** 0 where the format has none. */
  boot: number;
  time: number;
  /** Bits, and the driver that read it; absent in the oldest snapshots. */
  width?: number;
  driver?: string;
  /** True where another clock told the time, and nobody knows how long ago that was; absent else. */
  otherClock?: boolean;
}

/** One counter row, directions as the sensor counts them. */
export interface CounterReading extends CounterState {
  /** Bits, 0 where the row does not say. */
  width: number;
  driver: string;
}

/** What a reading adds. */
export interface CounterDifference {
  entered: number;
  left: number;
  /** People of directions whose difference is implausible; in neither of the above. */
  setAside: number;
  reset: boolean;
  /** Start of the silence that the difference came over, ms; null without one. */
  silentFrom: number | null;
}

/** One way to read two totals. */
interface Candidate {
  entered: number;
  left: number;
  reset: boolean;
}

const NOTHING: CounterDifference = { entered: 0, left: 0, setAside: 0, reset: false, silentFrom: null };

/**
 * The people between the last reading and this one. The first reading ever is only the base line, and so is the first of
 * another driver or width. After a restart both totals are people counted since then. A direction with an implausible
 * difference is set aside and counts on from here.
 * @returns null for a reading out of order: it says nothing new, and the base line stays where it is.
 */
export function counterDifference(last: CounterState | undefined, now: CounterReading): CounterDifference | null {
  if (last === undefined || (last.width ?? now.width) !== now.width || (last.driver ?? now.driver) !== now.driver) {
    return NOTHING;
  }
  const elapsedMs = Math.max(0, now.time - last.time);
  const knownMs = last.otherClock === true ? Math.max(elapsedMs, UNKNOWN_MS) : elapsedMs;
  const limit = (MAX_PER_SECOND * knownMs) / 1000 + MAX_BURST;
  const plausible = ({ entered, left }: Candidate): boolean => entered <= limit && left <= limit;
  const candidates = candidatesOf(last, now);
  const found = candidates.find(plausible) ?? candidates[0];
  const { entered, left, reset } = found;
  // The totals go on growing: a reading from before the last one is behind it, or no further ahead than a moment allows.
  if (now.time < last.time && !rebooted(last, now) && (reset || !plausible(found))) return null;
  return {
    entered: entered > limit ? 0 : entered,
    left: left > limit ? 0 : left,
    setAside: (entered > limit ? entered : 0) + (left > limit ? left : 0),
    reset,
    silentFrom: elapsedMs > CATCH_UP_MS ? last.time : null,
  };
}

/**
 * What the two totals can mean, likeliest first. Where the counter fell from the top to the bottom of its range it rolled
 * over; where that would be a crowd beyond all measure, it restarted up there. Of two directions that both restart with
 * the sensor, one may also have been set back alone: so where the other's whole total cannot be people, its difference is.
 */
function candidatesOf(last: CounterState, now: CounterReading): Candidate[] {
  const range = 2 ** (now.width > 0 && now.width <= DEFAULT_WIDTH ? now.width : DEFAULT_WIDTH);
  const restart: Candidate = { entered: now.entered, left: now.left, reset: true };
  if (rebooted(last, now)) return [restart];
  const difference: Candidate = {
    entered: (now.entered - last.entered + range) % range,
    left: (now.left - last.left + range) % range,
    reset: false,
  };
  const fell = { entered: now.entered < last.entered, left: now.left < last.left };
  if (!fell.entered && !fell.left) return [difference];
  const alone: Candidate = {
    entered: fell.entered ? now.entered : difference.entered,
    left: fell.left ? now.left : difference.left,
    reset: true,
  };
  const rolled =
    (!fell.entered || crossesTop(last.entered, now.entered, range)) &&
    (!fell.left || crossesTop(last.left, now.left, range));
  return rolled ? [difference, restart, alone] : [restart, alone];
}

/** Whether the sensor itself says that it restarted. */
function rebooted(last: CounterState, now: CounterState): boolean {
  return now.boot !== last.boot && now.boot !== 0 && last.boot !== 0;
}

function crossesTop(before: number, now: number, range: number): boolean {
  return before > (1 - ROLL_OVER_SHARE) * range && now < ROLL_OVER_SHARE * range;
}
