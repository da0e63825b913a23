/** A database that several collectors share. Rows are written in the order of their keys: two collectors never deadlock. */
import { sourceOf } from '../contract/topics.ts';
import { reasonOf } from '../errors.ts';
import type { CheckedBatch, RefusedMessage } from './intake.ts';
import { epochsOf, rangesOf } from './ledger.ts';
import { toPlainText } from './plain.ts';
import { Connection, databaseError, isOfData, isOfOrder, type Query } from './postgres-connection.ts';
import { migrate } from './postgres-migrate.ts';
import * as sql from './postgres-statements.ts';
import {
  type Arrival,
  CONFLICT,
  type CollectorStore,
  databaseName,
  type Outcome,
  type openStore,
  REFUSALS_KEPT,
  recordConflict,
} from './store.ts';

/** Times that a transaction is tried again because another collector was in its way. */
const TRIES = 5;

/** @throws AgentError `collector_database` */
export async function openPostgresStore(url: string, deps: Parameters<typeof openStore>[1]): Promise<CollectorStore> {
  const name = databaseName(url);
  await migrate(url, name, deps.log);
  const connection = new Connection(url, name, deps);
  try {
    await connection.connect();
  } catch (error) {
    throw databaseError(name, error);
  }
  return new PostgresStore(connection);
}

class PostgresStore implements CollectorStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get trouble(): string | null {
    return this.#connection.trouble;
  }

  usable(): Promise<void> {
    return this.#connection.usable();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async commit(arrivals: readonly Arrival[], receivedMs: number): Promise<Outcome[]> {
    if (arrivals.length === 0) return [];
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connection.transaction((query) => commitAll(query, arrivals, receivedMs));
      } catch (error) {
        if (isOfOrder(error) && attempt < TRIES) continue;
        if (!isOfData(error)) throw error;
        // What one message holds must not keep all others out: halves, until the one stands alone.
        if (arrivals.length === 1) return [await this.#refuse(arrivals[0], toPlainText(reasonOf(error)), receivedMs)];
        const half = arrivals.length >> 1;
        const head = await this.commit(arrivals.slice(0, half), receivedMs);
        return [...head, ...(await this.commit(arrivals.slice(half), receivedMs))];
      }
    }
  }

  async #refuse(arrival: Arrival, reason: string, receivedMs: number): Promise<Outcome> {
    const message = `the database cannot hold it: ${reason}`.slice(0, 500);
    const refused: RefusedMessage =
      arrival.kind === 'batch'
        ? refusalOf(arrival.batch, 'invalid', message)
        : arrival.kind === 'state'
          ? { ...arrival.from, address: null, code: 'invalid_state', message }
          : { ...arrival.refused, message };
    await this.#connection.transaction((query) => addRefusals(query, [refused], receivedMs));
    return { became: 'refused', reason: message };
  }
}

async function commitAll(query: Query, arrivals: readonly Arrival[], receivedMs: number): Promise<Outcome[]> {
  const sent = new Map<string, CheckedBatch>();
  for (const arrival of arrivals) {
    if (arrival.kind === 'batch' && !sent.has(keyOf(arrival.batch))) sent.set(keyOf(arrival.batch), arrival.batch);
  }
  const batches = [...sent.values()].sort(byKey);
  const stored = await addBatches(query, batches, receivedMs);
  const digests = await digestsOf(
    query,
    batches.filter((batch) => !stored.has(keyOf(batch))),
  );
  const fresh = batches.filter((batch) => stored.has(keyOf(batch)));
  const refusals = await addRecords(query, fresh);
  const taken = new Set<string>();
  const outcomes = arrivals.map((arrival): Outcome => {
    if (arrival.kind === 'refused') refusals.push(arrival.refused);
    if (arrival.kind !== 'batch') return { became: 'noted' };
    const { batch } = arrival;
    const key = keyOf(batch);
    if (stored.has(key) && !taken.has(key)) {
      taken.add(key);
      return { became: 'stored' };
    }
    const digest = stored.has(key) ? sent.get(key)?.digest : digests.get(key);
    if (digest === undefined) throw new Error('a batch that was there before is gone');
    if (Buffer.compare(digest, batch.digest) === 0) return { became: 'duplicate' };
    refusals.push(refusalOf(batch, 'conflict', CONFLICT));
    return { became: 'conflict' };
  });
  await addTold(query, fresh);
  await addEpochs(query, fresh, arrivals);
  await addGateways(query, arrivals, receivedMs);
  await addRefusals(query, refusals, receivedMs);
  return outcomes;
}

