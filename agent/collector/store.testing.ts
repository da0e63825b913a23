/** Messages of a gateway, and both kinds of database to give them to. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { POSTGRES_MISSING, Postgres } from '../../test/support/postgres.ts';
import { encodeWindow } from '../contract/batch.ts';
import { encodeGap, type GapRange } from '../contract/gap.ts';
import { encodeMessage, type StateMessage, stateMessage } from '../contract/messages.ts';
import { realClock } from '../platform/clock.ts';
import { checkBatch, checkState, type Sender } from './intake.ts';
import { type CollectorReport, openReport } from './report.ts';
import { type CollectorStore, type Outcome, openStore } from './store.ts';

export const FROM = { tenant: 'acme', gateway: 'gw-1' };
export const EPOCH = '0011223344556677';
export const LATER = 'ffffffffffffffff';
/** 2026-03-02 23:30 in Berlin. */
export const NOW = Date.UTC(2026, 2, 2, 22, 30);

interface BatchOptions {
  window?: number;
  entries?: number;
  rev?: number;
  startMs?: number;
  gateway?: string;
  epoch?: string;
  records?: Record<string, unknown>[];
}

export function doorRecord(options: BatchOptions = {}) {
  const { window = 1, entries = 1, rev = 1, startMs = NOW - 3_600_000 } = options;
  const times = { start_ms: startMs, end_ms: startMs + 900_000 };
  const catchUp = { catch_up_entries: 0, catch_up_exits: 0, catch_up_from_ms: null };
  const key = { kind: 'door' as const, place: 'north', store: 's1', rev, window };
  return { ...key, ...times, parameters: 'p1', entries, exits: 0, ...catchUp, set_aside: 0, resets: 0 };
}

export function batchBody(sequence: number, options: BatchOptions = {}): Uint8Array {
  const { window = sequence, startMs = NOW - 3_600_000, gateway = 'gw-1', epoch = EPOCH } = options;
  const records = (options.records ?? [doorRecord({ ...options, window })]) as ReturnType<typeof doorRecord>[];
  const toSeal = { ordinal: window, startMs, endMs: startMs + 900_000, skipped: 0, warmUp: false, correctedMs: null };
  const origin = { tenant: 'acme', gateway, epoch, store: 's1', timeZone: 'Europe/Berlin', version: '0.1.0' };
  const sealed = { ...origin, clock: 'synchronised' as const, sealedAtMs: NOW };
  return encodeWindow({ ...toSeal, records }, sealed, sequence)[0].body;
}

export function gapBody(sequence: number, ranges: GapRange[], epoch = EPOCH): Uint8Array {
  return encodeGap({ ...FROM, epoch, sealedAtMs: NOW }, sequence, ranges);
}

export function stateOf(state: Partial<StateMessage>): StateMessage {
  return stateMessage.parse({
    ...{ birth: 'aaaaaaaaaaaaaaaa', online: true, epoch: EPOCH, sealed_through: 0, oldest_held: null, previous: null },
    ...{ parameters: 'p1', version: '0.1.0', sensors: [], at_ms: NOW },
    ...state,
  });
}

/** A store with the words that a test says to it. */
export interface Subject {
  store: CollectorStore;
  /** What `openStore` and `openReport` take. */
  database: string;
  /** What becomes of them in one commit. */
  add(...bodies: Uint8Array[]): Promise<Outcome['became'][]>;
  addFrom(from: Sender, body: Uint8Array): Promise<Outcome['became']>;
  tell(...states: Partial<StateMessage>[]): Promise<void>;
  report(): Promise<CollectorReport>;
  /** Rows of a table or view, by its name in SQLite. */
  rows(table: 'batches' | 'records' | 'latest' | 'refusals'): Promise<Record<string, unknown>[]>;
  end(): Promise<void>;
}

export interface Kind {
  name: string;
  missing: string | null;
  subject(): Promise<Subject>;
  /** Ends what all subjects share. */
  end(): Promise<void>;
}

export const DEPS = { clock: realClock(), random: Math.random, log: () => undefined };

function subjectOn(store: CollectorStore, database: string, rows: Subject['rows'], end: () => Promise<void>): Subject {
  const commitBatches = async (from: Sender, bodies: Uint8Array[]) => {
    const arrivals = bodies.map((body) => {
      const checked = checkBatch(from, body);
      return checked.ok
        ? { kind: 'batch' as const, batch: checked.batch }
        : { kind: 'refused' as const, refused: checked.refused };
    });
    return (await store.commit(arrivals, NOW)).map(({ became }) => became);
  };
  return {
    store,
    database,
    add: (...bodies) => commitBatches(FROM, bodies),
    addFrom: async (from, body) => (await commitBatches(from, [body]))[0],
    async tell(...states) {
      const arrivals = states.map((state) => {
        const checked = checkState(FROM, encodeMessage(stateOf(state)));
        if (!checked.ok) throw new Error(checked.refused.message);
        return { kind: 'state' as const, from: FROM, state: checked.state };
      });
      await store.commit(arrivals, NOW);
    },
    report: () => openReport(database, NOW),
    rows,
    async end() {
      await store.close();
      await end();
    },
  };
}

export function sqliteKind(): Kind {
  return {
    name: 'SQLite',
    missing: null,
    async subject() {
      const folder = mkdtempSync(join(tmpdir(), 'footfall-collector-'));
      const path = join(folder, 'collector.db');
      const rows: Subject['rows'] = async (table) => {
        const database = new Database(path, { readonly: true });
        try {
          return database.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table}`).all();
        } finally {
          database.close();
        }
      };
      return subjectOn(await openStore(path, DEPS), path, rows, async () =>
        rmSync(folder, { recursive: true, force: true }),
      );
    },
    async end() {},
  };
}

const NAMES = { batches: 'batch', records: 'record', latest: 'latest_record', refusals: 'refusal' };

export function postgresKind(): Kind {
  let server: Promise<Postgres> | null = null;
  return {
    name: 'PostgreSQL',
    missing: POSTGRES_MISSING,
    async subject() {
      // What is tested here is not what a power cut leaves.
      server ??= Postgres.start({ settings: ['fsync=off'] });
      const running = await server;
      const url = await running.createDatabase();
      const rows: Subject['rows'] = async (table) => {
        const found = await running.query(url, `SELECT * FROM ${NAMES[table]}`);
        return found.map(({ body, sequence, rev, ...row }) => ({
          ...row,
          sequence: sequence === null ? null : Number(sequence),
          rev: Number(rev),
          body: table === 'batches' ? body : JSON.stringify(body),
        }));
      };
      return subjectOn(await openStore(url, DEPS), url, rows, async () => undefined);
    },
    async end() {
      await (await server)?.stop();
    },
  };
}
