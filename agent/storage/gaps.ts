/**
 * What is gone and must be told. A row of the table is written once and never joined with another: who told the gaps it had
 * read must find each as it read it. Call inside a transaction.
 */
import type { Outbox } from './outbox.ts';
import { GAP_RECORD, type Released, type Statements } from './statements.ts';
import type { Gap, WindowClose } from './storage.ts';

/** Notes sequences that are gone for good, as one gap for each run of them. A gap record among them tells nothing any more. */
export function noteGone(statements: Statements, gone: Omit<Released, 'bytes'>[], reason: string): void {
  if (gone.length === 0) return;
  const { writeGap, untellGaps, readMeta, writeMeta } = statements;
  for (const { epoch, fromSequence, toSequence } of runsOf(gone)) {
    writeGap.run(epoch, fromSequence, toSequence, reason, null);
  }
  for (const { kind, sequence } of gone) if (kind === GAP_RECORD) untellGaps.run(sequence);
  writeMeta.run('dropped', String(Number(readMeta.get('dropped') ?? 0) + gone.length));
}

/** A gap record was sealed: its ranges take the place of what it tells, and it that of the records it replaces. */
export function tellGaps(statements: Statements, outbox: Outbox, gap: NonNullable<WindowClose['gap']>): void {
  const { deleteGap, writeGap, releaseDead } = statements;
  for (const id of gap.tells) deleteGap.run(id);
  for (const { epoch, fromSequence, toSequence, reason } of gap.ranges) {
    writeGap.run(epoch, fromSequence, toSequence, reason, gap.sequence);
  }
  for (const sequence of gap.replaces) {
    outbox.release(sequence);
    // Where it was rejected.
    releaseDead.get(sequence);
  }
}

/** Runs of sequences that follow each other in one epoch. */
function runsOf(gone: { epoch: string; sequence: number }[]): Pick<Gap, 'epoch' | 'fromSequence' | 'toSequence'>[] {
  const runs: Pick<Gap, 'epoch' | 'fromSequence' | 'toSequence'>[] = [];
  for (const { epoch, sequence } of gone.toSorted((a, b) => a.sequence - b.sequence)) {
    const last = runs.at(-1);
    if (last?.epoch === epoch && last.toSequence + 1 === sequence) last.toSequence = sequence;
    else runs.push({ epoch, fromSequence: sequence, toSequence: sequence });
  }
  return runs;
}
