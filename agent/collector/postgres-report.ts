/** The report of a PostgreSQL database, from its views. */
import type { Client } from 'pg';
import { AgentError } from '../errors.ts';
import type { Gap } from './ledger.ts';
import { databaseError, newClient } from './postgres-connection.ts';
import { versionOf } from './postgres-migrate.ts';
import { type CollectorReport, type GatewayRow, gatewayOf, midnightOf } from './report.ts';
import { databaseName } from './store.ts';

/** @throws AgentError `collector_database` */
export async function readPostgresReport(url: string, nowMs: number): Promise<CollectorReport> {
  const name = databaseName(url);
  const client = newClient(url, null);
  client.on('error', () => undefined);
  try {
    await client.connect();
    if ((await versionOf(client)) === 0) {
      throw new AgentError(
        'collector_database',
        `expected a collector's tables at ${name}, found none`,
        'Name the database that `footfall collect --database` writes.',
      );
    }
    // One snapshot: what a collector commits meanwhile is in all of it or in none.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await read(client, nowMs);
  } catch (error) {
    throw error instanceof AgentError ? error : databaseError(name, error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function read(client: Client, nowMs: number): Promise<CollectorReport> {
  const gapRows = (await client.query<GapRow>(GAPS)).rows;
  const gaps = gapRows.map((row): Gap => ({ ...row, first: Number(row.first), last: Number(row.last) }));
  const { rows } = await client.query<Record<keyof GatewayRow, never>>(GATEWAYS);
  const found = rows.map(
    (row): GatewayRow => ({
      ...row,
      last_seen_ms: Number(row.last_seen_ms),
      epochs: Number(row.epochs),
      batches: Number(row.batches),
      windows: Number(row.windows),
      refused: Number(row.refused),
    }),
  );
  const midnights = found.map((row) => midnightOf(row.time_zone, nowMs));
  const entries = await client.query<{ entries: string | null }>({
    text: ENTRIES,
    values: [found.map(({ tenant }) => tenant), found.map(({ gateway }) => gateway), midnights],
  });
  const gateways = found.map((row, index) => {
    const today = entries.rows[index].entries;
    return gatewayOf(row, today === null ? null : Number(today), gaps);
  });
  return { gateways, gaps };
}

type GapRow = Omit<Gap, 'first' | 'last'> & { first: string; last: string };

const GAPS = `
  SELECT tenant, gateway, epoch, first_sequence AS first, last_sequence AS last, state, reason FROM gap_ledger
  ORDER BY tenant COLLATE "C", gateway COLLATE "C", epoch COLLATE "C", first_sequence`;

const GATEWAYS = `
  SELECT g.tenant, g.gateway, g.online, g.seen_ms AS last_seen_ms, g.time_zone, o.epochs, o.refused,
    coalesce(b.batches, 0) AS batches, coalesce(b.windows, 0) AS windows
  FROM gateway g JOIN gateway_overview o USING (tenant, gateway)
  LEFT JOIN (
    SELECT tenant, gateway, count(window_ordinal) AS batches, count(DISTINCT (epoch, window_ordinal))
      FILTER (WHERE window_ordinal IS NOT NULL) AS windows
    FROM batch GROUP BY tenant, gateway
  ) b USING (tenant, gateway)
  ORDER BY g.tenant COLLATE "C", g.gateway COLLATE "C"`;

const ENTRIES = `
  SELECT (
    SELECT sum((body->>'entries')::bigint) FROM latest_record r
    WHERE r.tenant = n.tenant AND r.gateway = n.gateway AND r.kind = 'door' AND r.start_ms >= n.midnight
  ) AS entries
  FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS n(tenant, gateway, midnight, position)
  ORDER BY position`;
