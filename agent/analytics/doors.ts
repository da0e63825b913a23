/**
 * Cumulative door counters made into people: lost lines, a sensor's restart and this program's own absence lose nobody.
 */
const DEFAULT_WIDTH = 32;
/** A fall from the top tenth of the counter's range to its bottom tenth is a roll-over; any other fall is a restart. */
const ROLL_OVER_SHARE = 0.1;
/** More people than this through one door in one direction is a broken counter, not a crowd. */
const MAX_PER_SECOND = 5;
const MAX_BURST = 20;
/** After a silence this long the difference is told as caught up: when exactly the people came is not known. */
const CATCH_UP_MS = 60_000;

/** The last reading of one counter. */
export interface CounterState {
  entered: number;
  left: number;
  boot: number;
  time: number;
}

/** One counter row, directions as the sensor counts them. */
export interface CounterReading extends CounterState {
  /** Bits, 0 where the row does not say. */
  width: number;
}

/** What a reading adds. */
export interface CounterDifference {
  entered: number;
  left: number;
  setAside: number;
  reset: boolean;
  catchUp: boolean;
}

/**
 * The people between the last reading and this one. The first reading ever is only the base line. After a restart both
 * totals are people counted since then. A direction with an implausible difference is set aside and counts on from here.
 */
export function counterDifference(last: CounterState | undefined, now: CounterReading): CounterDifference {
  if (last === undefined) return { entered: 0, left: 0, setAside: 0, reset: false, catchUp: false };
  const range = 2 ** (now.width > 0 && now.width <= DEFAULT_WIDTH ? now.width : DEFAULT_WIDTH);
  const reset =
    now.boot !== last.boot || restarted(last.entered, now.entered, range) || restarted(last.left, now.left, range);
  const elapsedMs = Math.max(0, now.time - last.time);
  const limit = (MAX_PER_SECOND * elapsedMs) / 1000 + MAX_BURST;
  const entered = reset ? now.entered : (now.entered - last.entered + range) % range;
  const left = reset ? now.left : (now.left - last.left + range) % range;
  return {
    entered: entered > limit ? 0 : entered,
    left: left > limit ? 0 : left,
    setAside: (entered > limit ? entered : 0) + (left > limit ? left : 0),
    reset,
    catchUp: elapsedMs > CATCH_UP_MS,
  };
}

function restarted(before: number, now: number, range: number): boolean {
  if (now >= before) return false;
  return !(before > (1 - ROLL_OVER_SHARE) * range && now < ROLL_OVER_SHARE * range);
}
