/** Questions to a collector's database. */
import type Database from 'better-sqlite3';
import { DateTime } from 'luxon';
import { openDatabase } from './store.ts';

/** Sequences from `first` to `last`, both included, that were sealed and are not stored. */
export interface Gap {
  tenant: string;
  gateway: string;
  epoch: string;
  first: number;
  last: number;
  /** `awaited`: the gateway may still hold them. `lost`: it has said that it no longer does, and they will not come. */
  state: 'awaited' | 'lost';
}

export interface GatewayReport {
  tenant: string;
  gateway: string;
  online: boolean | null;
  /** UTC milliseconds of the last message. */
  last_seen_ms: number;
  batches: number;
  windows: number;
  /** Door entries since the store's midnight, all its doors; null when no door record has come. */
  entries_today: number | null;
  /** Sequence numbers missing, by state. */
  awaited: number;
  lost: number;
  refused: number;
}

export interface CollectorReport {
  gateways: GatewayReport[];
  gaps: Gap[];
}

/** Reads a database that a collector may be writing. @throws AgentError `collector_database` */
export function readReport(path: string, nowMs: number): CollectorReport {
  const database = openDatabase(path, true);
  try {
    const gaps = gapsOf(database);
    const rows = database.prepare<[], GatewayRow>(GATEWAYS).all();
    return { gateways: rows.map((row) => gatewayOf(database, row, gaps, nowMs)), gaps };
  } finally {
    database.close();
  }
}

/** Sequence numbers missing in all, by state. @throws AgentError `collector_database` */
export function countMissing(path: string): Record<Gap['state'], number> {
  const database = openDatabase(path, true);
  try {
    const gaps = gapsOf(database);
    return { awaited: sumOf(gaps, 'awaited'), lost: sumOf(gaps, 'lost') };
  } finally {
    database.close();
  }
}

/** Every missing range, split where the gateway stopped holding it. */
export function gapsOf(database: Database.Database): Gap[] {
  const rows = database
    .prepare<[], Omit<Gap, 'state'> & { gone_below: number }>(
      'SELECT * FROM gaps ORDER BY tenant, gateway, epoch, first',
    )
    .all();
  return rows.flatMap(({ gone_below: goneBelow, ...gap }) => {
    const parts: Gap[] = [];
    if (gap.first < goneBelow) parts.push({ ...gap, last: Math.min(gap.last, goneBelow - 1), state: 'lost' });
    if (gap.last >= goneBelow) parts.push({ ...gap, first: Math.max(gap.first, goneBelow), state: 'awaited' });
    return parts;
  });
}

interface GatewayRow {
  tenant: string;
  gateway: string;
  online: number | null;
  seen_ms: number;
  time_zone: string | null;
  batches: number;
  windows: number;
  refused: number;
}

const GATEWAYS = `
  SELECT tenant, gateway, online, seen_ms, time_zone,
    (SELECT count(*) FROM batches JOIN epochs USING (source)
      WHERE epochs.tenant = g.tenant AND epochs.gateway = g.gateway) AS batches,
    (SELECT count(*) FROM (SELECT DISTINCT source, window FROM batches JOIN epochs USING (source)
      WHERE epochs.tenant = g.tenant AND epochs.gateway = g.gateway)) AS windows,
    (SELECT count(*) FROM refusals WHERE refusals.tenant = g.tenant AND refusals.gateway = g.gateway) AS refused
  FROM gateways g ORDER BY tenant, gateway`;

const ENTRIES = `
  SELECT sum(json_extract(body, '$.entries')) AS entries FROM latest
  WHERE tenant = ? AND gateway = ? AND kind = 'door' AND start_ms >= ?`;

function gatewayOf(database: Database.Database, row: GatewayRow, gaps: Gap[], nowMs: number): GatewayReport {
  const { tenant, gateway } = row;
  const local = DateTime.fromMillis(nowMs, { zone: row.time_zone ?? 'utc' });
  const midnight = (local.isValid ? local : DateTime.fromMillis(nowMs, { zone: 'utc' })).startOf('day').toMillis();
  const today = database.prepare<unknown[], { entries: number | null }>(ENTRIES).get(tenant, gateway, midnight);
  const own = gaps.filter((gap) => gap.tenant === tenant && gap.gateway === gateway);
  return {
    tenant,
    gateway,
    online: row.online === null ? null : row.online === 1,
    last_seen_ms: row.seen_ms,
    batches: row.batches,
    windows: row.windows,
    entries_today: today?.entries ?? null,
    awaited: sumOf(own, 'awaited'),
    lost: sumOf(own, 'lost'),
    refused: row.refused,
  };
}

function sumOf(gaps: Gap[], state: Gap['state']): number {
  return gaps.filter((gap) => gap.state === state).reduce((sum, gap) => sum + gap.last - gap.first + 1, 0);
}
