/** One behaviour of both databases. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RefusedMessage } from './intake.ts';
import { openReport } from './report.ts';
import {
  batchBody,
  DEPS,
  doorRecord,
  EPOCH,
  FROM,
  gapBody,
  type Kind,
  LATER,
  NOW,
  postgresKind,
  type Subject,
  sqliteKind,
} from './store.testing.ts';
import { openStore, REFUSALS_KEPT } from './store.ts';

const gap = (first: number, last: number, state: string, reason: string | null = null, epoch = EPOCH) => ({
  ...FROM,
  epoch,
  first,
  last,
  state,
  reason,
});
const range = (from_seq: number, to_seq: number, reason = 'buffer_full', epoch = EPOCH) => ({
  epoch,
  from_seq,
  to_seq,
  reason,
});

describe.each<Kind>([sqliteKind(), postgresKind()])('a collector on $name', (kind) => {
  if (kind.missing !== null) {
    it(`cannot be tested: ${kind.missing}`, () => expect(kind.missing).not.toBeNull());
    return;
  }
  let at: Subject;
  beforeEach(async () => {
    at = await kind.subject();
  }, 60_000);
  afterEach(() => at.end());
  afterAll(() => kind.end());
  const codes = async () => (await at.rows('refusals')).map(({ code }) => code);
  const entries = async () => (await at.rows('latest')).map(({ body }) => JSON.parse(String(body)).entries);

  it('stores a batch once, and calls the same bytes a duplicate, in one commit or in two', async () => {
    expect(await at.add(batchBody(1), batchBody(2), batchBody(1))).toEqual(['stored', 'stored', 'duplicate']);
    expect(await at.add(batchBody(2), batchBody(3), batchBody(3))).toEqual(['duplicate', 'stored', 'duplicate']);
    const batches = await at.rows('batches');
    expect(batches.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 3]);
    for (const { sequence, body } of batches) {
      expect(Buffer.from(body as Buffer).equals(batchBody(Number(sequence)))).toBe(true);
    }
    expect(await at.rows('records')).toHaveLength(3);
    expect(await codes()).toEqual([]);
  });

  it('keeps the first of two different batches with one identity, in one commit or in two', async () => {
    const [five, nine] = [batchBody(1, { entries: 5 }), batchBody(1, { entries: 9 })];
    expect(await at.add(five, nine, five)).toEqual(['stored', 'conflict', 'duplicate']);
    expect(await at.add(nine, five)).toEqual(['conflict', 'duplicate']);
    expect(await entries()).toEqual([5]);
    expect(await codes()).toEqual(['conflict', 'conflict']);
    expect((await at.report()).gateways[0]).toMatchObject({ batches: 1, refused: 2 });
  });

  it('keeps every revision of a record and shows the highest, in whatever order they come', async () => {
    await at.add(batchBody(2, { window: 1, rev: 2, entries: 7 }));
    await at.add(batchBody(1, { window: 1, rev: 1, entries: 5 }));
    expect((await at.rows('records')).map(({ rev }) => rev).sort()).toEqual([1, 2]);
    expect(await entries()).toEqual([7]);
  });

  it('takes a record that came twice in two batches once, and notes one that differs', async () => {
    await at.add(batchBody(1, { window: 1, entries: 5 }), batchBody(2, { window: 1, entries: 5 }));
    expect(await codes()).toEqual([]);
    expect(await at.add(batchBody(3, { window: 1, entries: 6 }), batchBody(4))).toEqual(['stored', 'stored']);
    const [refusal, ...more] = await at.rows('refusals');
    expect(refusal).toMatchObject({ code: 'record_conflict', epoch: EPOCH, sequence: 3 });
    expect(refusal.message).toBe('a door record of window 1, revision 1, differs from the one stored before');
    expect(more).toEqual([]);
    expect((await entries()).sort()).toEqual([1, 5]);
  });

  it('keeps two gateways apart though they claim one epoch', async () => {
    await at.add(batchBody(1));
    expect(await at.addFrom({ tenant: 'acme', gateway: 'gw-2' }, batchBody(1, { gateway: 'gw-2' }))).toBe('stored');
    expect((await at.rows('records')).map(({ gateway }) => gateway).sort()).toEqual(['gw-1', 'gw-2']);
  });

  it('finds gaps between batches, before the first, and behind the last by what the gateway says it sealed', async () => {
    await at.add(batchBody(7), batchBody(4), batchBody(3));
    expect((await at.report()).gaps).toEqual([gap(1, 2, 'awaited'), gap(5, 6, 'awaited')]);
    await at.tell({ sealed_through: 9, oldest_held: 6 });
    expect((await at.report()).gaps).toEqual([
      gap(1, 2, 'lost'),
      gap(5, 5, 'lost'),
      gap(6, 6, 'awaited'),
      gap(8, 9, 'awaited'),
    ]);
    expect((await at.report()).gateways[0]).toMatchObject({ awaited: 3, lost: 3, told: 0, batches: 3, epochs: 1 });
    await at.add(batchBody(6), batchBody(8), batchBody(9));
    expect((await at.report()).gaps).toEqual([gap(1, 2, 'lost'), gap(5, 5, 'lost')]);
    await at.add(batchBody(1), batchBody(2), batchBody(5));
    expect((await at.report()).gaps).toEqual([]);
  });

  it('calls nothing missing below the first sequence of an epoch', async () => {
    await at.add(batchBody(502));
    await at.tell({ first_sequence: 500, sealed_through: 503, oldest_held: 501 });
    expect((await at.report()).gaps).toEqual([
      gap(500, 500, 'lost'),
      gap(501, 501, 'awaited'),
      gap(503, 503, 'awaited'),
    ]);
    await at.tell({ epoch: LATER, first_sequence: 504, sealed_through: 503 });
    expect((await at.report()).gaps).toHaveLength(3);
  });

  it('knows the tail of a dead epoch from the one that follows it, and awaits what is still on the box', async () => {
    await at.add(batchBody(1));
    const previous = { epoch: EPOCH, last_sequence: 6, oldest_held: 4, end: 'damaged' as const };
    await at.tell({ epoch: LATER, first_sequence: 7, sealed_through: 6, previous });
    expect((await at.report()).gaps).toEqual([gap(2, 3, 'lost'), gap(4, 6, 'awaited')]);
    await at.add(batchBody(4), batchBody(6));
    await at.tell({ epoch: LATER, first_sequence: 7, sealed_through: 6, previous: { ...previous, oldest_held: null } });
    expect((await at.report()).gaps).toEqual([gap(2, 3, 'lost'), gap(5, 5, 'lost')]);
  });

  it('begins an epoch that never spoke for itself behind the one before it', async () => {
    await at.tell({ sealed_through: 10, oldest_held: 1 });
    await at.add(...Array.from({ length: 10 }, (_, index) => batchBody(index + 1)));
    const silent = 'eeeeeeeeeeeeeeee';
    const previous = { epoch: silent, last_sequence: 12, oldest_held: null, end: null };
    await at.tell({ epoch: LATER, first_sequence: 13, sealed_through: 12, previous });
    expect((await at.report()).gaps).toEqual([gap(11, 12, 'lost', null, silent)]);
  });

  it('stores a gap record once, and tells what it tells', async () => {
    await at.add(batchBody(1), batchBody(6));
    await at.tell({ sealed_through: 8, oldest_held: 6 });
    const told = gapBody(8, [range(2, 3), range(5, 5, 'damaged')]);
    expect(await at.add(told, told)).toEqual(['stored', 'duplicate']);
    expect(await at.add(told, gapBody(8, [range(2, 4)]))).toEqual(['duplicate', 'conflict']);
    const report = await at.report();
    expect(report.gaps).toEqual([
      gap(2, 3, 'told', 'buffer_full'),
      gap(4, 4, 'lost'),
      gap(5, 5, 'told', 'damaged'),
      gap(7, 7, 'awaited'),
    ]);
    expect(report.gateways[0]).toMatchObject({ batches: 2, windows: 2, awaited: 1, lost: 1, told: 3 });
    expect(report.gateways[0].told_by_reason).toEqual({ buffer_full: 2, damaged: 1 });
  });

  it('counts what is here as here, whatever a gap record tells of it, before or after', async () => {
    await at.add(batchBody(2), gapBody(5, [range(1, 4)]));
    expect((await at.report()).gaps).toEqual([gap(1, 1, 'told', 'buffer_full'), gap(3, 4, 'told', 'buffer_full')]);
    expect(await at.add(batchBody(3), batchBody(1))).toEqual(['stored', 'stored']);
    expect((await at.report()).gaps).toEqual([gap(4, 4, 'told', 'buffer_full')]);
  });

  it('takes what a later gap record tells again, and what it tells of an epoch not heard of', async () => {
    await at.add(gapBody(21, [range(1, 9), range(2, 3, 'damaged', LATER)]), gapBody(22, [range(5, 20)]));
    await at.add(gapBody(23, [range(1, 20)]));
    expect((await at.report()).gaps).toEqual([
      gap(1, 20, 'told', 'buffer_full'),
      gap(1, 1, 'awaited', null, LATER),
      gap(2, 3, 'told', 'damaged', LATER),
    ]);
    expect((await at.report()).gateways[0]).toMatchObject({ epochs: 2, batches: 0, told: 22 });
  });

  it('lets a will end only the birth it belongs to, whether it comes in one commit or later', async () => {
    const online = async () => (await at.report()).gateways[0].online;
    const [first, second] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'];
    await at.tell({ birth: first }, { birth: second }, { birth: first, online: false });
    expect(await online()).toBe(true);
    await at.tell({ birth: first, online: false });
    expect(await online()).toBe(true);
    await at.tell({ birth: second, online: false });
    expect(await online()).toBe(false);
    await at.tell({ birth: first });
    expect(await online()).toBe(true);
  });

  it('never takes back what a gateway said it sealed or no longer holds', async () => {
    await at.tell({ sealed_through: 9, oldest_held: 5 });
    await at.tell({ sealed_through: 7, oldest_held: 2, online: false });
    expect((await at.report()).gaps).toEqual([gap(1, 4, 'lost'), gap(5, 9, 'awaited')]);
  });

  it("counts today's entries from the store's own midnight", async () => {
    const midnight = Date.UTC(2026, 2, 1, 23);
    await at.add(batchBody(1, { startMs: midnight - 900_000, entries: 100 }));
    await at.add(batchBody(2, { startMs: midnight, entries: 3 }));
    await at.add(batchBody(3, { startMs: midnight + 3_600_000, entries: 4 }));
    expect((await at.report()).gateways[0].entries_today).toBe(7);
  });

  it('keeps the newest refusals only', async () => {
    const refused = (index: number): RefusedMessage => ({
      ...FROM,
      address: null,
      code: 'invalid',
      message: `${index}`,
    });
    const commit = (from: number, count: number) =>
      at.store.commit(
        Array.from({ length: count }, (_, index) => ({ kind: 'refused' as const, refused: refused(from + index) })),
        NOW,
      );
    await commit(0, REFUSALS_KEPT);
    await commit(REFUSALS_KEPT, 5);
    const messages = (await at.rows('refusals')).map(({ message }) => Number(message)).sort((a, b) => a - b);
    expect(messages).toHaveLength(REFUSALS_KEPT);
    expect(messages.at(0)).toBe(5);
    expect(messages.at(-1)).toBe(REFUSALS_KEPT + 4);
  });

  it('refuses what a database cannot hold, and stores what came with it', async () => {
    const strange = (sequence: number, more: string) =>
      Buffer.from(Buffer.from(batchBody(sequence)).toString().replace('"resets":0', `"resets":0,${more}`));
    const depth = 5_000;
    const outcomes = await at.add(
      batchBody(1),
      strange(2, '"new":"\\u0000"'),
      strange(3, '"new":"\\ud800"'),
      strange(4, `"new":${'['.repeat(depth)}${']'.repeat(depth)}`),
      strange(5, '"\\u0000":1'),
      strange(6, '"new":1e999'),
      strange(7, '"new":"\\u00e9\\ud83d\\ude00 \\\\u0000"'),
      Buffer.from('{'),
      batchBody(8),
    );
    expect(outcomes).toEqual(
      ['stored', ...Array(4).fill('noted'), 'stored', 'stored', 'noted', 'stored'], //
    );
    expect(await codes()).toEqual(Array(5).fill('invalid'));
    expect((await at.rows('latest')).length).toBe(4);
    expect((await at.report()).gateways[0]).toMatchObject({ batches: 4, refused: 5 });
  });

  it('stores extreme numbers and names, and can still be reported on', async () => {
    const far = Number.MAX_SAFE_INTEGER;
    const record = { ...doorRecord(), window: far, rev: far, start_ms: -far, end_ms: far, place: 'ß'.repeat(128) };
    expect(await at.add(batchBody(far, { window: far, records: [record] }), gapBody(3, [range(1, far)]))).toEqual([
      'stored',
      'stored',
    ]);
    expect((await at.report()).gateways[0]).toMatchObject({ batches: 1, told: far - 2 });
  });

  it('opens what another collector made, and goes on', async () => {
    await at.add(batchBody(1));
    const other = await openStore(at.database, DEPS);
    try {
      expect(await at.add(batchBody(1), batchBody(2))).toEqual(['duplicate', 'stored']);
    } finally {
      await other.close();
    }
  });
});

describe('a SQLite file', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'footfall-collector-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is told from anything else', async () => {
    const other = join(folder, 'other.txt');
    writeFileSync(other, 'not a database at all, but long enough to have a header of one hundred bytes'.repeat(3));
    const refused = expect.objectContaining({ code: 'collector_database' });
    await expect(openReport(other, NOW)).rejects.toEqual(refused);
    await expect(openReport(join(folder, 'absent.db'), NOW)).rejects.toEqual(refused);
    await expect(openStore(other, DEPS)).rejects.toEqual(refused);
  });

  it('of an earlier release gets the columns it lacks', async () => {
    const path = join(folder, 'old.db');
    const old = new Database(path);
    old.exec(`CREATE TABLE epochs (source TEXT PRIMARY KEY, tenant TEXT NOT NULL, gateway TEXT NOT NULL,
      epoch TEXT NOT NULL, sealed_through INTEGER NOT NULL DEFAULT 0, gone_below INTEGER NOT NULL DEFAULT 0);
      INSERT INTO epochs VALUES ('/ff/acme/gw-1/${EPOCH}', 'acme', 'gw-1', '${EPOCH}', 2, 0)`);
    old.close();
    await (await openStore(path, DEPS)).close();
    expect((await openReport(path, NOW)).gaps).toEqual([gap(1, 2, 'awaited')]);
  });
});
