/** What a collector's SQLite file holds of one gateway, and what that told as gone: read from the bodies, as an auditor would. */
import { hash } from 'node:crypto';
import Database from 'better-sqlite3';

export interface StoredMessage {
  epoch: string;
  /** Of the bytes. */
  digest: string;
  /** Start of its window, UTC milliseconds; null for a gap record. */
  startMs: number | null;
  /** People who came in, by its door records. */
  entries: number;
}

export interface Account {
  /** By sequence: a box numbers on from epoch to epoch. */
  stored: Map<number, StoredMessage>;
  /** Messages whose sequence is there before, and batches of a window and part that another one claims too. */
  double: number;
  /** Sequences that gap records tell as gone, with the reason told last. */
  told: Map<number, string>;
  gapRecords: number;
  epochs: number;
}

interface Message {
  type: string;
  data: {
    epoch: string;
    window: { ordinal: number; start_ms: number };
    part: number;
    records: { kind: string; entries: number }[];
    ranges: { from_seq: number; to_seq: number; reason: string }[];
  };
}

export function readAccount(databasePath: string, tenant: string, gateway: string): Account {
  const account: Account = { stored: new Map(), double: 0, told: new Map(), gapRecords: 0, epochs: 0 };
  const claims = new Set<string>();
  const epochs = new Set<string>();
  const database = new Database(databasePath, { readonly: true });
  try {
    const rows = database
      .prepare<[string], { sequence: number; body: Uint8Array }>(
        `SELECT sequence, body FROM batches WHERE source LIKE ? || '%' ORDER BY sequence`,
      )
      .iterate(`/ff/${tenant}/${gateway}/`);
    for (const { sequence, body } of rows) {
      const { type, data } = JSON.parse(Buffer.from(body).toString('utf8')) as Message;
      epochs.add(data.epoch);
      const isGap = type === 'footfall.gap.v1';
      if (isGap) {
        account.gapRecords++;
        for (const { from_seq, to_seq, reason } of data.ranges) {
          for (let gone = from_seq; gone <= to_seq; gone++) account.told.set(gone, reason);
        }
      }
      const claim = `${data.epoch}/${data.window?.ordinal}/${data.part}`;
      if (account.stored.has(sequence) || (!isGap && claims.has(claim))) account.double++;
      claims.add(claim);
      const doors = isGap ? [] : data.records.filter(({ kind }) => kind === 'door');
      account.stored.set(sequence, {
        epoch: data.epoch,
        digest: hash('sha256', body),
        startMs: isGap ? null : data.window.start_ms,
        entries: doors.reduce((sum, { entries }) => sum + entries, 0),
      });
    }
  } finally {
    database.close();
  }
  account.epochs = epochs.size;
  return account;
}

/** Of the sequences 1 to `last`, those neither stored nor told, and those both. */
export function settle({ stored, told }: Account, last: number): { missing: number[]; both: number[] } {
  const all = Array.from({ length: last }, (_, index) => index + 1);
  return {
    missing: all.filter((sequence) => !stored.has(sequence) && !told.has(sequence)),
    both: all.filter((sequence) => stored.has(sequence) && told.has(sequence)),
  };
}

/** Sequences as ranges, for people. */
export function rangesText(sequences: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const sequence of sequences) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === sequence) last[1] = sequence;
    else ranges.push([sequence, sequence]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ');
}
