import { readFileSync, writeFileSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { MIGRATIONS, migrate } from './migrations.ts';
import { Owner } from './owner.ts';
import { sampleClose, temporaryDirectory } from './samples.fixture.ts';

const code = (value: string) => expect.objectContaining({ code: value });

/** A database as release 0.1 left it, word for word: never to be brought up to date. */
const RELEASE_0_1 = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE journal(first_ordinal INTEGER PRIMARY KEY, last_ordinal INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
  CREATE TABLE snapshot(
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, ordinal INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE outbox(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, window_ordinal INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE dead_letter(
    sequence INTEGER PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE history(
    kind TEXT NOT NULL, place TEXT NOT NULL, window INTEGER NOT NULL, rev INTEGER NOT NULL,
    start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, place, window, rev)
  ) STRICT;
  CREATE INDEX history_start ON history(start_ms);
  PRAGMA application_id = 1179928140;
  PRAGMA user_version = 1001;
  INSERT INTO meta VALUES ('epoch', '0123456789abcdef'), ('machine', 'of another box');
  INSERT INTO outbox VALUES (41, 7, x'aa'), (42, 8, x'bb');
  INSERT INTO journal VALUES (101, 200, x'cc');
  INSERT INTO snapshot VALUES (1, 1, 100, x'dd');
`;

/** What a later release might add. */
const LATER = [
  ...MIGRATIONS,
  `ALTER TABLE outbox ADD COLUMN priority INTEGER NOT NULL DEFAULT 0; CREATE TABLE drop_log(sequence INTEGER) STRICT;`,
];

function build(path: string, sql: string): void {
  const database = new BetterSqlite(path);
  database.exec(sql);
  database.close();
}

function userVersion(path: string): unknown {
  const database = new BetterSqlite(path);
  try {
    return database.pragma('user_version', { simple: true });
  } finally {
    database.close();
  }
}

describe('migrations', () => {
  it('opens a database of the first release with all it holds', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    build(path, RELEASE_0_1);
    const owner = new Owner({ path, machineId: 'machine' });
    expect(owner.open()).toMatchObject({
      previous: { epoch: '0123456789abcdef', lastSequence: 42 },
      nextSequence: 43,
      snapshot: { version: 1, ordinal: 100 },
      journal: [{ firstOrdinal: 101, lastOrdinal: 200 }],
    });
    owner.closeWindow(sampleClose({ sequence: 43, windowOrdinal: 9, ordinal: 200 }));
    expect(owner.state()).toMatchObject({ held: 3, oldestSequence: 41, journalBlobs: 0 });
    owner.stop();
  });

  it('gives what the first release sealed no time of its own, and the new tables to what comes', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    build(path, RELEASE_0_1);
    const owner = new Owner({ path, machineId: 'machine' });
    expect(owner.open().openHealth).toEqual([]);
    expect(owner.state()).toMatchObject({ held: 2, oldestSealedMs: null, bytesPerWindow: null });
    const close = sampleClose({ sequence: 43, windowOrdinal: 9, ordinal: 200 });
    owner.closeWindow(close);
    owner.acknowledge([41, 42]);
    expect(owner.state()).toMatchObject({ oldestSealedMs: close.sealedAtMs, bytesPerWindow: 'batch 43'.length });
    const change = { atMs: 5, code: 'sensor_down', subject: 'front', change: 'began' as const, message: 'gone' };
    owner.noteHealth([change]);
    expect(owner.readHealth({ limit: 9 })).toEqual([change]);
    owner.stop();
    expect(userVersion(path)).toBe(1000 + MIGRATIONS.length);
  });

  it('lets the first release go on with what this one wrote', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    build(path, RELEASE_0_1);
    const owner = new Owner({ path, machineId: 'machine' });
    owner.open();
    owner.closeWindow(sampleClose({ sequence: 43, windowOrdinal: 9, ordinal: 200 }));
    owner.noteHealth([{ atMs: 5, code: 'uplink_down', subject: '', change: 'began', message: 'no broker' }]);
    owner.stop();
    // The statements of that release that touch what has changed since, word for word.
    build(
      path,
      `INSERT INTO outbox(sequence, window_ordinal, body) VALUES (44, 10, x'ee');
       DELETE FROM outbox WHERE sequence = 41 RETURNING LENGTH(body);
       INSERT OR REPLACE INTO dead_letter(sequence, code, message, body)
         SELECT sequence, 'schema', 'no', body FROM outbox WHERE sequence = 42;
       DELETE FROM outbox WHERE sequence = 42 RETURNING LENGTH(body);
       INSERT OR REPLACE INTO snapshot(id, version, ordinal, body) VALUES (1, 1, 300, x'ff');
       INSERT INTO meta(key, value) VALUES ('last_window', '10') ON CONFLICT(key) DO UPDATE SET value = excluded.value;`,
    );
    const again = new Owner({ path, machineId: 'machine' });
    expect(again.open()).toMatchObject({
      nextSequence: 45,
      lastWindow: 10,
      openHealth: [{ code: 'uplink_down' }],
      snapshot: { ordinal: 300, body: Buffer.of(0xff) },
    });
    expect(again.readOutbox({ after: 0, before: 99, limit: 9 }).map(({ sequence }) => sequence)).toEqual([43, 44]);
    expect(again.readDeadLetters({ after: 0, limit: 9 })).toMatchObject([{ sequence: 42, code: 'schema', atMs: null }]);
    expect(again.resend([42])).toEqual([42]);
    expect(again.state()).toMatchObject({ held: 3, oldestSequence: 42, deadLetters: 0 });
    again.stop();
  });

  it('takes the missing steps once, and an older release then works on the result', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    build(path, RELEASE_0_1);
    const database = new BetterSqlite(path);
    migrate(database, LATER);
    migrate(database, LATER);
    expect(database.prepare('SELECT sequence, priority FROM outbox').all()).toHaveLength(2);
    database.close();
    const newest = userVersion(path);
    const owner = new Owner({ path, machineId: 'machine' });
    expect(owner.open().nextSequence).toBe(43);
    owner.closeWindow(sampleClose({ sequence: 43, windowOrdinal: 9, ordinal: 200 }));
    owner.reject([{ sequence: 41, code: 'schema', message: 'no' }]);
    owner.stop();
    // Not lowered, or the newer release would take its steps again.
    expect(userVersion(path)).toBe(newest);
    expect(newest).toBe(1000 + LATER.length);
  });

  it('leaves everything as it was when a step fails', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    build(path, RELEASE_0_1);
    const database = new BetterSqlite(path);
    const failing = [...MIGRATIONS, 'CREATE TABLE half(x INTEGER) STRICT; CREATE TABLE meta(y INTEGER) STRICT;'];
    expect(() => migrate(database, failing)).toThrow('already exists');
    expect(database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'half'").get()).toBeUndefined();
    database.close();
    expect(userVersion(path)).toBe(1000 + MIGRATIONS.length);
  });

  it.each([
    ['a text file', Buffer.from('the shopping list\n'.repeat(300)), 'database_foreign'],
    ['a single byte', Buffer.from('x'), 'database_foreign'],
    ['a header and nothing sound behind it', Buffer.from('SQLite format 3\0'.repeat(600)), 'database_damaged'],
  ])('refuses %s and leaves it alone', (_name, content, expected) => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    writeFileSync(path, content);
    expect(() => new Owner({ path, machineId: 'machine' }).open()).toThrow(code(expected));
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('refuses the database of another program', () => {
    using directory = temporaryDirectory();
    const path = directory.file('other.db');
    build(path, 'CREATE TABLE photos(id INTEGER)');
    const before = readFileSync(path);
    expect(() => new Owner({ path, machineId: 'machine' }).open()).toThrow(code('database_foreign'));
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});
