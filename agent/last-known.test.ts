import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LastKnownDeps, lastKnown } from './last-known.ts';
import { beginRun, endRun, noteWaiting, readRunFacts } from './local/run-record.ts';
import { Owner } from './storage/owner.ts';
import { sampleClose } from './storage/samples.fixture.ts';

const NOW = 1_700_000_000_000;

let root: string;
let places: { storageDirectory: string; runtimeDirectory: string };
let path: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'footfall-known-'));
  places = { storageDirectory: join(root, 'state'), runtimeDirectory: join(root, 'run') };
  for (const folder of Object.values(places)) mkdirSync(folder);
  path = join(places.storageDirectory, 'footfall.db');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const unit = (text: string): Partial<LastKnownDeps> => ({
  nowMs: NOW + 0.5,
  showUnit: (name, properties) => {
    expect([name, properties[0]]).toEqual(['footfall.service', 'LoadState']);
    return Promise.resolve(text);
  },
});
const noSystemd: Partial<LastKnownDeps> = { nowMs: NOW, showUnit: () => Promise.resolve(null) };

const status = {
  v: 1,
  verdict: { reasons: [{ code: 'sensor_down', subject: 'front', message: '', hint: 'check the plug', since_ms: 9 }] },
  buffer: { epoch: 'e', held: 77, sealed_through: 1, uncommitted: 3 },
};

/** A database with two windows held, and one reason open, as a killed daemon leaves it. */
function filled(): Owner {
  const owner = new Owner({ path, machineId: 'machine' });
  owner.open();
  owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 1 }));
  owner.closeWindow({
    ...sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 2 }),
    status: JSON.stringify(status),
  });
  owner.noteHealth([{ atMs: 5, code: 'sensor_down', subject: 'front', change: 'began', message: 'front: gone' }]);
  return owner;
}

const start = { startedMs: NOW - 60_000, version: '0.2.0', settingsPath: null };
const runPlaces = () => ({ directory: places.storageDirectory, runtimeDirectory: places.runtimeDirectory });

