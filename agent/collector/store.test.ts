import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeWindow } from '../contract/batch.ts';
import { encodeMessage, type StateMessage } from '../contract/messages.ts';
import { encodeProbe } from '../contract/probe.ts';
import { checkBatch, checkProbe, checkState } from './intake.ts';
import { readReport } from './report.ts';
import { CollectorStore } from './store.ts';

const FROM = { tenant: 'acme', gateway: 'gw-1' };
const EPOCH = '0011223344556677';
/** 2026-03-02 23:30 in Berlin. */
const NOW = Date.UTC(2026, 2, 2, 22, 30);

let folder = '';
let path = '';
let store: CollectorStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-collector-'));
  path = join(folder, 'collector.db');
  store = new CollectorStore(path);
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

function bodyOf(
  sequence: number,
  options: { window?: number; entries?: number; rev?: number; startMs?: number; gateway?: string } = {},
) {
  const { window = sequence, entries = 1, rev = 1, startMs = NOW - 3_600_000, gateway = 'gw-1' } = options;
  const record = {
    ...{
      kind: 'door' as const,
      place: 'north',
      store: 's1',
      rev,
      window,
      start_ms: startMs,
      end_ms: startMs + 900_000,
    },
    ...{
      parameters: 'p1',
      entries,
      exits: 0,
      catch_up_entries: 0,
      catch_up_exits: 0,
      catch_up_from_ms: null,
      set_aside: 0,
      resets: 0,
    },
  };
  const toSeal = { ordinal: window, startMs, endMs: startMs + 900_000, skipped: 0, warmUp: false, records: [record] };
  const origin = { tenant: 'acme', gateway, epoch: EPOCH, store: 's1', timeZone: 'Europe/Berlin', version: '0.1.0' };
  return encodeWindow(toSeal, { ...origin, clock: 'synchronised', sealedAtMs: NOW }, sequence)[0].body;
}

function add(body: Uint8Array, from = FROM) {
  const checked = checkBatch(from, body);
  if (!checked.ok) throw new Error(checked.refused.message);
  return store.transaction(() => store.addBatch(checked.batch, NOW));
}

function tell(state: Partial<StateMessage>) {
  const full: StateMessage = {
    ...{ birth: 'aaaaaaaaaaaaaaaa', online: true, epoch: EPOCH, sealed_through: 0, oldest_held: null, previous: null },
    ...{ parameters: 'p1', version: '0.1.0', sensors: [], at_ms: NOW },
    ...state,
  };
  const checked = checkState(encodeMessage(full));
  if (!checked.ok) throw new Error(checked.message);
  store.transaction(() => store.addState(FROM, checked.state, NOW));
}

function rows<T>(sql: string): T[] {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare<[], T>(sql).all();
  } finally {
    database.close();
  }
}

