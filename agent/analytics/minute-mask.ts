/** The UTC minutes in which a key was heard, up to 32 of them back from the newest. */

const MASK_MINUTES = 32;

/** Columns of a key table. */
export interface MinuteColumns {
  /** UTC minute of bit 0 of `mask`. */
  minute: Uint32Array;
  /** Bit i: heard i minutes before that. */
  mask: Uint32Array;
}

export function markMinute({ minute: minutes, mask: masks }: MinuteColumns, slot: number, minute: number): void {
  const ahead = minute - minutes[slot];
  if (ahead > 0) {
    masks[slot] = ahead < MASK_MINUTES ? (masks[slot] << ahead) | 1 : 1;
    minutes[slot] = minute;
  } else if (-ahead < MASK_MINUTES) {
    masks[slot] |= 1 << -ahead;
  }
}

/** Whether the key was heard in the `count` minutes (at most 31) up to and with `minute`. */
export function heardIn(
  { minute: minutes, mask: masks }: MinuteColumns,
  slot: number,
  minute: number,
  count: number,
): boolean {
  const ahead = minutes[slot] - minute;
  const wanted = (1 << count) - 1;
  if (ahead >= 0) return ahead < MASK_MINUTES && ((masks[slot] >>> ahead) & wanted) !== 0;
  return -ahead < count && (masks[slot] & (wanted >> -ahead)) !== 0;
}