/** @returns the keys of those that were not there before. */
async function addBatches(query: Query, batches: CheckedBatch[], receivedMs: number): Promise<Set<string>> {
  if (batches.length === 0) return new Set();
  const starts: number[] = [];
  let octets = 0;
  for (const { body } of batches) {
    starts.push(octets + 1);
    octets += body.length;
  }
  const { rows } = await query<Key>({
    ...sql.INSERT_BATCHES,
    values: [
      ...keysOf(batches),
      batches.map(({ window }) => window),
      receivedMs,
      Buffer.concat(batches.map(({ digest }) => digest)),
      Buffer.concat(batches.map(({ body }) => body)),
      starts,
      batches.map(({ body }) => body.length),
    ],
  });
  return new Set(rows.map(keyOf));
}

/** Digests of batches that were stored before, by key. */
async function digestsOf(query: Query, batches: CheckedBatch[]): Promise<Map<string, Buffer>> {
  if (batches.length === 0) return new Map();
  const { rows } = await query<Key & { digest: Buffer }>({ ...sql.SELECT_DIGESTS, values: keysOf(batches) });
  return new Map(rows.map((row) => [keyOf(row), row.digest]));
}

/** @returns the records that differ from what was stored before under the same key. */
async function addRecords(query: Query, batches: CheckedBatch[]): Promise<RefusedMessage[]> {
  const sent = batches.reduce((sum, { records }) => sum + records.length, 0);
  if (sent === 0) return [];
  const values = [`[${batches.map(recordsText).join(',')}]`];
  const { rowCount } = await query({ ...sql.INSERT_RECORDS, values });
  if (rowCount === sent) return [];
  const { rows } = await query<Key & { kind: string; window: string; rev: string }>({
    ...sql.SELECT_RECORD_CONFLICTS,
    values,
  });
  return rows.map((row) =>
    refusalOf(
      { ...row, sequence: Number(row.sequence) },
      'record_conflict',
      recordConflict({ kind: row.kind, window: Number(row.window), rev: Number(row.rev) }),
    ),
  );
}

/** The records' own JSON is not made twice. The names are levels of a topic: nothing in them needs an escape. */
function recordsText({ tenant, gateway, epoch, sequence, records }: CheckedBatch): string {
  const bodies = records.map(({ body }) => body).join(',');
  return `{"tenant":"${tenant}","gateway":"${gateway}","epoch":"${epoch}","sequence":${sequence},"records":[${bodies}]}`;
}

async function addTold(query: Query, batches: CheckedBatch[]): Promise<void> {
  const ranges = batches.flatMap(({ tenant, gateway, told }) => told.map((range) => ({ ...range, tenant, gateway })));
  if (ranges.length === 0) return;
  const groups = Map.groupBy(
    ranges,
    (range) => `${sourceOf(range.tenant, range.gateway, range.epoch)} ${range.reason}`,
  );
  const rows = sortedValues(groups);
  await query({
    ...sql.ADD_TOLD,
    values: [
      ...namesOf(rows.map(([first]) => first)),
      rows.map(([{ reason }]) => reason),
      rows.map((group) => multirange(group.map((range) => ({ first: range.from_seq, last: range.to_seq })))),
    ],
  });
}

interface EpochRow {
  tenant: string;
  gateway: string;
  epoch: string;
  first: number | null;
  sealedThrough: number;
  goneBelow: number;
  stored: number[];
}

async function addEpochs(query: Query, fresh: CheckedBatch[], arrivals: readonly Arrival[]): Promise<void> {
  const epochs = new Map<string, EpochRow>();
  const of = (tenant: string, gateway: string, epoch: string): EpochRow => {
    const key = sourceOf(tenant, gateway, epoch);
    const row = epochs.get(key) ?? { tenant, gateway, epoch, first: null, sealedThrough: 0, goneBelow: 0, stored: [] };
    epochs.set(key, row);
    return row;
  };
  for (const { tenant, gateway, epoch, sequence, told } of fresh) {
    const row = of(tenant, gateway, epoch);
    row.stored.push(sequence);
    row.sealedThrough = Math.max(row.sealedThrough, sequence);
    for (const range of told) of(tenant, gateway, range.epoch);
  }
  for (const arrival of arrivals) {
    if (arrival.kind !== 'state') continue;
    for (const { epoch, first, sealedThrough, goneBelow } of epochsOf(arrival.state)) {
      const row = of(arrival.from.tenant, arrival.from.gateway, epoch);
      row.first = first ?? row.first;
      row.sealedThrough = Math.max(row.sealedThrough, sealedThrough);
      row.goneBelow = Math.max(row.goneBelow, goneBelow);
    }
  }
  if (epochs.size === 0) return;
  const rows = sortedValues(epochs);
  await query({
    ...sql.ADD_EPOCHS,
    values: [
      ...namesOf(rows),
      rows.map(({ first }) => first),
      rows.map(({ sealedThrough }) => sealedThrough),
      rows.map(({ goneBelow }) => goneBelow),
      rows.map(({ stored }) => multirange(rangesOf(stored))),
    ],
  });
}

