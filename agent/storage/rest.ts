/**
 * What a database held when it was closed in order. Damage to a page can make rows vanish, or give them another number,
 * without SQLite noticing; a check of every page at each start would take seconds, counting the rows takes none.
 */
import { statSync } from 'node:fs';
import { type Identity, type Rest, readIdentity, writeIdentity } from './identity.ts';
import type { Statements } from './statements.ts';
import { damaged } from './storage-error.ts';

export type RowCounts = Pick<Rest, 'held' | 'dead'>;

/** When a file was last written, UTC milliseconds; 0 where there is none. */
export function changedAt(path: string): number {
  return Math.floor(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
}

/** How many rows there are and which, as far as a sum can tell. */
export function countRows({ readMeta }: Statements): RowCounts {
  const count = (table: string): string => {
    const sql = `SELECT COUNT(*) || '/' || COALESCE(SUM(sequence), 0) FROM ${table}`;
    return readMeta.database.prepare<[], string>(sql).pluck().get() ?? '';
  };
  return { held: count('outbox'), dead: count('dead_letter') };
}

/** Writes down what a database holds that was just closed; where that fails nothing is known of it. */
export function keepRestIfAble(path: string, rows: RowCounts): void {
  const identity = readIdentity(path);
  if (identity === null) return;
  try {
    writeIdentity(path, { ...identity, rest: { ...rows, changed: changedAt(path) } });
  } catch {
    // The former one stays, without a count.
  }
}

/**
 * @param changed when the file was last written before it was opened: who wrote to it since it was closed, such as an older
 * release, knows nothing of this.
 * @throws AgentError `database_damaged` where rows are not there any more.
 */
export function refuseVanished(statements: Statements, identity: Identity | null, changed: number): void {
  const rest = identity?.rest;
  if (rest === undefined || rest === null || rest.changed !== changed) return;
  const { held, dead } = countRows(statements);
  if (held !== rest.held || dead !== rest.dead) throw damaged('other batches than when it was closed');
}
