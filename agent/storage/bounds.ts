/** What the buffer may hold, and what is dropped beyond: the oldest windows first, gap records never. Call inside a transaction. */
import { dropDead } from './dead-letters.ts';
import { noteGone } from './gaps.ts';
import type { Outbox } from './outbox.ts';
import type { Released, Statements } from './statements.ts';

export interface Bounds {
  /** Of the batches held; the dead letters may have an eighth of it beside them. */
  bytes: number;
  /** How far a window may lie behind the newest. By ordinal: a clock that jumps makes nothing older. */
  windows: number;
}

/** A bound that was passed is gone below by this much, so that a long outage makes few gaps. */
const LOW_WATER = 0.95;
const DEAD_SHARE = 1 / 8;
const ROOM_SHARE = 1 / 10;
const MAX_ROWS = 256;

/** Drops what lies beyond the bounds. @param newestWindow ordinal of the window closed last. */
export function keepBounds(statements: Statements, outbox: Outbox, bounds: Bounds, newestWindow: number): void {
  const tooOld = newestWindow - bounds.windows;
  const aged = dropOldest(statements, outbox, ({ windowOrdinal }) => windowOrdinal < tooOld);
  noteGone(statements, aged, 'buffer_age');
  if (outbox.held.bytes > bounds.bytes) {
    const low = bounds.bytes * LOW_WATER;
    const over = dropOldest(statements, outbox, () => outbox.held.bytes > low);
    noteGone(statements, over, 'buffer_full');
  }
  keepDeadBound(statements, bounds.bytes * DEAD_SHARE);
}

/** Drops the oldest tenth of the windows held, to make room on a full disk. @returns how many went. */
export function dropForRoom(statements: Statements, outbox: Outbox): number {
  let left = Math.ceil((statements.countWindows.get() ?? 0) * ROOM_SHARE);
  const gone = dropOldest(statements, outbox, () => left-- > 0);
  noteGone(statements, gone, 'disk_full');
  return gone.length;
}

/** Lets the oldest windows go while the condition holds, up to the first for which it does not. */
function dropOldest(
  statements: Statements,
  outbox: Outbox,
  goes: (batch: { windowOrdinal: number }) => boolean,
): Released[] {
  const gone: Released[] = [];
  // Mostly the first stays: reading many rows to see that would be dear on a card.
  for (let rows = 1; ; rows = Math.min(rows * 4, MAX_ROWS)) {
    const oldest = statements.oldestWindows.all(rows);
    for (const batch of oldest) {
      if (!goes(batch)) return gone;
      const released = outbox.release(batch.sequence);
      if (released !== undefined) gone.push(released);
    }
    if (oldest.length < rows) return gone;
  }
}

function keepDeadBound(statements: Statements, bound: number): void {
  let bytes = statements.deadBytes.get() ?? 0;
  if (bytes <= bound) return;
  const gone: number[] = [];
  for (const letter of statements.oldestDeadWindows.all()) {
    if (bytes <= bound * LOW_WATER) break;
    gone.push(letter.sequence);
    bytes -= letter.bytes;
  }
  dropDead(statements, gone, 'dead_letters_full');
}