describe('lastKnown', () => {
  it('knows of nothing on a box where nothing ran', async () => {
    const nowhere = { storageDirectory: join(root, 'no'), runtimeDirectory: join(root, 'none') };
    expect(await lastKnown(nowhere, noSystemd)).toEqual({
      v: 1,
      at_ms: NOW,
      started_ms: null,
      end: null,
      waiting: null,
      status: null,
      reasons: [],
      database: null,
      database_error: null,
      service: null,
    });
    expect(existsSync(nowhere.storageDirectory)).toBe(false);
  });

  it('tells why a run that is alive does not count yet, and not of one that is gone', async () => {
    mkdirSync(places.runtimeDirectory, { recursive: true });
    const facts = readRunFacts();
    const own = { ...start, pid: process.pid, bootId: facts.bootId };
    const waiting = { at_ms: NOW - 9_000, message: 'expected room to write, found a full disk', hint: 'Make some.' };
    noteWaiting(runPlaces(), own, waiting, facts);
    expect(await lastKnown(places, noSystemd)).toMatchObject({ started_ms: start.startedMs, end: null, waiting });
    noteWaiting(runPlaces(), { ...own, bootId: 'another' }, waiting, facts);
    expect(await lastKnown(places, noSystemd)).toMatchObject({ end: { how: 'power' }, waiting: null });
  });

  it('puts together the run, the kept status with the numbers of now, and what is open', async () => {
    const owner = filled();
    const facts = readRunFacts();
    beginRun(runPlaces(), { ...start, pid: process.pid, bootId: facts.bootId }, facts);
    owner.acknowledge([1]);
    owner.stop();
    const end = { how: 'stopped', at_ms: NOW - 5_000, message: 'Stopped by SIGTERM.', hint: '' } as const;
    endRun(runPlaces(), { ...start, pid: process.pid, bootId: facts.bootId }, end, facts);

    const known = await lastKnown(
      places,
      unit('LoadState=loaded\nActiveState=activating\nResult=exit-code\nNRestarts=117\n'),
    );
    expect(known).toMatchObject({
      at_ms: NOW,
      started_ms: start.startedMs,
      end,
      reasons: [{ code: 'sensor_down', subject: 'front', message: 'front: gone', hint: 'check the plug', since_ms: 5 }],
      database: { path, held: 1, held_bytes: 7, oldest_sequence: 2, sealed_through: 2, dead_letters: 0 },
      database_error: null,
      service: { unit: 'footfall.service', active: 'activating', result: 'exit-code', restarts: 117 },
    });
    expect(known.status?.buffer).toMatchObject({ epoch: 'e', held: 1, sealed_through: 2, uncommitted: 3 });
    expect(readdirSync(places.storageDirectory).sort()).toEqual([
      'footfall.db',
      'footfall.db.identity',
      'footfall.db.lock',
      'run.json',
    ]);
  });

  it('tells a daemon that hangs from one that was killed, by its process', async () => {
    filled().stop();
    const facts = readRunFacts();
    const own = { ...start, pid: process.pid, bootId: facts.bootId };
    beginRun(runPlaces(), own, facts);
    expect((await lastKnown(places, noSystemd)).end).toBeNull();
    // The same number, started at another time.
    beginRun(runPlaces(), own, { ...facts, processStart: () => '1' });
    const oom = unit('LoadState=loaded\nActiveState=failed\nResult=oom-kill\nNRestarts=1\n');
    expect((await lastKnown(places, oom)).end).toMatchObject({ how: 'killed', at_ms: null });
    expect((await lastKnown(places, oom)).end?.message).toContain('oom-kill');
    beginRun(runPlaces(), { ...own, bootId: 'another boot' }, facts);
    expect((await lastKnown(places, noSystemd)).end).toMatchObject({ how: 'power' });
  });

  it.each([
    ['damaged', Buffer.alloc(8192), 'database_damaged'],
    ["somebody's file", Buffer.from('shopping list\n'.repeat(100)), 'database_foreign'],
  ])('tells why a database that is %s cannot be read', async (_name, content, code) => {
    writeFileSync(path, content);
    const known = await lastKnown(places, noSystemd);
    expect(known).toMatchObject({ database: null, status: null, reasons: [], database_error: { code } });
    expect(known.database_error?.hint).not.toBe('');
  });

  it.each(['', '{', 'null', '{"v":2}', '{"v":1}'])('takes %j for no status', async (text) => {
    const owner = filled();
    owner.keepStatus(text);
    owner.stop();
    const known = await lastKnown(places, noSystemd);
    expect(known).toMatchObject({ status: null, database: { held: 2 }, reasons: [{ code: 'sensor_down', hint: '' }] });
  });

  it('knows no service where systemd knows no unit, hangs or is not there', async () => {
    const missing = unit('LoadState=not-found\nActiveState=inactive\nResult=success\nNRestarts=0\n');
    expect((await lastKnown(places, missing)).service).toBeNull();
    const broken: Partial<LastKnownDeps> = { nowMs: NOW, showUnit: () => Promise.reject(new Error('bus')) };
    expect((await lastKnown(places, broken)).service).toBeNull();
  });

  it('asks the systemctl of the machine, and gives up on one that hangs', { timeout: 10_000 }, async () => {
    const bin = join(root, 'bin');
    mkdirSync(bin);
    const before = process.env.PATH;
    const plant = (script: string): void => {
      writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\n${script}\n`);
      chmodSync(join(bin, 'systemctl'), 0o755);
    };
    try {
      process.env.PATH = `${bin}:${before}`;
      plant('test "$1 $2 $3" = "show footfall.service -p" && echo LoadState=loaded && echo ActiveState=failed');
      expect((await lastKnown(places)).service).toEqual({
        unit: 'footfall.service',
        active: 'failed',
        result: '',
        restarts: 0,
      });
      plant('exec sleep 60');
      expect((await lastKnown(places)).service).toBeNull();
    } finally {
      process.env.PATH = before;
    }
  });
});
