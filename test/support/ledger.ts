/** What the collector holds, read as an auditor would: from its stored batch bodies, not from its own figures. */
import Database from 'better-sqlite3';
import type { WindowRecord } from '../../agent/analytics/records.ts';

interface StoredBatch {
  sequence: number;
  epoch: string;
  window: number;
  part: number;
  records: WindowRecord[];
}

export interface Ledger {
  batches: number;
  /** Sequences up to the last that are not there; windows up to the last that are not there. */
  missingSequences: number[];
  missingWindows: number[];
  /** Windows that more than one batch claims. */
  doubleWindows: number[];
  epochs: string[];
  /** Every record, in the order of (window, kind, place, rev). */
  records: WindowRecord[];
}

interface BatchRow {
  sequence: number;
  window: number;
  body: Uint8Array;
}

export function readLedger(databasePath: string, sealedThrough: number): Ledger {
  const database = new Database(databasePath, { readonly: true });
  try {
    const rows = database.prepare('SELECT sequence, window, body FROM batches ORDER BY sequence').all() as BatchRow[];
    // A gap record takes a sequence as a batch does, and has no window.
    const batches = rows.filter(({ window }) => window > 0).map(parse);
    const sequences = new Set(rows.map(({ sequence }) => sequence));
    const claims = new Map<string, number>();
    for (const { window, part } of batches) claims.set(`${window}/${part}`, (claims.get(`${window}/${part}`) ?? 0) + 1);
    const windows = new Set(batches.map((batch) => batch.window));
    return {
      batches: batches.length,
      missingSequences: upTo(sealedThrough).filter((sequence) => !sequences.has(sequence)),
      missingWindows: upTo(Math.max(0, ...windows)).filter((window) => !windows.has(window)),
      doubleWindows: [...claims].filter(([, count]) => count > 1).map(([key]) => Number(key.split('/')[0])),
      epochs: [...new Set(batches.map((batch) => batch.epoch))],
      records: batches.flatMap((batch) => batch.records).sort(byKey),
    };
  } finally {
    database.close();
  }
}

export function countBatches(databasePath: string): number {
  const database = new Database(databasePath, { readonly: true });
  try {
    return (database.prepare('SELECT count(*) AS count FROM batches').get() as { count: number }).count;
  } finally {
    database.close();
  }
}

function parse({ sequence, body }: BatchRow): StoredBatch {
  const { data } = JSON.parse(Buffer.from(body).toString('utf8')) as {
    data: { epoch: string; window: { ordinal: number }; part: number; records: WindowRecord[] };
  };
  return { sequence, epoch: data.epoch, window: data.window.ordinal, part: data.part, records: data.records };
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

export function byKey(a: WindowRecord, b: WindowRecord): number {
  return (
    a.window - b.window ||
    compare(a.kind, b.kind) ||
    compare(a.place, b.place) ||
    a.start_ms - b.start_ms ||
    a.rev - b.rev
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
