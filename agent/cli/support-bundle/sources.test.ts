import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesUnder, type Machine, type ProgramResult } from '../../doctor/machine.ts';
import { lookOver } from './collect.ts';
import { daemonSources } from './daemon-sources.ts';
import { databaseStatistics, healthIn } from './database.ts';
import { findPlaces } from './places.ts';
import { ownAddresses, systemSources, withoutEnvironment } from './system-sources.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sources-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A machine whose files are those under `root`, and whose programs say what is given. */
function machine(programs: Record<string, Partial<ProgramResult>>): Machine {
  return {
    ...filesUnder(root),
    nodeVersion: '24.21.0',
    nodePath: '/usr/bin/node',
    architecture: 'arm64',
    user: { uid: 0, gids: [0] },
    run: async (program) => ({
      ...{ code: null, out: '', err: '', failure: programs[program] === undefined ? 'missing' : null },
      ...programs[program],
    }),
  };
}

async function gathered(name: string, on: Machine): Promise<string> {
  const places = await findPlaces({ settings: join(root, 'none.yaml'), socket: '/none.sock' }, {});
  const source = systemSources(places, on).find((each) => each.name === name);
  if (source === undefined) throw new Error(`no source ${name}`);
  return source.gather();
}

describe('the system', () => {
  it('tells devices without their serial numbers and addresses', async () => {
    write('/sys/bus/usb/devices/1-1/idVendor', '1a86\n');
    write('/sys/bus/usb/devices/1-1/product', 'USB Serial\n');
    write('/sys/bus/usb/devices/1-1/serial', 'SN-0815\n');
    write('/sys/class/net/wlan0/operstate', 'up\n');
    write('/sys/class/net/wlan0/address', '02:11:22:33:44:5a\n');
    const on = machine({});
    const text = await gathered('system/devices.json', on);
    expect(JSON.parse(text)).toMatchObject({
      usb: [{ name: '1-1', idVendor: '1a86', product: 'USB Serial' }],
      network: [{ name: 'wlan0', state: 'up' }],
    });
    expect(text).not.toMatch(/SN-0815|44:5a/);
    expect(await ownAddresses(on)).toEqual(new Set(['02112233445a']));
  });

  it('keeps of the kernel’s log what a box with serial lines fails by', async () => {
    const out = [
      'box kernel: usb 1-1: USB disconnect, device number 4',
      'box kernel: usb 1-1: SerialNumber: SN-0815',
      'box kernel: wlan0: authenticate with 02:11:22:33:44:5a',
      'box kernel: ch341-uart ttyUSB0: ch341-uart converter now disconnected',
      'box kernel: EXT4-fs error (device mmcblk0p2)',
    ].join('\n');
    const text = await gathered('system/kernel.txt', machine({ journalctl: { code: 0, out } }));
    expect(text.trim().split('\n')).toHaveLength(4);
    expect(text).not.toMatch(/SN-0815|wlan0/);
  });

  it('says why a part cannot be had', async () => {
    await expect(gathered('system/kernel.txt', machine({}))).rejects.toThrow('journalctl: missing');
    const refused = machine({ systemctl: { code: 4, err: 'Unit footfall.service could not be found.\n' } });
    await expect(gathered('system/service.txt', refused)).rejects.toThrow('could not be found');
    await expect(gathered('system/kernel.txt', machine({ journalctl: { code: 0 } }))).rejects.toThrow('nothing');
  });

  it('leaves out the environment of the unit, where a password may stand', () => {
    const shown =
      'Id=footfall.service\nEnvironment=FOOTFALL_BROKER_PASSWORD=hunter22\nSetCredential=broker-password:x\nUser=footfall\n';
    expect(withoutEnvironment(shown)).toBe(
      'Id=footfall.service\nEnvironment=(left out)\nSetCredential=(left out)\nUser=footfall\n',
    );
  });
});

