/** Batches that will not be sent as they are: rejected by the collector, or damaged. Call inside a transaction. */
import { noteGone } from './gaps.ts';
import { isSound, type Outbox } from './outbox.ts';
import type { Released, Statements } from './statements.ts';
import type { HeldBatch } from './storage.ts';

/** The code of a batch whose bytes are not those that were sealed. It is told as a gap when it is found, and never again. */
const DAMAGED = 'damaged';
/** The collector has other bytes under this sequence: sending ours again cannot help. */
const CONFLICT = 'conflict';
const MAX_REASON = 1000;

export function buryRejected(outbox: Outbox, rejected: { sequence: number; code: string; message: string }[]): void {
  for (const { sequence, code, message } of rejected) {
    // A gap record keeps its gaps: it can be sent again.
    outbox.bury(sequence, code.slice(0, MAX_REASON), message.slice(0, MAX_REASON));
  }
}

/** Held batches that were found damaged become dead letters, and gaps. */
export function buryDamaged(statements: Statements, outbox: Outbox, damaged: number[]): void {
  const buried = damaged.flatMap((sequence) => {
    return outbox.bury(sequence, DAMAGED, 'its bytes on the disk are not those that were sealed') ?? [];
  });
  noteGone(statements, buried, 'damaged');
}

/** The bytes of those that are what was sealed. */
export function readDeadBodies(statements: Statements, sequences: number[]): HeldBatch[] {
  return sequences.flatMap((wanted) => {
    const found = statements.readDeadBody.get(wanted);
    if (found === undefined || !isSound(found)) return [];
    const { epoch, sequence, windowOrdinal, body } = found;
    return [{ epoch, sequence, windowOrdinal, body }];
  });
}

/** Puts dead letters back into the outbox, but for those that cannot be of use there. @returns which went. */
export function resend(statements: Statements, outbox: Outbox, sequences: number[]): number[] {
  return sequences.filter((sequence) => {
    const found = statements.readDeadBody.get(sequence);
    if (found === undefined || found.code === CONFLICT || found.code === DAMAGED || !isSound(found)) return false;
    outbox.unbury(sequence);
    return true;
  });
}

/** Drops dead letters for good. @returns what went. */
export function dropDead(statements: Statements, sequences: number[], reason: string): Released[] {
  const gone = sequences.flatMap((sequence) => statements.releaseDead.get(sequence) ?? []);
  const untold = gone.filter(({ code }) => code !== DAMAGED);
  noteGone(statements, untold, reason);
  return gone;
}
