/**
 * The identity of a database: 64 random bits, bound to the machine it lives on. A cloned card or a database that moved
 * starts a new epoch, so two boxes never number batches in the same one.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Statements } from './statements.ts';
import type { Opened } from './storage.ts';

/** Reads the epoch, or begins one on a new database or another machine. Call inside a transaction. */
export function bindEpoch(
  statements: Statements,
  machineId: string,
  lastSequence: number,
): Pick<Opened, 'epoch' | 'previous'> {
  const { readMeta, writeMeta } = statements;
  let epoch = readMeta.get('epoch');
  if (epoch === undefined || readMeta.get('machine') !== machineDigest(epoch, machineId)) {
    if (epoch !== undefined) {
      writeMeta.run('previous_epoch', epoch);
      writeMeta.run('previous_last_sequence', String(lastSequence));
    }
    epoch = randomBytes(8).toString('hex');
    writeMeta.run('epoch', epoch);
    writeMeta.run('machine', machineDigest(epoch, machineId));
  }
  const previous = readMeta.get('previous_epoch');
  return {
    epoch,
    previous:
      previous === undefined
        ? null
        : { epoch: previous, lastSequence: Number(readMeta.get('previous_last_sequence') ?? 0) },
  };
}

/** Says whether the machine is the same, and nothing else about it. */
function machineDigest(epoch: string, machineId: string): string {
  return createHash('sha256').update(`${epoch}/${machineId}`).digest('hex');
}
