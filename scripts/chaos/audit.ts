/** What a collector's SQLite database holds of one gateway, read from the batches' bytes and not from its own figures. */
import Database from 'better-sqlite3';
import type { Truth } from './truth.ts';

export interface Audit {
  /** Sequences that are there. */
  stored: number;
  /** Batches with a sequence that is there before, and windows that more than one batch claims. */
  double: number;
  /** Sequences from the first to the last sealed that are neither there nor told as gone, and windows nowhere to be found. */
  missing: number;
  /** Sequences told as gone. */
  told: number;
  epochs: number;
  /** Batches and records that differ from others of the same key, and messages that were refused. */
  conflicts: number;
  refused: number;
  totals: Truth;
  /** People set aside as implausible, and in no total. */
  setAside: number;
}

interface Row {
  sequence: number;
  body: Uint8Array;
}

interface Message {
  type: string;
  data: {
    epoch: string;
    sequence: number;
    window: { ordinal: number };
    part: number;
    records: WireRecord[];
    ranges: { from_seq: number; to_seq: number }[];
  };
}

interface WireRecord {
  kind: string;
  place: string;
  store: string;
  window: number;
  rev: number;
  entries: number;
  exits: number;
  set_aside: number;
  sightings: number;
}

/** @param sealedThrough the last sequence that the gateway says it has sealed. */
export function audit(databasePath: string, tenant: string, gateway: string, sealedThrough: number): Audit {
  const database = new Database(databasePath, { readonly: true });
  try {
    const rows = database
      .prepare<[string], Row>(`SELECT sequence, body FROM batches WHERE source LIKE ? || '%' ORDER BY sequence`)
      .iterate(`/ff/${tenant}/${gateway}/`);
    const sequences = new Set<number>();
    const told = new Set<number>();
    const claims = new Set<string>();
    const windows = new Set<number>();
    const epochs = new Set<string>();
    const newest = new Map<string, WireRecord>();
    let double = 0;
    for (const { sequence, body } of rows) {
      if (sequences.has(sequence)) double++;
      sequences.add(sequence);
      const { type, data } = JSON.parse(Buffer.from(body).toString('utf8')) as Message;
      epochs.add(data.epoch);
      if (type === 'footfall.gap.v1') {
        for (const { from_seq: from, to_seq: to } of data.ranges)
          for (let gone = from; gone <= to; gone++) told.add(gone);
        continue;
      }
      const claim = `${data.epoch}/${data.window.ordinal}/${data.part}/${sequence}`;
      const place = `${data.epoch}/${data.window.ordinal}/${data.part}`;
      // The same sequence again was counted above.
      if (claims.has(place) && !claims.has(claim)) double++;
      claims.add(place).add(claim);
      windows.add(data.window.ordinal);
      for (const record of data.records) {
        const key = `${data.epoch}/${record.window}/${record.store}/${record.place}/${record.kind}`;
        if ((newest.get(key)?.rev ?? 0) <= record.rev) newest.set(key, record);
      }
    }
    const refusals = database
      .prepare<[string], { code: string; count: number }>(
        'SELECT code, count(*) AS count FROM refusals WHERE gateway = ? GROUP BY code',
      )
      .all(gateway);
    const refusedAs = (isConflict: boolean): number =>
      refusals.reduce((sum, { code, count }) => sum + (code.includes('conflict') === isConflict ? count : 0), 0);
    return {
      stored: sequences.size,
      double,
      missing:
        absent(sealedThrough, (sequence) => sequences.has(sequence) || told.has(sequence)) +
        absent(Math.max(0, ...windows), (window) => windows.has(window)),
      told: told.size,
      epochs: epochs.size,
      conflicts: refusedAs(true),
      refused: refusedAs(false),
      ...totalsOf([...newest.values()]),
    };
  } finally {
    database.close();
  }
}

function absent(last: number, there: (number: number) => boolean): number {
  let count = 0;
  for (let number = 1; number <= last; number++) if (!there(number)) count++;
  return count;
}

function totalsOf(records: readonly WireRecord[]): Pick<Audit, 'totals' | 'setAside'> {
  const sum = (kind: string, place: string, of: 'entries' | 'exits' | 'sightings' | 'set_aside'): number =>
    records.reduce((total, record) => total + (record.kind === kind && record.place === place ? record[of] : 0), 0);
  const door = (place: string) => ({ entries: sum('door', place, 'entries'), exits: sum('door', place, 'exits') });
  return {
    totals: { counter: door('main'), events: door('side'), sightings: sum('traffic', 'shop', 'sightings') },
    setAside: sum('door', 'main', 'set_aside') + sum('door', 'side', 'set_aside'),
  };
}
