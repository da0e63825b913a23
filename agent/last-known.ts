/** What can be told of a daemon that does not answer: its last run, its database, its unit. Changes nothing. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { AgentError } from './errors.ts';
import type { Reason, StatusDocument } from './local/document.ts';
import type { LastKnown } from './local/last-known.ts';
import { endOf, readRunFacts, readRuns } from './local/run-record.ts';
import { realClock } from './platform/clock.ts';
import { type Inspection, inspectDatabase } from './storage/inspect.ts';

const UNIT = 'footfall.service';
const DATABASE = 'footfall.db';
/** systemd answers within milliseconds, or its bus hangs. */
const SYSTEMCTL_MS = 2_000;

export interface LastKnownDeps {
  /** UTC milliseconds. */
  nowMs: number;
  /** Answers `systemctl show` for these properties with its output; null where there is no systemd. */
  showUnit(unit: string, properties: string[]): Promise<string | null>;
  /** Where proc(5) is. */
  proc: string;
}

/**
 * Never rejects: what cannot be read is null, and `database_error` says why. The run's end is null where its process is
 * alive, so a daemon that hangs is told from one that is gone.
 */
export async function lastKnown(
  { storageDirectory, runtimeDirectory }: { storageDirectory: string; runtimeDirectory: string },
  deps: Partial<LastKnownDeps> = {},
): Promise<LastKnown> {
  const { nowMs = realClock().wall(), showUnit = showBySystemctl, proc = '/proc' } = deps;
  const service = await serviceOf(showUnit);
  const { current } = readRuns({ directory: storageDirectory, runtimeDirectory });
  const end = current === null ? null : endOf(current, readRunFacts(service?.result ?? null, proc));
  const path = join(storageDirectory, DATABASE);
  const { inspection, error } = inspect(path);
  const status = inspection === null ? null : statusOf(inspection);
  return {
    v: 1,
    at_ms: Math.floor(nowMs),
    started_ms: current?.startedMs ?? null,
    end,
    waiting: end === null ? (current?.waiting ?? null) : null,
    status,
    reasons: reasonsOf(inspection, status),
    database: inspection === null ? null : databaseOf(path, inspection),
    database_error: error,
    service,
  };
}

function inspect(path: string): { inspection: Inspection | null; error: LastKnown['database_error'] } {
  try {
    return { inspection: inspectDatabase(path, { healthLimit: 0 }), error: null };
  } catch (reason) {
    const { code, message, hint } =
      reason instanceof AgentError ? reason : new AgentError('database_unreadable', 'the database cannot be read');
    return { inspection: null, error: code === 'database_missing' ? null : { code, message, hint } };
  }
}

/** The kept document with the buffer as it is now: the last window's close, or an upload after it, came later. */
function statusOf({ status, outbox, bytes }: Inspection): StatusDocument | null {
  const kept = parse(status);
  if (kept === null) return null;
  return {
    ...kept,
    buffer: {
      ...kept.buffer,
      held: outbox.held,
      held_bytes: outbox.heldBytes,
      oldest_sequence: outbox.oldestSequence,
      oldest_ms: outbox.oldestSealedMs,
      sealed_through: outbox.sealedThrough,
      dead_letters: outbox.deadLetters,
      dropped: outbox.dropped,
      dropped_untold: outbox.untold,
      database_bytes: bytes,
    },
  };
}

/** Null for no document, and for one of a release that this one does not know. */
function parse(text: string | null): StatusDocument | null {
  try {
    const document = JSON.parse(text ?? 'null') as Partial<StatusDocument> | null;
    return document?.v === 1 && document.verdict && document.buffer ? (document as StatusDocument) : null;
  } catch {
    return null;
  }
}

/** What the history holds as open; what to do about it is in the document where that told of it too. */
function reasonsOf(inspection: Inspection | null, status: StatusDocument | null): Reason[] {
  const told = status?.verdict.reasons ?? [];
  return (inspection?.openHealth ?? []).map(({ code, subject, message, atMs }) => ({
    code,
    subject,
    message,
    hint: told.find((reason) => reason.code === code && reason.subject === subject)?.hint ?? '',
    since_ms: atMs,
  }));
}

function databaseOf(path: string, { bytes, outbox }: Inspection): LastKnown['database'] {
  return {
    path,
    bytes,
    sealed_through: outbox.sealedThrough,
    held: outbox.held,
    held_bytes: outbox.heldBytes,
    oldest_sequence: outbox.oldestSequence,
    dead_letters: outbox.deadLetters,
  };
}

async function serviceOf(showUnit: LastKnownDeps['showUnit']): Promise<LastKnown['service']> {
  const output = await showUnit(UNIT, ['LoadState', 'ActiveState', 'Result', 'NRestarts']).catch(() => null);
  const properties = new Map(
    (output ?? '').split('\n').map((line) => {
      const equals = line.indexOf('=');
      return [line.slice(0, equals), line.slice(equals + 1).trim()];
    }),
  );
  const loaded = properties.get('LoadState');
  if (loaded === undefined || loaded === 'not-found') return null;
  return {
    unit: UNIT,
    active: properties.get('ActiveState') ?? '',
    result: properties.get('Result') ?? '',
    restarts: Number(properties.get('NRestarts') ?? 0),
  };
}

/** systemctl(1) needs no privilege to show a unit. */
function showBySystemctl(unit: string, properties: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { timeout: SYSTEMCTL_MS, killSignal: 'SIGKILL' } as const;
    execFile('systemctl', ['show', unit, '-p', properties.join(',')], options, (error, output) => {
      resolve(error === null ? output : null);
    });
  });
}