async function addGateways(query: Query, arrivals: readonly Arrival[], receivedMs: number): Promise<void> {
  const seen = new Map<string, { tenant: string; gateway: string; timeZone: string | null }>();
  /** Of one gateway the states in their order, each in a round of its own. */
  const rounds: Map<string, Extract<Arrival, { kind: 'state' }>>[] = [];
  for (const arrival of arrivals) {
    if (arrival.kind === 'refused') continue;
    const { tenant, gateway } = arrival.kind === 'batch' ? arrival.batch : arrival.from;
    const key = `${tenant}/${gateway}`;
    const timeZone = (arrival.kind === 'batch' ? arrival.batch.timeZone : null) ?? seen.get(key)?.timeZone ?? null;
    seen.set(key, { tenant, gateway, timeZone });
    if (arrival.kind !== 'state') continue;
    const free = rounds.find((round) => !round.has(key)) ?? new Map();
    if (free.size === 0) rounds.push(free);
    free.set(key, arrival);
  }
  if (seen.size === 0) return;
  const gateways = sortedValues(seen);
  await query({
    ...sql.ADD_GATEWAYS,
    values: [
      gateways.map(({ tenant }) => tenant),
      gateways.map(({ gateway }) => gateway),
      gateways.map(({ timeZone }) => timeZone),
      receivedMs,
    ],
  });
  for (const round of rounds) {
    const states = sortedValues(round);
    await query({
      ...sql.SET_STATES,
      values: [
        states.map(({ from }) => from.tenant),
        states.map(({ from }) => from.gateway),
        states.map(({ state }) => state.birth),
        states.map(({ state }) => state.online),
        states.map(({ state }) => JSON.stringify(state)),
      ],
    });
  }
}

async function addRefusals(query: Query, refusals: RefusedMessage[], receivedMs: number): Promise<void> {
  if (refusals.length === 0) return;
  await query({
    ...sql.ADD_REFUSALS,
    values: [
      refusals.map(({ tenant }) => tenant),
      refusals.map(({ gateway }) => gateway),
      refusals.map(({ address }) => address?.epoch ?? null),
      refusals.map(({ address }) => address?.sequence ?? null),
      refusals.map(({ code }) => code),
      refusals.map(({ message }) => message),
      receivedMs,
    ],
  });
  await query({ ...sql.TRIM_REFUSALS, values: [REFUSALS_KEPT] });
}

type Key = { tenant: string; gateway: string; epoch: string; sequence: number | string };

function keyOf({ tenant, gateway, epoch, sequence }: Key): string {
  return `${tenant}/${gateway}/${epoch}/${sequence}`;
}

function byKey(a: CheckedBatch, b: CheckedBatch): number {
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  return a.sequence - b.sequence;
}

function sortedValues<T>(map: ReadonlyMap<string, T>): T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

function namesOf(rows: readonly Omit<Key, 'sequence'>[]): string[][] {
  return [rows.map(({ tenant }) => tenant), rows.map(({ gateway }) => gateway), rows.map(({ epoch }) => epoch)];
}

function keysOf(batches: readonly CheckedBatch[]): unknown[][] {
  return [...namesOf(batches), batches.map(({ sequence }) => sequence)];
}

/** As PostgreSQL reads it. */
function multirange(ranges: readonly { first: number; last: number }[]): string {
  return `{${ranges.map(({ first, last }) => `[${first},${last}]`).join(',')}}`;
}

function refusalOf(
  batch: { tenant: string; gateway: string; epoch: string; sequence: number },
  code: RefusedMessage['code'],
  message: string,
): RefusedMessage {
  const { tenant, gateway, epoch, sequence } = batch;
  return { tenant, gateway, address: { epoch, sequence }, code, message };
}