describe('collector store', () => {
  it('stores a batch once, and calls the same bytes a duplicate', () => {
    expect(add(bodyOf(1))).toBe('stored');
    expect(add(bodyOf(1))).toBe('duplicate');
    expect(rows('SELECT * FROM records')).toHaveLength(1);
  });

  it('keeps the first of two different batches with one identity', () => {
    add(bodyOf(1, { entries: 5 }));
    expect(add(bodyOf(1, { entries: 9 }))).toBe('conflict');
    expect(rows("SELECT json_extract(body, '$.entries') AS entries FROM latest")).toEqual([{ entries: 5 }]);
    expect(rows('SELECT code, sequence FROM refusals')).toEqual([{ code: 'conflict', sequence: 1 }]);
  });

  it('keeps every revision of a record and shows the highest, in whatever order they come', () => {
    add(bodyOf(2, { window: 1, rev: 2, entries: 7 }));
    add(bodyOf(1, { window: 1, rev: 1, entries: 5 }));
    expect(rows('SELECT rev FROM records ORDER BY rev')).toEqual([{ rev: 1 }, { rev: 2 }]);
    expect(rows("SELECT rev, json_extract(body, '$.entries') AS entries FROM latest")).toEqual([
      { rev: 2, entries: 7 },
    ]);
  });

  it('takes a record that came twice in two batches once, and notes one that differs', () => {
    add(bodyOf(1, { window: 1, entries: 5 }));
    add(bodyOf(2, { window: 1, entries: 5 }));
    expect(rows('SELECT * FROM refusals')).toEqual([]);
    add(bodyOf(3, { window: 1, entries: 6 }));
    expect(rows('SELECT code FROM refusals')).toEqual([{ code: 'record_conflict' }]);
    expect(rows("SELECT json_extract(body, '$.entries') AS entries FROM records")).toEqual([{ entries: 5 }]);
  });

  it('keeps two gateways apart though they claim one epoch', () => {
    add(bodyOf(1));
    expect(add(bodyOf(1, { gateway: 'gw-2' }), { tenant: 'acme', gateway: 'gw-2' })).toBe('stored');
    expect(rows('SELECT gateway FROM records ORDER BY gateway')).toEqual([{ gateway: 'gw-1' }, { gateway: 'gw-2' }]);
  });

  it('finds gaps between batches, before the first, and behind the last by what the gateway says it sealed', () => {
    for (const sequence of [3, 4, 7]) add(bodyOf(sequence));
    const gap = (first: number, last: number, state: string) => ({ ...FROM, epoch: EPOCH, first, last, state });
    expect(readReport(path, NOW).gaps).toEqual([gap(1, 2, 'awaited'), gap(5, 6, 'awaited')]);
    tell({ sealed_through: 9, oldest_held: 6 });
    expect(readReport(path, NOW).gaps).toEqual([
      gap(1, 2, 'lost'),
      gap(5, 5, 'lost'),
      gap(6, 6, 'awaited'),
      gap(8, 9, 'awaited'),
    ]);
    expect(readReport(path, NOW).gateways[0]).toMatchObject({ awaited: 3, lost: 3, batches: 3 });
    for (const sequence of [6, 8, 9]) add(bodyOf(sequence));
    expect(readReport(path, NOW).gaps).toEqual([gap(1, 2, 'lost'), gap(5, 5, 'lost')]);
  });

  it('knows the tail of a dead box from the epoch that follows it', () => {
    add(bodyOf(1));
    tell({ epoch: 'ffffffffffffffff', previous: { epoch: EPOCH, last_sequence: 4 } });
    expect(readReport(path, NOW).gaps).toEqual([{ ...FROM, epoch: EPOCH, first: 2, last: 4, state: 'lost' }]);
  });

  it('lets a will end only the birth it belongs to', () => {
    const online = () => readReport(path, NOW).gateways[0].online;
    tell({ birth: 'aaaaaaaaaaaaaaaa' });
    tell({ birth: 'bbbbbbbbbbbbbbbb' });
    tell({ birth: 'aaaaaaaaaaaaaaaa', online: false });
    expect(online()).toBe(true);
    tell({ birth: 'bbbbbbbbbbbbbbbb', online: false });
    expect(online()).toBe(false);
  });

  it("counts today's entries from the store's own midnight", () => {
    const midnight = Date.UTC(2026, 2, 1, 23);
    add(bodyOf(1, { startMs: midnight - 900_000, entries: 100 }));
    add(bodyOf(2, { startMs: midnight, entries: 3 }));
    add(bodyOf(3, { startMs: midnight + 3_600_000, entries: 4 }));
    expect(readReport(path, NOW).gateways[0].entries_today).toBe(7);
  });

  it('says so when a file is no collector database', () => {
    const other = join(folder, 'other.txt');
    writeFileSync(other, 'not a database at all, but long enough to have a header of one hundred bytes'.repeat(3));
    expect(() => readReport(other, NOW)).toThrow(expect.objectContaining({ code: 'collector_database' }));
    expect(() => readReport(join(folder, 'absent.db'), NOW)).toThrow(
      expect.objectContaining({ code: 'collector_database' }),
    );
  });
});

describe('intake', () => {
  it('refuses a batch whose source is not the gateway of the topic', () => {
    const checked = checkBatch({ tenant: 'acme', gateway: 'gw-9' }, bodyOf(1));
    expect(checked).toMatchObject({ ok: false, refused: { gateway: 'gw-9', address: { sequence: 1 } } });
  });

  it('addresses a refusal where the envelope says which batch it was', () => {
    const message = JSON.parse(Buffer.from(bodyOf(4)).toString());
    message.data.records[0].entries = 'many';
    const checked = checkBatch(FROM, Buffer.from(JSON.stringify(message)));
    expect(checked).toMatchObject({ ok: false, refused: { code: 'invalid', address: { epoch: EPOCH, sequence: 4 } } });
    expect(!checked.ok && checked.refused.message).toMatch(/^data\.records\[0\]\.entries: /);
    expect(checkBatch(FROM, Buffer.from('{'))).toMatchObject({ ok: false, refused: { address: null } });
  });

  it('refuses a record nested without end instead of failing on it', () => {
    const text = Buffer.from(bodyOf(5)).toString();
    const deep = text.replace('"resets":0', `"resets":0,"new":${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    const checked = checkBatch(FROM, Buffer.from(deep));
    if (checked.ok) expect(store.transaction(() => store.addBatch(checked.batch, NOW))).toBe('stored');
    else expect(checked.refused).toMatchObject({ code: 'invalid', address: { epoch: EPOCH, sequence: 5 } });
  });
});

describe('a probe', () => {
  const probe = encodeProbe('acme', 'gw-1', EPOCH, NOW);

  it('is told from a batch, and belongs to the gateway of its topic', () => {
    expect(checkProbe(FROM, probe)).toEqual({ epoch: EPOCH, sequence: 1 });
    expect(checkProbe({ ...FROM, gateway: 'gw-2' }, probe)).toBeNull();
    expect(checkProbe(FROM, bodyOf(1))).toBeNull();
  });

  it('is rejected by the check of a batch with its epoch and sequence, so that any collector answers it', () => {
    const checked = checkBatch(FROM, probe);
    expect(checked).toMatchObject({ ok: false, refused: { address: { epoch: EPOCH, sequence: 1 }, code: 'invalid' } });
  });
});
