import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import {
  accountFor,
  closeOf,
  MACHINE,
  nothing,
  OpenOwner,
  quickDirectory,
  sealMore,
  type Truth,
} from './damage.fixture.ts';
import { splitByEpoch } from './epoch.ts';
import { sampleClose } from './samples.fixture.ts';
import type { Opened } from './storage.ts';

function run<T>(path: string, work: (owner: OpenOwner, opened: Opened) => T, machineId = MACHINE): T {
  const owner = new OpenOwner({ path, machineId });
  try {
    return work(owner, owner.open());
  } finally {
    owner.stop();
  }
}

function seal(path: string, truth: Truth, count: number, machineId = MACHINE): Opened {
  const work = (owner: OpenOwner, opened: Opened): Opened => {
    sealMore(owner, opened, truth, count);
    return opened;
  };
  return run(path, work, machineId);
}

/** Copies once the file system's clock has gone on, as it has in life. */
function copy(from: string, to: string): void {
  const { birthtimeNs } = statSync(from, { bigint: true });
  do copyFileSync(from, to);
  while (statSync(to, { bigint: true }).ctimeNs <= birthtimeNs);
  for (const made = statSync(to, { bigint: true }).birthtimeNs; statSync(to, { bigint: true }).ctimeNs === made; ) {
    writeFileSync(to, readFileSync(from));
  }
}

const held = (owner: OpenOwner) =>
  owner
    .readOutbox({ after: 0, before: Number.POSITIVE_INFINITY, limit: 100 })
    .map(({ epoch, sequence }) => [epoch, sequence]);

