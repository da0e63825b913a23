import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { checkDatabase, inspectDatabase, inspectDeadBody, inspectDeadLetters } from './inspect.ts';
import { Owner } from './owner.ts';
import { readDatabase } from './read-only.ts';
import { sampleClose, temporaryDirectory } from './samples.fixture.ts';
import type { HealthChange } from './storage.ts';

const code = (value: string) => expect.objectContaining({ code: value });
const WRITER = fileURLToPath(new URL('./writer.fixture.ts', import.meta.url));
const INSPECT = new URL('./inspect.ts', import.meta.url).href;
const ROOT = process.getuid?.() === 0;
const NOBODY = 65534;

const down: HealthChange = { atMs: 7, code: 'sensor_down', subject: 'front', change: 'began', message: 'gone' };

/** An owner of a database with two windows, the first acknowledged, and one open reason. */
function filled(path: string): Owner {
  const owner = new Owner({ path, machineId: 'machine' });
  owner.open();
  owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 1 }));
  owner.closeWindow(sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 2 }));
  owner.acknowledge([1]);
  owner.noteHealth([{ ...down, change: 'event', code: 'daemon_started', subject: '' }, down]);
  return owner;
}

/** Writes windows as this user until it is killed in the middle of it. */
async function killedWriter(path: string, user = process.getuid?.() ?? 0): Promise<void> {
  const writer = spawn(process.execPath, [WRITER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    uid: user,
    gid: user,
  });
  const exited = once(writer, 'exit');
  let said = '';
  for await (const chunk of writer.stdout) {
    said += chunk;
    if (said.split('\n').length > 30) writer.kill('SIGKILL');
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
}

/** Names, sizes, owners and content of all files beside the database. */
function fingerprint(folder: string, but = /-shm$|\.lock$/): Record<string, unknown> {
  const names = readdirSync(folder).filter((name) => !but.test(name));
  return Object.fromEntries(
    names.map((name) => [
      name,
      [statSync(`${folder}/${name}`).uid, readFileSync(`${folder}/${name}`).toString('base64')],
    ]),
  );
}

describe('inspectDatabase', () => {
  it('tells the same beside a living daemon and after its end', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a #?%20.db');
    const owner = filled(path);
    const living = inspectDatabase(path);
    expect(living).toMatchObject({
      epoch: expect.stringMatching(/^[0-9a-f]{16}$/),
      previous: null,
      status: '{"window":2}',
      outbox: {
        held: 1,
        heldBytes: 'batch 2'.length,
        oldestSequence: 2,
        oldestSealedMs: sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 2 }).sealedAtMs,
        bytesPerWindow: 'batch 2'.length,
        sealedThrough: 2,
        deadLetters: 0,
      },
      openHealth: [down],
    });
    expect(living.health.map((change) => change.code)).toEqual(['sensor_down', 'daemon_started']);
    owner.keepStatus('{"window":"last"}');
    expect(inspectDatabase(path).status).toBe('{"window":"last"}');
    owner.stop();
    const files = readdirSync(directory.path);
    const ended = inspectDatabase(path, { healthLimit: 1 });
    expect(ended).toMatchObject({ outbox: living.outbox, openHealth: [down], health: [down] });
    expect(ended.bytes).toBe(statSync(path).size);
    expect(checkDatabase(path, { deep: true })).toEqual([]);
    expect(readdirSync(directory.path)).toEqual(files);
  });

  it('reads what a killed daemon left in its log, and changes no byte of it', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    await killedWriter(path);
    const before = fingerprint(directory.path);
    expect(Object.keys(before)).toContain('a.db-wal');
    const inspection = inspectDatabase(path);
    expect(inspection.outbox.sealedThrough).toBeGreaterThan(3);
    expect(inspection.status).toBe(`{"window":${inspection.outbox.sealedThrough}}`);
    expect(checkDatabase(path, { deep: false })).toEqual([]);
    expect(fingerprint(directory.path)).toEqual(before);
    const owner = new Owner({ path, machineId: 'machine' });
    expect(owner.open().nextSequence).toBe(inspection.outbox.sealedThrough + 1);
    owner.stop();
  });

  it('reads again when a daemon starts meanwhile', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    filled(path).stop();
    const owner = new Owner({ path, machineId: 'machine' });
    const seen: number[] = [];
    const result = readDatabase(path, (reading) => {
      const [{ held }] = reading.all<{ held: number }>('SELECT COUNT(*) AS held FROM outbox');
      seen.push(held);
      if (seen.length > 1) return held;
      owner.open();
      owner.closeWindow(sampleClose({ sequence: 3, windowOrdinal: 3, ordinal: 3 }));
      throw new Error('whatever a file gives that changes under its reader');
    });
    expect([result, seen]).toEqual([2, [1, 2]]);
    owner.stop();
  });

  it('tells dead letters and what is untold as their owner does, and gives no body that is damaged', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const owner = new Owner({ path, machineId: 'machine' });
    owner.open();
    for (let n = 1; n <= 5; n++) owner.closeWindow(sampleClose({ sequence: n, windowOrdinal: n, ordinal: n }));
    owner.reject([1, 2, 3, 4].map((sequence) => ({ sequence, code: 'schema', message: `no ${sequence}` })));
    owner.drop([3, 4]);
    const look = () => {
      expect(inspectDeadLetters(path)).toEqual(letters);
      const found = inspectDeadBody(path, 2);
      // One of the two libraries gives buffers.
      expect(found && { ...found, body: Buffer.from(found.body) }).toEqual(body);
      expect(inspectDeadBody(path, 5)).toBeNull();
      expect(inspectDatabase(path).outbox).toMatchObject({ untold: { operator: 2 }, dropped: 2, deadLetters: 2 });
    };
    const letters = owner.readDeadLetters({ after: 0, limit: 9 });
    const [sealed] = owner.readDeadBodies([2]);
    const body = { ...sealed, body: Buffer.from(sealed.body) };
    expect(letters).toHaveLength(2);
    expect(owner.state()).toMatchObject({ untold: { operator: 2 }, setAside: [] });
    look();
    owner.stop();
    look();
    const database = new BetterSqlite(path);
    database.exec("UPDATE dead_letter SET body = x'00' WHERE sequence = 2");
    database.close();
    expect(inspectDeadBody(path, 2)).toBeNull();
  });

  it('reads a database of an older release and one of a newer', () => {
    using directory = temporaryDirectory();
    const old = new BetterSqlite(directory.file('old.db'));
    old.exec(`PRAGMA journal_mode = WAL;
      CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE outbox(sequence INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL) STRICT;
      INSERT INTO meta VALUES ('epoch', 'e'), ('previous_epoch', 'd'), ('previous_last_sequence', '4');
      INSERT INTO outbox VALUES (41, x'aa'), (42, x'bbbb');
      CREATE TABLE dead_letter(sequence INTEGER PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL) STRICT;
      INSERT INTO dead_letter VALUES (40, 'schema', 'no', x'cccccc');
      PRAGMA application_id = 1179928140; PRAGMA user_version = 1001;`);
    old.close();
    expect(inspectDatabase(directory.file('old.db'))).toMatchObject({
      epoch: 'e',
      previous: { epoch: 'd', lastSequence: 4 },
      status: null,
      outbox: { held: 2, heldBytes: 3, oldestSequence: 41, oldestSealedMs: null, bytesPerWindow: null, deadLetters: 1 },
      openHealth: [],
      health: [],
    });
    expect(inspectDeadLetters(directory.file('old.db'))).toEqual([
      { epoch: 'e', sequence: 40, windowOrdinal: 0, code: 'schema', message: 'no', atMs: null, bytes: 3 },
    ]);

    filled(directory.file('new.db')).stop();
    const newer = new BetterSqlite(directory.file('new.db'));
    newer.exec('ALTER TABLE health ADD COLUMN weight INTEGER NOT NULL DEFAULT 1; PRAGMA user_version = 1900;');
    newer.close();
    expect(inspectDatabase(directory.file('new.db'))).toMatchObject({ openHealth: [down], outbox: { held: 1 } });
  });

  it('reads the empty file of a daemon that got no further', () => {
    using directory = temporaryDirectory();
    writeFileSync(directory.file('a.db'), '');
    expect(inspectDatabase(directory.file('a.db'))).toMatchObject({
      epoch: null,
      outbox: { held: 0, sealedThrough: 0 },
    });
  });

  it.each([
    ['a text file', Buffer.from('the shopping list\n'.repeat(300)), 'database_foreign'],
    ['zeros', Buffer.alloc(8192), 'database_damaged'],
    ['a header and nothing sound behind it', Buffer.from('SQLite format 3\0'.repeat(600)), 'database_damaged'],
  ])('says what %s is and leaves it alone', (_name, content, expected) => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    writeFileSync(path, content);
    expect(() => inspectDatabase(path)).toThrow(code(expected));
    expect(() => checkDatabase(path, { deep: false })).toThrow(code(expected));
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('says which database is missing, is a folder, or is of another shape', () => {
    using directory = temporaryDirectory();
    expect(() => inspectDatabase(directory.file('none.db'))).toThrow(code('database_missing'));
    expect(() => inspectDatabase(directory.file('no/such/none.db'))).toThrow(code('database_missing'));
    expect(() => inspectDatabase(directory.path)).toThrow(code('database_foreign'));
    const shape = new BetterSqlite(directory.file('shape.db'));
    shape.exec('CREATE TABLE x(y); PRAGMA application_id = 1179928140; PRAGMA user_version = 2001;');
    shape.close();
    expect(() => inspectDatabase(directory.file('shape.db'))).toThrow(code('database_foreign'));
  });
});

