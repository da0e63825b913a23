import { existsSync, statSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { Owner } from './owner.ts';
import { sampleClose, temporaryDirectory, WINDOW_MS } from './samples.fixture.ts';
import type { Opened } from './storage.ts';

function openOwner(path: string, machineId = 'machine'): { owner: Owner; opened: Opened; [Symbol.dispose](): void } {
  const owner = new Owner({ path, machineId });
  return { owner, opened: owner.open(), [Symbol.dispose]: () => owner.stop() };
}

const text = (body: Uint8Array): string => Buffer.from(body).toString();
const code = (value: string) => expect.objectContaining({ code: value });
const ALL = { after: 0, before: Number.POSITIVE_INFINITY, limit: 1000 };

describe('Owner', () => {
  it('makes a private file with the settings that survive a power cut', () => {
    using directory = temporaryDirectory();
    const path = directory.file('deep/er/footfall.db');
    using session = openOwner(path);
    expect(session.opened).toEqual({
      epoch: expect.stringMatching(/^[0-9a-f]{16}$/),
      origin: expect.any(String),
      previous: null,
      firstSequence: 1,
      nextSequence: 1,
      quarantined: null,
      gaps: [],
      lastWindow: 0,
      sealedBefore: null,
      snapshot: null,
      journal: [],
      openHealth: [],
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    expect(statSync(directory.file('deep')).mode & 0o777).toBe(0o700);
    using reader = new BetterSqliteReader(path);
    expect(reader.pragma('journal_mode')).toBe('wal');
    expect(reader.pragma('auto_vacuum')).toBe(2);
  });

  it('gives back what was committed, in order, behind the snapshot', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    {
      using session = openOwner(path);
      for (let first = 1; first <= 301; first += 100) {
        session.owner.commit({ firstOrdinal: first, lastOrdinal: first + 99, body: Uint8Array.of(first & 0xff) });
      }
      // The third blob straddles the snapshot and stays whole.
      session.owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 250 }));
      expect(session.owner.state()).toMatchObject({ journalBlobs: 2, held: 1, sealedThrough: 1, oldestSequence: 1 });
    }
    expect(existsSync(`${path}-wal`)).toBe(false);
    using session = openOwner(path);
    const { opened } = session;
    expect(opened.nextSequence).toBe(2);
    expect(opened.snapshot).toMatchObject({ version: 3, ordinal: 250 });
    expect(opened.journal.map(({ firstOrdinal, lastOrdinal }) => [firstOrdinal, lastOrdinal])).toEqual([
      [201, 300],
      [301, 400],
    ]);
    expect(text(session.owner.readOutbox(ALL)[0].body)).toBe('batch 1');
  });

  it('takes a commit again with more rows, and refuses one that reaches back', () => {
    using directory = temporaryDirectory();
    using session = openOwner(directory.file('a.db'));
    const { owner } = session;
    owner.commit({ firstOrdinal: 1, lastOrdinal: 10, body: Uint8Array.of(1) });
    owner.commit({ firstOrdinal: 11, lastOrdinal: 20, body: Uint8Array.of(2) });
    owner.commit({ firstOrdinal: 11, lastOrdinal: 25, body: Uint8Array.of(3) });
    expect(owner.state().journalBlobs).toBe(2);
    const back = { firstOrdinal: 20, lastOrdinal: 30, body: Uint8Array.of(4) };
    expect(() => owner.commit(back)).toThrow(code('ordinal_conflict'));
  });

  it('seals each sequence once: a repeated close is no change, other bytes or a gap are refused', () => {
    using directory = temporaryDirectory();
    using session = openOwner(directory.file('a.db'));
    const { owner } = session;
    const first = sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 10 });
    const second = sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 20 });
    owner.closeWindow(first);
    owner.acknowledge([1]);
    owner.closeWindow(first);
    expect(owner.readOutbox(ALL)).toEqual([]);
    // What a caller does that could not learn the outcome and closed another window meanwhile.
    owner.closeWindow({ ...second, batches: [...first.batches, ...second.batches] });
    expect(owner.readOutbox(ALL).map(({ sequence }) => sequence)).toEqual([2]);

    const before = owner.state();
    const other = { ...second, batches: [{ sequence: 2, windowOrdinal: 2, body: Uint8Array.of(9) }] };
    expect(() => owner.closeWindow(other)).toThrow(code('sequence_conflict'));
    const gap = sampleClose({ sequence: 4, windowOrdinal: 3, ordinal: 30 });
    expect(() => owner.closeWindow(gap)).toThrow(code('sequence_conflict'));
    expect(owner.state()).toEqual(before);
  });

  it('closes a window wholly or not at all', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    using session = openOwner(path);
    const { owner } = session;
    owner.commit({ firstOrdinal: 1, lastOrdinal: 10, body: Uint8Array.of(1) });
    owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 5 }));
    const before = {
      state: { ...owner.state(), databaseBytes: 0 },
      history: owner.readHistory({ fromMs: 0, toMs: 1e15 }),
    };
    const next = sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 10 });
    // Fails in the database itself, after the batch was inserted, and then after the history too.
    const badHistory = { ...next, history: [{ ...next.history[0], startMs: 0.5 }] };
    expect(() => owner.closeWindow(badHistory)).toThrow(code('storage_failed'));
    const badSnapshot = { ...next, snapshot: { ...next.snapshot, version: 0.5 } };
    expect(() => owner.closeWindow(badSnapshot)).toThrow(code('storage_failed'));
    const after = {
      state: { ...owner.state(), databaseBytes: 0 },
      history: owner.readHistory({ fromMs: 0, toMs: 1e15 }),
    };
    expect(after).toEqual(before);
    owner.closeWindow(next);
    expect(owner.state()).toMatchObject({ held: 2, sealedThrough: 2, journalBlobs: 0 });
  });

  it('reads the outbox both ways and moves batches out of it', () => {
    using directory = temporaryDirectory();
    using session = openOwner(directory.file('a.db'));
    const { owner } = session;
    for (let n = 1; n <= 9; n++) owner.closeWindow(sampleClose({ sequence: n, windowOrdinal: n, ordinal: n }));
    const sequences = (query: Parameters<Owner['readOutbox']>[0]) => owner.readOutbox(query).map((b) => b.sequence);
    expect(sequences({ after: 2, before: 8, limit: 3 })).toEqual([3, 4, 5]);
    expect(sequences({ after: 2, before: 8, limit: 3, newestFirst: true })).toEqual([7, 6, 5]);
    const full = owner.state();
    expect(full).toMatchObject({ held: 9, heldBytes: 9 * 'batch 1'.length });
    owner.acknowledge([1, 2, 2, 77]);
    owner.reject([
      { sequence: 4, code: 'schema', message: 'x'.repeat(5000) },
      { sequence: 4711, code: 'schema', message: '' },
    ]);
    expect(owner.state()).toMatchObject({
      held: 6,
      heldBytes: 6 * 'batch 1'.length,
      oldestSequence: 3,
      sealedThrough: 9,
      deadLetters: 1,
    });
    owner.acknowledge([3, 5, 6, 7, 8, 9]);
    expect(owner.state()).toMatchObject({ held: 0, heldBytes: 0, oldestSequence: null, sealedThrough: 9 });
  });

  it('never uses a sequence again, even after all are gone and the file was opened anew', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    {
      using session = openOwner(path);
      session.owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 1 }));
      session.owner.acknowledge([1]);
    }
    using session = openOwner(path);
    expect(session.opened.nextSequence).toBe(2);
  });

  it('starts a new epoch on another machine and remembers the one before', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const epochs: string[] = [];
    {
      using session = openOwner(path);
      session.owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 1 }));
      epochs.push(session.opened.epoch);
    }
    for (const machine of ['machine', 'machine', 'other', 'other']) {
      using session = openOwner(path, machine);
      epochs.push(session.opened.epoch);
      expect(session.opened.nextSequence).toBe(2);
      expect(session.opened.previous).toEqual(
        machine === 'other' ? expect.objectContaining({ epoch: epochs[0], lastSequence: 1 }) : null,
      );
    }
    expect(new Set(epochs.slice(0, 3)).size).toBe(1);
    expect(epochs[3]).toBe(epochs[4]);
    expect(epochs[3]).not.toBe(epochs[0]);
  });

  it('reads history by start, each window once with its highest rev, and forgets what is 400 days of windows old', () => {
    using directory = temporaryDirectory();
    using session = openOwner(directory.file('a.db'));
    const { owner } = session;
    for (let n = 1; n <= 4; n++) owner.closeWindow(sampleClose({ sequence: n, windowOrdinal: n, ordinal: n }));
    const settled = sampleClose({ sequence: 5, windowOrdinal: 2, ordinal: 5 });
    settled.history.push(
      { ...settled.history[0], rev: 2, body: '{"settled":true}' },
      { ...settled.history[0], kind: 'day' },
    );
    owner.closeWindow(settled);
    const range = { fromMs: 2 * WINDOW_MS, toMs: 4 * WINDOW_MS };
    expect(owner.readHistory({ ...range, kind: 'door' })).toMatchObject([
      { window: 2, rev: 2, body: '{"settled":true}' },
      { window: 3, rev: 1 },
    ]);
    expect(owner.readHistory(range)).toHaveLength(3);

    const windows = () => owner.readHistory({ fromMs: 0, toMs: 1e15 }).map(({ window }) => window);
    const late = sampleClose({ sequence: 6, windowOrdinal: 3 + 400 * 24 * 4, ordinal: 6 });
    owner.closeWindow(late);
    expect(windows()).toEqual([3, 4, late.windowOrdinal]);
  });

  it('forgets no history when the clock jumps by ten years, there and back', () => {
    using directory = temporaryDirectory();
    using session = openOwner(directory.file('a.db'));
    for (let n = 1; n <= 6; n++) {
      const close = sampleClose({ sequence: n, windowOrdinal: n, ordinal: n });
      if (n === 4 || n === 5) close.history[0].startMs += 1e4 * 86_400_000;
      close.history[0].endMs = close.history[0].startMs + WINDOW_MS;
      session.owner.closeWindow(close);
    }
    const windows = session.owner.readHistory({ fromMs: 0, toMs: 1e15 }).map(({ window }) => window);
    expect(windows.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('shrinks the file when what it held is gone', () => {
    using directory = temporaryDirectory();
    using session = openOwner(directory.file('a.db'));
    const { owner } = session;
    for (let first = 1; first <= 16; first++) {
      owner.commit({ firstOrdinal: first, lastOrdinal: first, body: new Uint8Array(2 ** 20) });
    }
    const grown = owner.state().databaseBytes;
    for (let n = 1; n <= 6; n++) owner.closeWindow(sampleClose({ sequence: n, windowOrdinal: n, ordinal: 16 }));
    expect(grown).toBeGreaterThan(16 * 2 ** 20);
    expect(owner.state().databaseBytes).toBeLessThan(12 * 2 ** 20);
  });

  it('shrinks the file at the end of a backlog that leaves, and moves no page of it before', () => {
    using directory = temporaryDirectory();
    using session = openOwner(directory.file('a.db'));
    const { owner } = session;
    for (let n = 1; n <= 40; n++) {
      const close = sampleClose({ sequence: n, windowOrdinal: n, ordinal: n });
      close.batches[0].body = new Uint8Array(2 ** 20);
      owner.closeWindow(close);
    }
    const grown = owner.state().databaseBytes;
    for (let n = 1; n < 40; n++) owner.acknowledge([n]);
    expect(owner.state().databaseBytes).toBeGreaterThan(40 * 2 ** 20);
    expect(owner.state().databaseBytes).toBeLessThanOrEqual(grown);
    owner.acknowledge([40]);
    expect(owner.state().databaseBytes).toBeLessThan(16 * 2 ** 20);
  });

  it('says that the disk is full, keeps what it had, and goes on when there is room', () => {
    class CrampedOwner extends Owner {
      limitPages(pages: number): void {
        this.statements.readMeta.database.pragma(`max_page_count = ${pages}`);
      }
    }
    using directory = temporaryDirectory();
    const owner = new CrampedOwner({ path: directory.file('a.db'), machineId: 'machine' });
    owner.open();
    owner.commit({ firstOrdinal: 1, lastOrdinal: 1, body: Uint8Array.of(1) });
    owner.limitPages(100);
    const close = sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 1 });
    close.snapshot.body = new Uint8Array(2 ** 20);
    expect(() => owner.closeWindow(close)).toThrow(code('storage_full'));
    expect(owner.state()).toMatchObject({ held: 0, sealedThrough: 0, journalBlobs: 1 });
    owner.limitPages(10_000);
    owner.closeWindow(close);
    expect(owner.state()).toMatchObject({ held: 1, sealedThrough: 1, journalBlobs: 0 });
    owner.stop();
  });

  it('lets other programs read meanwhile, and keeps a second owner out', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    using session = openOwner(path);
    session.owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 1 }));
    using one = new BetterSqliteReader(path);
    using two = new BetterSqliteReader(path);
    one.exec('BEGIN');
    expect([one.held(), two.held()]).toEqual([1, 1]);
    session.owner.closeWindow(sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 2 }));
    // The first still reads in the moment its transaction began.
    expect([one.held(), two.held()]).toEqual([1, 2]);
    expect(() => new Owner({ path, machineId: 'machine' }).open()).toThrow(code('database_in_use'));
    session.owner.closeWindow(sampleClose({ sequence: 3, windowOrdinal: 3, ordinal: 3 }));
  });

  it('says what is wrong when it is not open', () => {
    const owner = new Owner({ path: '/nowhere', machineId: 'machine' });
    expect(() => owner.state()).toThrow(code('storage_not_open'));
    owner.stop();
  });
});

/** Another program that looks at the database. */
class BetterSqliteReader {
  readonly #database: BetterSqlite.Database;

  constructor(path: string) {
    this.#database = new BetterSqlite(path, { readonly: true });
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  pragma(name: string): unknown {
    return this.#database.pragma(name, { simple: true });
  }

  held(): unknown {
    return this.#database.prepare('SELECT COUNT(*) FROM outbox').pluck().get();
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
