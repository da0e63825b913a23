/** What a collector's database holds of a fleet, counted from the bytes of the batches. */
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { isPostgres } from '../../agent/collector/store.ts';

export interface FleetAudit {
  /** Batches that are there once or more. */
  stored: number;
  /** Rows beyond the first of a batch. */
  double: number;
  /** Sequences of the fleet's gateways that are not there. */
  missing: number;
  /** Of no gateway of this fleet, or beyond what it sealed. */
  strange: number;
  /** Messages and records that the collector refused, conflicts included. */
  refused: number;
  /** Through all doors, as the stored batches tell. */
  entries: number;
  /** UTC milliseconds at which each row was committed. */
  receivedMs: number[];
}

interface Row {
  gateway: string;
  epoch: string;
  sequence: number;
  receivedMs: number;
  body: Uint8Array;
}

interface Message {
  data: { epoch: string; gateway: string; sequence: number; records?: { kind: string; entries: number }[] };
}

/** @param sealedEach sequences that each gateway sealed, from 1. */
export async function auditFleet(database: string, gateways: number, sealedEach: number): Promise<FleetAudit> {
  const { rows, refused } = isPostgres(database) ? await fromPostgres(database) : fromSqlite(database);
  const seen = new Set<string>();
  const audit: FleetAudit = { stored: 0, double: 0, missing: 0, strange: 0, refused, entries: 0, receivedMs: [] };
  const expected = new Set<string>();
  for (let gateway = 1; gateway <= gateways; gateway++) {
    for (let sequence = 1; sequence <= sealedEach; sequence++) {
      expected.add(`gw-${String(gateway).padStart(4, '0')} ${sequence}`);
    }
  }
  const missing = new Set(expected);
  for (const row of rows) {
    const { data } = JSON.parse(Buffer.from(row.body).toString('utf8')) as Message;
    const key = `${data.gateway} ${data.epoch} ${data.sequence}`;
    audit.receivedMs.push(row.receivedMs);
    if (seen.has(key)) {
      audit.double++;
      continue;
    }
    seen.add(key);
    audit.stored++;
    const own = `${data.gateway} ${data.sequence}`;
    const labelled = row.gateway === data.gateway && row.epoch === data.epoch && row.sequence === data.sequence;
    if (!labelled || !expected.has(own) || !missing.delete(own)) audit.strange++;
    for (const { kind, entries } of data.records ?? []) if (kind === 'door') audit.entries += entries;
  }
  return { ...audit, missing: missing.size };
}

function fromSqlite(path: string): { rows: Iterable<Row>; refused: number } {
  const database = new Database(path, { readonly: true });
  try {
    const found = database
      .prepare<[], { source: string; sequence: number; received_ms: number; body: Uint8Array }>(
        'SELECT source, sequence, received_ms, body FROM batches',
      )
      .all();
    const refused = database.prepare<[], { count: number }>('SELECT count(*) AS count FROM refusals').get();
    const rows = found.map(({ source, sequence, received_ms: receivedMs, body }) => {
      const [, , , gateway, epoch] = source.split('/');
      return { gateway, epoch, sequence, receivedMs, body };
    });
    return { rows, refused: refused?.count ?? 0 };
  } finally {
    database.close();
  }
}

async function fromPostgres(url: string): Promise<{ rows: Iterable<Row>; refused: number }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Omit<Row, 'sequence' | 'receivedMs'> & { sequence: string; ms: string }>(
      'SELECT gateway, epoch, sequence, received_ms AS ms, body FROM batch',
    );
    const refused = await client.query<{ count: string }>('SELECT count(*) AS count FROM refusal');
    return {
      rows: rows.map(({ sequence, ms, ...row }) => ({ ...row, sequence: Number(sequence), receivedMs: Number(ms) })),
      refused: Number(refused.rows[0].count),
    };
  } finally {
    await client.end();
  }
}