describe('the database', () => {
  it('is counted, not copied, and no file is made beside it', () => {
    const path = join(root, 'footfall.db');
    const made = new DatabaseSync(path);
    made.exec(`PRAGMA journal_mode = WAL; CREATE TABLE journal (body BLOB); CREATE TABLE "odd ""name" (x);
      INSERT INTO journal VALUES (x'0102'), (x'0304');
      CREATE TABLE health (id INTEGER PRIMARY KEY, at_ms, code, subject, change, message);
      INSERT INTO health (at_ms, code, subject, change, message) VALUES (1, 'a', '', 'began', 'x'), (2, 'b', '', 'ended', 'y')`);
    made.close();
    expect(databaseStatistics(path)).toMatchObject({
      files: { wal: null, shm: null },
      page_bytes: 4096,
      rows: { journal: 2, 'odd "name': 0, health: 2 },
    });
    expect(healthIn(path, 1)).toEqual([{ at_ms: 2, code: 'b', subject: '', change: 'ended', message: 'y' }]);
    expect(readdirSync(root)).toEqual(['footfall.db']);
  });

  it('is told with its gaps and dead letters by reason, none of their bytes', () => {
    const path = join(root, 'footfall.db');
    const made = new DatabaseSync(path);
    made.exec(`CREATE TABLE gap (id INTEGER PRIMARY KEY, epoch, from_sequence, to_sequence, reason, told_in);
      INSERT INTO gap VALUES (1, 'e', 3, 7, 'buffer_full', 12), (2, 'e', 9, 9, 'buffer_full', NULL), (3, 'd', 1, 2, 'damaged', 12);
      CREATE TABLE dead_letter (sequence INTEGER PRIMARY KEY, code, message, body BLOB);
      INSERT INTO dead_letter VALUES (20, 'schema', 'secret words', x'010203'), (21, 'schema', '', x'04'), (22, 'conflict', '', x'')`);
    made.close();
    const found = databaseStatistics(path);
    expect(found.gaps).toEqual([
      { reason: 'buffer_full', ranges: 2, sequences: 6, not_sealed: 1 },
      { reason: 'damaged', ranges: 1, sequences: 2, not_sealed: 0 },
    ]);
    expect(found.dead_letters).toEqual([
      { code: 'conflict', batches: 1, bytes: 0 },
      { code: 'schema', batches: 2, bytes: 4 },
    ]);
    expect(JSON.stringify(found)).not.toMatch(/secret words/);
    const old = join(root, 'old.db');
    new DatabaseSync(old).close();
    expect(databaseStatistics(old)).toMatchObject({ gaps: [], dead_letters: [] });
  });

  it('is told with what lies beside it, itself readable or not', async () => {
    write('/data/footfall.db.damaged-2', 'a whole database with hashes');
    write('/data/footfall.db.damaged-2-wal', 'log');
    const identity = { format: 1, epochs: [{ epoch: '0123456789abcdef', from: 1 }], sealed_through: 7, file: '42/1' };
    write('/data/footfall.db.identity', JSON.stringify(identity));
    const settings = { settings: join(root, 'none.yaml'), socket: '/none.sock' };
    const files = async (directory: string) => {
      const places = await findPlaces(settings, { STATE_DIRECTORY: directory });
      const sources = daemonSources(places, machine({}));
      return sources.find(({ name }) => name === 'database-files.json')?.gather() ?? '';
    };
    const text = await files('/data');
    expect(JSON.parse(text)).toEqual({
      identity: { epochs: [{ epoch: '0123456789abcdef', from: 1 }], sealed_through: 7 },
      set_aside: [
        {
          number: 2,
          modified_ms: expect.any(Number),
          files: [
            { path: '/data/footfall.db.damaged-2', bytes: 28 },
            { path: '/data/footfall.db.damaged-2-wal', bytes: 3 },
          ],
        },
      ],
      being_set_aside: null,
    });
    expect(text).not.toContain('hashes');
    write('/data/footfall.db.identity', 'torn');
    write('/data/footfall.db.quarantine', JSON.stringify({ number: 3, found: 'a torn page' }));
    expect(JSON.parse(await files('/data'))).toMatchObject({ identity: 'damaged', being_set_aside: 'a torn page' });
    write('/empty/x', '');
    expect(JSON.parse(await files('/empty'))).toEqual({ identity: null, set_aside: [], being_set_aside: null });
    await expect(files('/nowhere')).rejects.toThrow('ENOENT');
  });

  it('is read beside whoever has it open', () => {
    const path = join(root, 'footfall.db');
    const open = new DatabaseSync(path);
    open.exec("PRAGMA journal_mode = WAL; CREATE TABLE outbox (x); INSERT INTO outbox VALUES ('in the log')");
    expect(databaseStatistics(path)).toMatchObject({ journal_mode: 'wal', rows: { outbox: 1 } });
    expect(healthIn(path, 5)).toEqual([]);
    open.close();
  });
});

describe('the last look', () => {
  it('takes out what slipped through, and counts it', () => {
    const own = new Set(['02112233445a']);
    const text = 'login mqtts://u:p@h as Tr0ub4dor; aa:bb:cc:dd:ee:0f on enx02112233445a {"ssid":"Office"}';
    const { text: clean, masked } = lookOver(text, ['Tr0ub4dor'], { own, harmless: new Set() });
    expect(masked).toEqual({ addresses: 1, networks: 1, secrets: 2, own_addresses: 1 });
    expect(clean).not.toMatch(/u:p|Tr0ub|aa:bb|0211|Office/);
  });
});
