import { closeSync, existsSync, openSync, readdirSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { canMount, mounted } from './mounted.fixture.ts';
import { Owner } from './owner.ts';
import { sampleClose, temporaryDirectory } from './samples.fixture.ts';
import type { Gap, WindowClose } from './storage.ts';

const ALL = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 1_000_000 };
const MIB = 1024 * 1024;
const code = (value: string) => expect.objectContaining({ code: value });

function close(sequence: number, bytes = 6_000): WindowClose {
  const sample = sampleClose({ sequence, windowOrdinal: sequence, ordinal: sequence });
  sample.batches[0].body = new Uint8Array(bytes).fill(sequence);
  return sample;
}

function sequencesOf(owner: Owner, gaps: Gap[]): number[] {
  const held = owner.readOutbox(ALL).map(({ sequence }) => sequence);
  const gone = gaps.flatMap(({ fromSequence, toSequence }) =>
    Array.from({ length: toSequence - fromSequence + 1 }, (_, index) => fromSequence + index),
  );
  return [...held, ...gone].sort((a, b) => a - b);
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe.skipIf(!canMount('tmpfs'))('a full disk (skipped where no tmpfs can be mounted)', () => {
  it('is gone on with in the room of the oldest windows, however long it stays full', { timeout: 60_000 }, () => {
    using disk = mounted('tmpfs', 12);
    const path = join(disk.folder, 'a.db');
    const owner = new Owner({ path, machineId: 'machine', bounds: { bytes: 8 * MIB, windows: 1e6 } });
    owner.open();
    for (let n = 1; n <= 50; n++) owner.closeWindow(close(n));
    expect(statSync(`${path}.ballast`).size).toBe(MIB);
    disk.fill();
    let gaps: Gap[] = [];
    for (let n = 51; n <= 250; n++) gaps = owner.closeWindow(close(n));
    expect(existsSync(`${path}.ballast`)).toBe(false);
    // Somebody takes the room that the ballast gave.
    disk.free();
    disk.fill();
    for (let n = 251; n <= 500; n++) {
      gaps = owner.closeWindow(close(n));
      owner.commit({ firstOrdinal: n + 1, lastOrdinal: n + 1, body: new Uint8Array(500) });
    }
    expect(statfsSync(disk.folder).bavail).toBe(0);
    expect(new Set(gaps.map(({ reason }) => reason))).toEqual(new Set(['disk_full']));
    expect(sequencesOf(owner, gaps)).toEqual(upTo(500));
    const { held } = owner.state();
    expect(held).toBeGreaterThan(30);

    disk.free();
    for (let n = 501; n <= 800; n++) gaps = owner.closeWindow(close(n));
    expect(statSync(`${path}.ballast`).size).toBe(MIB);
    expect(owner.state().held).toBe(held + 300);
    expect(sequencesOf(owner, gaps)).toEqual(upTo(800));
    owner.stop();
  });

  it('loses nothing where dropping does not help, and a repeated close then succeeds', () => {
    using disk = mounted('tmpfs', 8);
    // Too small for a ballast.
    const bounds = { bytes: 64 * MIB, windows: 1e6 };
    const owner = new Owner({ path: join(disk.folder, 'a.db'), machineId: 'machine', bounds });
    owner.open();
    for (let n = 1; n <= 20; n++) owner.closeWindow(close(n));
    disk.fill();
    const before = owner.state();
    for (let tries = 0; tries < 3; tries++)
      expect(() => owner.closeWindow(close(21, 2 * MIB))).toThrow(code('storage_full'));
    expect({ ...owner.state(), databaseBytes: before.databaseBytes }).toEqual(before);
    expect(sequencesOf(owner, [])).toEqual(upTo(20));
    disk.free();
    expect(owner.closeWindow(close(21, MIB))).toEqual([]);
    expect(sequencesOf(owner, [])).toEqual(upTo(21));
    owner.stop();
  });

  it('takes an acknowledgement in the room of the ballast, and drops nothing for it', () => {
    using disk = mounted('tmpfs', 12);
    const path = join(disk.folder, 'a.db');
    const owner = new Owner({ path, machineId: 'machine', bounds: { bytes: 8 * MIB, windows: 1e6 } });
    owner.open();
    for (let n = 1; n <= 60; n++) owner.closeWindow(close(n));
    disk.fill();
    for (let n = 1; n <= 60; n++) owner.acknowledge([n]);
    expect(owner.state()).toMatchObject({ held: 0, dropped: 0 });
    owner.stop();
  });
});

describe.skipIf(!canMount('ext4'))('a medium that fails (skipped where no image can be mounted)', () => {
  it('is let go of, so that it can be unmounted, and used again when it answers', { timeout: 60_000 }, () => {
    using disk = mounted('ext4', 16);
    const path = join(disk.folder, 'a.db');
    const owner = new Owner({ path, machineId: 'machine', bounds: { bytes: 8 * MIB, windows: 1e6 } });
    const { epoch } = owner.open();
    owner.closeWindow(close(1));
    const fails = (how = /^storage_(io|failed|read_only)$/) => {
      const told = expect.objectContaining({ code: expect.stringMatching(how) });
      expect(() => owner.closeWindow(close(2))).toThrow(told);
      expect(() => owner.state()).toThrow(told);
      expect(() => owner.readOutbox(ALL)).toThrow(told);
      expect(() => owner.commit({ firstOrdinal: 9, lastOrdinal: 9, body: Uint8Array.of(1) })).toThrow(told);
    };
    // Writing gives an error of input and output.
    disk.freeze('a.db-wal', true);
    fails();
    disk.freeze('a.db-wal', false);
    // Not mounted: no new database may be begun in the empty folder.
    disk.unmount();
    fails();
    expect(readdirSync(disk.folder)).toEqual([]);
    disk.mount('ro');
    fails(/^storage_read_only$/);
    disk.unmount();
    disk.mount();
    owner.closeWindow(close(2));
    expect(owner.readOutbox(ALL)).toMatchObject([
      { sequence: 1, epoch },
      { sequence: 2, epoch },
    ]);
    owner.stop();
    disk.unmount();
  });

  it('is not taken for the same where another database lies on it then', () => {
    using disk = mounted('ext4', 16);
    const path = join(disk.folder, 'a.db');
    const owner = new Owner({ path, machineId: 'machine' });
    owner.open();
    owner.closeWindow(close(1));
    disk.freeze('a.db-wal', true);
    expect(() => owner.closeWindow(close(2))).toThrow(code('storage_io'));
    disk.freeze('a.db-wal', false);
    for (const name of readdirSync(disk.folder).filter((name) => name.startsWith('a.db'))) {
      rmSync(join(disk.folder, name));
    }
    const stranger = new Owner({ path, machineId: 'machine' });
    stranger.open();
    stranger.stop();
    expect(() => owner.closeWindow(close(2))).toThrow(/another|that of [0-9a-f]{16}/);
    expect(stranger.open()).toMatchObject({ nextSequence: 1 });
    stranger.stop();
  });
});

describe('a damaged database', () => {
  it('is not written to any more once a reader met the damage, until it is renewed', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const owner = new Owner({ path, machineId: 'machine' });
    owner.open();
    owner.closeWindow(close(1));
    owner.noteHealth([{ atMs: 1, code: 'sensor_down', subject: 'front', change: 'began', message: 'gone' }]);
    owner.stop();
    const { epoch } = owner.open();
    const database = new BetterSqlite(path, { readonly: true });
    const root = Number(database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'health'").pluck().get());
    database.close();
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(4096, 0x5a), 0, 4096, (root - 1) * 4096);
    closeSync(file);
    owner.commit({ firstOrdinal: 2, lastOrdinal: 2, body: Uint8Array.of(1) });
    expect(() => owner.readHealth({ limit: 9 })).toThrow(code('database_damaged'));
    for (let tries = 0; tries < 2; tries++) {
      expect(() => owner.commit({ firstOrdinal: 3, lastOrdinal: 3, body: Uint8Array.of(1) })).toThrow(
        code('database_damaged'),
      );
      expect(() => owner.closeWindow(close(2))).toThrow(code('database_damaged'));
    }
    const renewed = owner.renew('damaged');
    expect(renewed).toMatchObject({ origin: 'damaged', firstSequence: 2, nextSequence: 2 });
    expect(renewed.epoch).not.toBe(epoch);
    owner.closeWindow(close(2));
    expect(owner.readOutbox(ALL)).toMatchObject([
      { sequence: 1, epoch },
      { sequence: 2, epoch: renewed.epoch },
    ]);
    owner.stop();
  });
});