describe('checkDatabase', () => {
  it('lists what is wrong inside', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const owner = new Owner({ path, machineId: 'machine' });
    owner.open();
    for (let n = 1; n <= 50; n++) owner.closeWindow(sampleClose({ sequence: n, windowOrdinal: n, ordinal: n }));
    owner.stop();
    // A row that its index does not know: only the deep look compares them.
    const vandal = new BetterSqlite(path);
    vandal.unsafeMode();
    vandal.pragma('writable_schema = ON');
    vandal.exec(
      "UPDATE sqlite_schema SET sql = 'CREATE INDEX history_start ON history(end_ms)' WHERE name = 'history_start'",
    );
    const root = vandal.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'history_start'").pluck().get();
    vandal.close();
    expect(checkDatabase(path, { deep: false })).toEqual([]);
    expect(checkDatabase(path, { deep: true }).join('\n')).toMatch(/history_start/);
    const content = readFileSync(path);
    content.fill(0x5a, (Number(root) - 1) * 4096, Number(root) * 4096);
    writeFileSync(path, content);
    const problems = checkDatabase(path, { deep: false });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join()).toContain(`page ${root}`);
    expect(problems.join()).not.toContain('\n');
  });
});

describe.skipIf(!ROOT)('a technician with sudo (skipped unless root)', () => {
  it.each(['with', 'without'])('leaves nothing that the daemon cannot open, %s the -shm it left', async (which) => {
    using directory = temporaryDirectory();
    chmodSync(directory.path, 0o755);
    const folder = directory.file('state');
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, NOBODY, NOBODY);
    const path = `${folder}/a.db`;
    await killedWriter(path, NOBODY);
    if (which === 'without') rmSync(`${path}-shm`);
    const before = fingerprint(folder);
    const { outbox } = inspectDatabase(path);
    checkDatabase(path, { deep: true });
    expect(fingerprint(folder)).toEqual(before);
    for (const name of readdirSync(folder)) expect([name, statSync(`${folder}/${name}`).uid]).toEqual([name, NOBODY]);
    await killedWriter(path, NOBODY);
    expect(inspectDatabase(path).outbox.sealedThrough).toBeGreaterThan(outbox.sealedThrough);
  });

  it('tells another user whose database it is', () => {
    using directory = temporaryDirectory();
    chmodSync(directory.path, 0o755);
    const folder = directory.file('state');
    filled(`${folder}/a.db`).stop();
    const asNobody = (path: string) =>
      spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `import { inspectDatabase } from ${JSON.stringify(INSPECT)};
           try { console.log(JSON.stringify(inspectDatabase(${JSON.stringify(path)}).outbox)); }
           catch ({ code, message, hint }) { console.log(JSON.stringify({ code, message, hint })); }`,
        ],
        { uid: NOBODY, gid: NOBODY, encoding: 'utf8' },
      ).stdout;
    expect(JSON.parse(asNobody(`${folder}/a.db`))).toMatchObject({
      code: 'database_denied',
      message: expect.stringContaining('root'),
      hint: expect.stringContaining('sudo'),
    });
    // A file that may be read in a folder that may not be written, as on a card that went read-only.
    chmodSync(folder, 0o755);
    chmodSync(`${folder}/a.db`, 0o644);
    expect(JSON.parse(asNobody(`${folder}/a.db`))).toMatchObject({ held: 1, sealedThrough: 2 });
  });
});
