/** A collector's database as a port: every batch, gap record and record revision once, whatever is sent twice. */
import type { Clock } from '../clock.ts';
import type { StateMessage } from '../contract/messages.ts';
import type { Log } from '../mqtt/link.ts';
import type { CheckedBatch, RefusedMessage, Sender } from './intake.ts';

/** What is to be stored of one message. */
export type Arrival =
  | { kind: 'batch'; batch: CheckedBatch }
  | { kind: 'state'; from: Sender; state: StateMessage }
  | { kind: 'refused'; refused: RefusedMessage };

/**
 * What became of a message. `stored` and `duplicate` are acknowledged. `conflict`: another batch with the same source and id
 * was stored before. `refused`: the database can never take it, for the reason given. `noted`: a state or a refusal.
 */
export type Outcome = { became: 'stored' | 'duplicate' | 'conflict' | 'noted' } | { became: 'refused'; reason: string };

export interface CollectorStore {
  /**
   * Commits all of it in one transaction and tells what became of each, in their order. When it rejects, nothing may be
   * acknowledged, though some of it may be stored.
   * @param receivedMs UTC milliseconds.
   */
  commit(arrivals: readonly Arrival[], receivedMs: number): Promise<Outcome[]>;
  /** Null while the database can be used, else why not. */
  readonly trouble: string | null;
  /** Resolves once a commit is worth trying, at once where it is; rejects when the store is closed before. */
  usable(): Promise<void>;
  close(): Promise<void>;
}

/** Refusals kept, the newest ones: bytes of a stranger must not fill the disk. */
export const REFUSALS_KEPT = 10_000;
export const CONFLICT = 'another batch with the same source and id was stored before';
/** What a record that came before with other values is told as. */
export function recordConflict(record: { kind: string; window: number; rev: number }): string {
  return `a ${record.kind} record of window ${record.window}, revision ${record.rev}, differs from the one stored before`;
}

/** True for the address of a PostgreSQL database; anything else names a SQLite file. */
export function isPostgres(database: string): boolean {
  return /^postgres(ql)?:\/\//.test(database);
}

/** A database as it may be shown and logged: without the password. */
export function databaseName(database: string): string {
  if (!isPostgres(database)) return database;
  try {
    const url = new URL(database);
    url.password = '';
    url.search = '';
    return url.href;
  } catch {
    return 'postgres://';
  }
}

/** @throws AgentError `collector_database` */
export async function openStore(
  database: string,
  deps: { clock: Clock; random: () => number; log: Log; sqliteWorker?: URL | undefined },
): Promise<CollectorStore> {
  if (isPostgres(database)) {
    const { openPostgresStore } = await import('./postgres-store.ts');
    return openPostgresStore(database, deps);
  }
  const { openSqliteThread } = await import('./sqlite-thread.ts');
  return openSqliteThread(database, deps.sqliteWorker);
}
