/**
 * People that came while nobody heard their counter: how many is known, when is not. They are spread evenly over the
 * silence, so that no minute gets a crowd that never was.
 */
import { MINUTE_MS } from './windows.ts';

/** People of one moment. */
export interface Share {
  /** UTC milliseconds. */
  time: number;
  entered: number;
  left: number;
}

/**
 * Even shares of the silence from `from` to `to` by the UTC minute, each at the middle of its time. All of the silence
 * before `open`, the start of the windows that can still be counted in, is one share.
 */
export function shareOut(from: number, to: number, open: number, entered: number, left: number): Share[] {
  const shares: Share[] = [];
  let start = from;
  let before = { entered: 0, left: 0 };
  while (start < to) {
    const end = Math.min(to, start < open ? open : (Math.floor(start / MINUTE_MS) + 1) * MINUTE_MS);
    // Rounded cumulatively: the shares add up to exactly what there is.
    const part = (end - from) / (to - from);
    const until = { entered: Math.round(entered * part), left: Math.round(left * part) };
    const share = { entered: until.entered - before.entered, left: until.left - before.left };
    if (share.entered > 0 || share.left > 0) shares.push({ time: Math.floor((start + end) / 2), ...share });
    before = until;
    start = end;
  }
  return shares;
}
