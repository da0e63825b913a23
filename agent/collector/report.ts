/** What a collector's database holds, by gateway, and what is missing from it. Here: from SQLite. */
import type Database from 'better-sqlite3';
import { DateTime } from 'luxon';
import { countOf, type EpochLedger, type Gap, type GapState, gapsOf, type Range } from './ledger.ts';
import { openDatabase } from './sqlite-store.ts';
import { isPostgres } from './store.ts';

export interface GatewayReport {
  tenant: string;
  gateway: string;
  online: boolean | null;
  /** UTC milliseconds of the last message. */
  last_seen_ms: number;
  /** Epochs heard of; each is one database of the gateway. */
  epochs: number;
  /** Stored, gap records not counted. */
  batches: number;
  windows: number;
  /** Door entries since the store's midnight, all its doors; null when no door record has come. */
  entries_today: number | null;
  /** Sequence numbers missing, by state. */
  awaited: number;
  lost: number;
  told: number;
  /** Those told, by reason. */
  told_by_reason: Record<string, number>;
  refused: number;
}

export interface CollectorReport {
  gateways: GatewayReport[];
  gaps: Gap[];
}

/** What a database tells of one gateway without its gaps and entries. */
export type GatewayRow = Pick<
  GatewayReport,
  'tenant' | 'gateway' | 'online' | 'last_seen_ms' | 'epochs' | 'batches' | 'windows' | 'refused'
> & { time_zone: string | null };

/** The report of a SQLite file or a PostgreSQL database, which a collector may be writing. @throws AgentError `collector_database` */
export async function openReport(database: string, nowMs: number): Promise<CollectorReport> {
  if (!isPostgres(database)) return readReport(database, nowMs);
  const { readPostgresReport } = await import('./postgres-report.ts');
  return readPostgresReport(database, nowMs);
}

/** Of a SQLite file. @throws AgentError `collector_database` */
export function readReport(path: string, nowMs: number): CollectorReport {
  const database = openDatabase(path, true);
  try {
    const gaps = gapsOf(epochsIn(database));
    const entries = database.prepare<unknown[], { entries: number | null }>(ENTRIES);
    const rows = database.prepare<[], Omit<GatewayRow, 'online'> & { online: number | null }>(GATEWAYS).all();
    const gateways = rows.map(({ online, ...row }) => {
      const { tenant, gateway, time_zone: zone } = row;
      const today = entries.get(tenant, gateway, midnightOf(zone, nowMs))?.entries ?? null;
      return gatewayOf({ ...row, online: online === null ? null : online === 1 }, today, gaps);
    });
    return { gateways, gaps };
  } finally {
    database.close();
  }
}

export function gatewayOf(row: GatewayRow, entriesToday: number | null, gaps: readonly Gap[]): GatewayReport {
  const { time_zone: _zone, ...facts } = row;
  const own = gaps.filter((gap) => gap.tenant === row.tenant && gap.gateway === row.gateway);
  const told = Map.groupBy(
    own.filter(({ state }) => state === 'told'),
    ({ reason }) => String(reason),
  );
  return {
    ...facts,
    entries_today: entriesToday,
    ...countMissing(own),
    told_by_reason: Object.fromEntries([...told].map(([reason, ranges]) => [reason, countOf(ranges)])),
  };
}

/** Sequence numbers missing, by state. */
export function countMissing(gaps: readonly Gap[]): Record<GapState, number> {
  const count = (wanted: GapState) => countOf(gaps.filter(({ state }) => state === wanted));
  return { awaited: count('awaited'), lost: count('lost'), told: count('told') };
}

/** The last midnight in a time zone, UTC milliseconds; that of UTC where the zone is not known. */
export function midnightOf(zone: string | null, nowMs: number): number {
  const local = DateTime.fromMillis(nowMs, { zone: zone ?? 'utc' });
  return (local.isValid ? local : DateTime.fromMillis(nowMs, { zone: 'utc' })).startOf('day').toMillis();
}

function epochsIn(database: Database.Database): EpochLedger[] {
  const stored = Map.groupBy(database.prepare<[], Range & { source: string }>(STORED).all(), ({ source }) => source);
  const told = Map.groupBy(
    database.prepare<[], Range & { source: string; reason: string }>('SELECT * FROM told').all(),
    ({ source }) => source,
  );
  const rows = database.prepare<[], Omit<EpochLedger, 'stored' | 'told'> & { source: string }>(EPOCHS).all();
  return rows.map(({ source, ...facts }) => ({
    ...facts,
    stored: stored.get(source) ?? [],
    told: told.get(source) ?? [],
  }));
}

const EPOCHS = `
  SELECT source, tenant, gateway, epoch, first_sequence AS first, sealed_through AS sealedThrough,
    gone_below AS goneBelow
  FROM epochs`;

/** Runs of sequences without a hole: within one, sequence and row number grow alike. */
const STORED = `
  SELECT source, min(sequence) AS first, max(sequence) AS last
  FROM (
    SELECT source, sequence, sequence - row_number() OVER (PARTITION BY source ORDER BY sequence) AS run FROM batches
  )
  GROUP BY source, run`;

const GATEWAYS = `
  SELECT tenant, gateway, online, seen_ms AS last_seen_ms, time_zone,
    (SELECT count(*) FROM epochs WHERE epochs.tenant = g.tenant AND epochs.gateway = g.gateway) AS epochs,
    (SELECT count(*) FROM batches JOIN epochs USING (source)
      WHERE epochs.tenant = g.tenant AND epochs.gateway = g.gateway AND window > 0) AS batches,
    (SELECT count(*) FROM (SELECT DISTINCT source, window FROM batches JOIN epochs USING (source)
      WHERE epochs.tenant = g.tenant AND epochs.gateway = g.gateway AND window > 0)) AS windows,
    (SELECT count(*) FROM refusals WHERE refusals.tenant = g.tenant AND refusals.gateway = g.gateway) AS refused
  FROM gateways g ORDER BY tenant, gateway`;

const ENTRIES = `
  SELECT sum(json_extract(body, '$.entries')) AS entries FROM latest
  WHERE tenant = ? AND gateway = ? AND kind = 'door' AND start_ms >= ?`;