describe('an epoch', () => {
  it('is kept as long as the database lives, also under another name', () => {
    using directory = quickDirectory();
    const path = directory.file('a.db');
    const truth = nothing();
    const first = seal(path, truth, 2);
    const again = seal(path, truth, 2);
    expect(again).toMatchObject({
      epoch: first.epoch,
      origin: 'kept',
      previous: null,
      firstSequence: 1,
      nextSequence: 3,
    });
    renameSync(path, directory.file('b.db'));
    expect(seal(directory.file('b.db'), truth, 1)).toMatchObject({ epoch: first.epoch, origin: 'kept' });
  });

  it('ends on another machine, and again on the next: what is held goes on under the epoch that sealed it', () => {
    using directory = quickDirectory();
    const path = directory.file('a.db');
    const truth = nothing();
    const epochs = ['one', 'two', 'three', 'three'].map((machine, index) => {
      const opened = seal(path, truth, 2, machine);
      expect(opened).toMatchObject({
        origin: ['new', 'moved', 'moved', 'kept'][index],
        nextSequence: 2 * index + 1,
        firstSequence: [1, 3, 5, 5][index],
        gaps: [],
      });
      return opened.epoch;
    });
    run(
      path,
      (owner, opened) => {
        expect(held(owner)).toEqual([0, 0, 1, 1, 2, 2, 2, 2].map((index, at) => [epochs[index], at + 1]));
        expect(opened.previous).toEqual({ epoch: epochs[1], lastSequence: 4, end: 'moved' });
        owner.acknowledge([1, 2]);
        owner.reject([{ sequence: 3, code: 'schema', message: '' }]);
        expect(owner.readDeadLetters({ after: 0, limit: 9 })).toMatchObject([{ epoch: epochs[1], sequence: 3 }]);
        expect(owner.state()).toMatchObject({ oldestOfEpoch: 5, oldestOfPrevious: 4 });
      },
      'three',
    );
  });

  it('ends in a copy, in its own place or another, and in a copy of the copy', () => {
    using directory = quickDirectory();
    const [path, backup] = [directory.file('a.db'), directory.file('backup.db')];
    const truth = nothing();
    const { epoch } = seal(path, truth, 3);
    copy(path, backup);
    const copied = seal(backup, truth, 1);
    expect(copied).toMatchObject({
      origin: 'restored',
      previous: { epoch, lastSequence: 3, end: 'restored' },
      firstSequence: 4,
    });
    rmSync(path);
    copy(backup, path);
    const back = seal(path, truth, 1);
    expect(back).toMatchObject({
      origin: 'restored',
      previous: { epoch: copied.epoch, lastSequence: 4, end: 'restored' },
    });
    expect(accountFor(path, truth)).toMatchObject({ missing: [], forged: [] });
  });

  it('ends where an older copy was written over the database, and numbers on from what that had sealed', () => {
    using directory = quickDirectory();
    const path = directory.file('a.db');
    const truth = nothing();
    const { epoch } = seal(path, truth, 3);
    const older = readFileSync(path);
    seal(path, truth, 4);
    const { ino } = statSync(path);
    writeFileSync(path, older);
    expect(statSync(path).ino).toBe(ino);
    run(path, (owner, opened) => {
      expect(opened).toMatchObject({
        origin: 'restored',
        previous: { epoch, lastSequence: 7, end: 'restored' },
        firstSequence: 8,
        nextSequence: 8,
        sealedBefore: { window: 7, atMs: sampleClose({ sequence: 7, windowOrdinal: 7, ordinal: 7 }).sealedAtMs },
        gaps: [{ epoch, fromSequence: 4, toSequence: 7, reason: 'damaged', toldIn: null }],
      });
      expect(held(owner)).toEqual([1, 2, 3].map((sequence) => [epoch, sequence]));
      expect(owner.state()).toMatchObject({ dropped: 4, oldestOfPrevious: 1, oldestOfEpoch: null });
    });
    // Once: the identity has caught up.
    expect(seal(path, truth, 1)).toMatchObject({ origin: 'kept', nextSequence: 8 });
    expect(accountFor(path, truth)).toMatchObject({ missing: [], forged: [] });
  });

  it('of a database of an epoch before the last one is no less old', () => {
    using directory = quickDirectory();
    const path = directory.file('a.db');
    const truth = nothing();
    const { epoch } = seal(path, truth, 3, 'one');
    const older = readFileSync(path);
    const second = seal(path, truth, 4, 'two');
    writeFileSync(path, older);
    const opened = seal(path, truth, 1, 'two');
    expect(opened).toMatchObject({
      origin: 'moved',
      previous: { epoch: second.epoch, lastSequence: 7 },
      firstSequence: 8,
      gaps: [{ epoch: second.epoch, fromSequence: 4, toSequence: 7 }],
    });
    const { missing, forged, held: batches } = accountFor(path, truth, 'two');
    expect({ missing, forged }).toEqual({ missing: [], forged: [] });
    expect(batches.filter((batch) => batch.epoch === epoch)).toHaveLength(3);
  });

  it('survives a crash before its identity is written, and the loss of that', () => {
    using directory = quickDirectory();
    const path = directory.file('a.db');
    const truth = nothing();
    const { epoch } = seal(path, truth, 3, 'one');
    const identity = readFileSync(`${path}.identity`);
    const second = seal(path, truth, 1, 'two');
    writeFileSync(`${path}.identity`, identity);
    expect(seal(path, truth, 1, 'two')).toMatchObject({ epoch: second.epoch, origin: 'kept', gaps: [] });
    rmSync(`${path}.identity`);
    expect(seal(path, truth, 1, 'two')).toMatchObject({ epoch: second.epoch, origin: 'kept', previous: { epoch } });
    expect(existsSync(`${path}.identity`)).toBe(true);
  });

  it('ends when the centre knows its sequences from elsewhere', () => {
    using directory = quickDirectory();
    const path = directory.file('a.db');
    const truth = nothing();
    run(path, (owner, opened) => {
      sealMore(owner, opened, truth, 3);
      const renewed = owner.renew('restored');
      expect(renewed).toMatchObject({
        origin: 'restored',
        quarantined: null,
        previous: { epoch: opened.epoch, lastSequence: 3, end: 'restored' },
        firstSequence: 4,
        lastWindow: 3,
        snapshot: { ordinal: 3 },
      });
      owner.closeWindow(closeOf(truth, renewed.epoch, 4));
      expect(held(owner)).toEqual([1, 2, 3, 4].map((n) => [n < 4 ? opened.epoch : renewed.epoch, n]));
    });
    expect(accountFor(path, truth)).toMatchObject({ missing: [], forged: [] });
  });

  it('with a flipped digit is damage, not a move', () => {
    using directory = quickDirectory();
    const path = directory.file('a.db');
    const truth = nothing();
    const { epoch } = seal(path, truth, 3);
    const database = new BetterSqlite(path);
    database
      .prepare("UPDATE meta SET value = ? WHERE key = 'epoch'")
      .run(epoch.replace(/^./, epoch[0] === '0' ? '1' : '0'));
    database.close();
    const { opened, missing, forged } = accountFor(path, truth);
    expect(opened).toMatchObject({ origin: 'damaged', previous: { epoch, lastSequence: 3 } });
    expect({ missing, forged }).toEqual({ missing: [], forged: [] });
    expect(opened.quarantined?.salvaged.batches).toBe(3);
  });

  it('is told of each sequence by where the next one begins', () => {
    const epochs = [
      { epoch: 'a', from: 10 },
      { epoch: 'b', from: 20 },
      { epoch: 'c', from: 20 },
      { epoch: 'd', from: 30 },
    ];
    expect(splitByEpoch(epochs, 5, 40)).toEqual([
      { epoch: 'a', fromSequence: 5, toSequence: 19 },
      { epoch: 'c', fromSequence: 20, toSequence: 29 },
      { epoch: 'd', fromSequence: 30, toSequence: 40 },
    ]);
    expect(splitByEpoch(epochs, 21, 22)).toEqual([{ epoch: 'c', fromSequence: 21, toSequence: 22 }]);
    expect(splitByEpoch([], 1, 2)).toEqual([]);
  });
});
