import { copyFileSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import {
  fileMark,
  type Identity,
  identityText,
  parseIdentity,
  readIdentity,
  sameFile,
  writeIdentity,
} from './identity.ts';
import { temporaryDirectory } from './samples.fixture.ts';

const IDENTITY: Identity = {
  epochs: [
    { epoch: '0123456789abcdef', from: 1 },
    { epoch: 'fedcba9876543210', from: 42 },
  ],
  sealedThrough: 77,
  oldestKept: 40,
  lastClose: { window: 70, atMs: 1_795_354_545_080 },
  file: '12/1795354545080227400',
  rest: null,
};

describe('the identity beside a database', () => {
  it('comes back as it was written, in a file for its owner alone', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    expect(readIdentity(path)).toBeNull();
    writeIdentity(path, { ...IDENTITY, sealedThrough: 76 });
    writeIdentity(path, IDENTITY);
    expect(readIdentity(path)).toEqual(IDENTITY);
    expect(statSync(`${path}.identity`).mode & 0o777).toBe(0o600);
    const rested = { ...IDENTITY, rest: { held: '3/9', dead: '0/0', changed: 5 } };
    writeIdentity(path, rested);
    expect(readIdentity(path)).toEqual(rested);
  });

  it('is not believed with any byte changed, cut or added', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const text = identityText(IDENTITY);
    for (let at = 0; at < text.length - 1; at++) {
      const changed = Buffer.from(text);
      changed[at] ^= 1;
      writeFileSync(`${path}.identity`, changed);
      // White space and the like may change; what is told may not.
      expect(readIdentity(path) ?? IDENTITY).toEqual(IDENTITY);
      writeFileSync(`${path}.identity`, text.slice(0, at));
      expect(readIdentity(path)).toBeNull();
    }
    for (const other of ['null', '[]', '{}', '{"format":1}', '7']) {
      writeFileSync(`${path}.identity`, other);
      expect(readIdentity(path)).toBeNull();
    }
  });

  it('is not believed when what it says cannot be', () => {
    const epochs = [IDENTITY.epochs[1], IDENTITY.epochs[0]];
    for (const wrong of [{ epochs: [] }, { epochs }, { sealedThrough: -1 }, { oldestKept: 0.5 }]) {
      expect(parseIdentity(identityText({ ...IDENTITY, ...wrong }))).toBeNull();
    }
    expect(parseIdentity(identityText(IDENTITY))).toEqual(IDENTITY);
  });
});

describe('the mark of a file', () => {
  it('stays through writing, VACUUM and a rename, and is another for a copy in the same place', async () => {
    using directory = temporaryDirectory();
    const [path, other] = [directory.file('a.db'), directory.file('b.db')];
    const database = new BetterSqlite(path);
    database.exec(
      'PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(100000)); DELETE FROM t',
    );
    await tick(path);
    const mark = fileMark(path);
    database.exec('VACUUM');
    database.close();
    expect(sameFile(mark, fileMark(path))).toBe(true);
    renameSync(path, other);
    expect(sameFile(mark, fileMark(other))).toBe(true);
    copyFileSync(other, path);
    rmSync(other);
    copyFileSync(path, other);
    await tick(other);
    expect(sameFile(mark, fileMark(other))).toBe(false);
    expect(readFileSync(other).equals(readFileSync(path))).toBe(true);
  });

  it.each([
    ['5/100', '5/100', true],
    ['5/100', '5/101', false],
    // A file system that makes inodes up at each mount.
    ['5/100', '6/100', true],
    // One without birth times.
    ['5/0', '5/0', true],
    ['5/0', '6/0', false],
    // The system began or ceased to tell them.
    ['5/0', '5/100', true],
    ['5/100', '6/0', false],
  ])('%s and %s: the same file %s', (one, other, expected) => {
    expect(sameFile(one, other)).toBe(expected);
  });
});

/** Waits until the file system's clock has gone on since the file was made, then writes to it. */
async function tick(path: string): Promise<void> {
  const { birthtimeNs } = statSync(path, { bigint: true });
  const probe = `${path}.probe`;
  do writeFileSync(probe, '');
  while (statSync(probe, { bigint: true }).ctimeNs <= birthtimeNs);
  writeFileSync(path, readFileSync(path));
}
