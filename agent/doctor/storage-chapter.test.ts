import { describe, expect, it } from 'vitest';
import { findingsOf, only, type Preparation, SETTINGS_PATH, settingsText } from './machine.testing.ts';

const DIRECTORY = '/var/lib/footfall';
const MOUNTS = {
  '/proc/mounts': 'proc /proc proc rw 0 0\n/dev/mmcblk0p2 / ext4 rw,noatime 0 0\ntmpfs /run tmpfs rw 0 0\n',
};
const READY: Preparation = {
  files: MOUNTS,
  directories: [DIRECTORY],
  facts: { [DIRECTORY]: { kind: 'directory', mode: 0o700 } },
};

const storage = (prepared: Preparation) => findingsOf('storage', { ...READY, ...prepared });
const space = (freeBytes: number, totalBytes = 32e9) => ({
  machine: { statfs: async () => ({ freeBytes, totalBytes }) },
});

describe('the storage of a box', () => {
  it('is well on a disk with room, before the first start too', async () => {
    const findings = await storage({});
    expect(findings.map(({ check, outcome }) => [check, outcome])).toEqual([
      ['storage_directory', 'ok'],
      ['file_system', 'ok'],
      ['free_space', 'ok'],
      ['sync_time', 'ok'],
      ['database', 'skipped'],
    ]);
  });

  it('may be missing where the daemon can make it, else not', async () => {
    const missing: Preparation = { directories: ['/var/lib'] };
    expect(only(await storage(missing), 'storage_directory')).toMatchObject({ outcome: 'skipped' });
    const user = { ...missing, machine: { user: { uid: 1000, gids: [1000] } } };
    expect(only(await storage(user), 'storage_directory')).toMatchObject({
      outcome: 'error',
      found: 'not there, and 1000 may not make it in /var/lib',
      mend: expect.stringContaining(`install -d -m 0700 -o 1000 ${DIRECTORY}`),
    });
  });

  it("belongs to the daemon's user, and to nobody else", async () => {
    const unit = { 'systemctl show': { out: 'LoadState=loaded\nUser=footfall\n' } };
    const files = { ...MOUNTS, '/etc/passwd': 'footfall:x:990:990::/:/bin/false\n' };
    expect(only(await storage({ files, programs: unit }), 'storage_directory')).toMatchObject({
      outcome: 'error',
      mend: expect.stringContaining('chown -R footfall:'),
    });
    const open = { [DIRECTORY]: { mode: 0o755 } };
    expect(only(await storage({ facts: open }), 'storage_directory')).toMatchObject({ outcome: 'warning' });
    const file = { files: { ...MOUNTS, [DIRECTORY]: '' }, directories: [], facts: {} };
    expect(only(await storage(file), 'storage_directory')?.found).toBe('expected a directory, found a file');
    expect(only(await storage({ denied: [DIRECTORY] }), 'storage_directory')).toMatchObject({ outcome: 'skipped' });
  });
});

describe('the file system', () => {
  it('must be writable, and should outlive a power-off', async () => {
    const readOnly = { '/proc/mounts': '/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n' };
    expect(only(await storage({ files: readOnly }), 'file_system')).toMatchObject({
      outcome: 'error',
      found: 'ext4 on /, read-only: nothing can be kept',
    });
    const memory = { '/proc/mounts': '/dev/sda1 / ext4 rw 0 0\ntmpfs /var/lib tmpfs rw 0 0\n' };
    expect(only(await storage({ files: memory }), 'file_system')).toMatchObject({ outcome: 'warning' });
    const spaced = { '/proc/mounts': '/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /var/lib\\040x ext4 ro 0 0\n' };
    expect(only(await storage({ files: spaced }), 'file_system')?.found).toBe('ext4 on /');
  });

  it.each([
    [20e9, 32e9, 'ok'],
    [3e9, 32e9, 'warning'],
    [400e6, 2e9, 'warning'],
    [49e6, 32e9, 'error'],
    [0, 0, 'error'],
  ])('with %d of %d bytes free is %s', async (free, total, outcome) => {
    expect(only(await storage(space(free, total)), 'free_space')).toMatchObject({ outcome });
  });

  it.each([
    [4, 'ok', '4.0 ms in the middle, 4.0 ms at worst'],
    [150, 'warning', '150 ms in the middle, 150 ms at worst'],
    [1_500, 'error', '1500 ms in the middle, 1500 ms at worst'],
    [60_000, 'error', '60000 ms in the middle, 60000 ms at worst'],
  ])('that takes %d ms for a synced write is %s', async (syncMs, outcome, found) => {
    expect(only(await storage({ syncMs }), 'sync_time')).toMatchObject({ outcome, found });
  });
});

describe('the wear of a disk', () => {
  const emmc = (lifeTime: string, end: string): Preparation => ({
    files: {
      ...MOUNTS,
      '/sys/devices/mmc0/block/mmcblk0/mmcblk0p2/partition': '2\n',
      '/sys/block/mmcblk0/device/life_time': lifeTime,
      '/sys/block/mmcblk0/device/pre_eol_info': end,
    },
    links: { '/sys/dev/block/179:2': '../../devices/mmc0/block/mmcblk0/mmcblk0p2' },
    facts: { [DIRECTORY]: { mode: 0o700, heldBy: '179:2' } },
  });

  it.each([
    ['0x01 0x03\n', '0x01\n', 'ok', 'up to 30 % of its life used'],
    ['0x08 0x02\n', '0x01\n', 'warning', 'up to 80 % of its life used'],
    ['0x01 0x01\n', '0x02\n', 'warning', 'up to 10 % of its life used'],
    ['0x0b 0x0b\n', '0x01\n', 'error', 'up to 110 % of its life used'],
    ['0x00 0x00\n', '0x03\n', 'error', 'the device reports "urgent"'],
    ['0x00 0x00\n', '0x00\n', 'skipped', 'it does not tell'],
  ])('of an eMMC: life %j, end %j is %s', async (life, end, outcome, found) => {
    expect(only(await storage(emmc(life, end)), 'wear')).toMatchObject({ outcome, found, subject: '/dev/mmcblk0' });
  });

  it.each([
    [{ out: '{"smart_status":{"passed":true},"nvme_smart_health_information_log":{"percentage_used":7}}' }, 'ok'],
    [
      { code: 64, out: '{"smart_status":{"passed":true},"nvme_smart_health_information_log":{"percentage_used":91}}' },
      'warning',
    ],
    [{ code: 8, out: '{"smart_status":{"passed":false}}' }, 'error'],
    [{ code: 2, out: '{}' }, 'skipped'],
    [{ code: null, failure: 'missing' as const }, 'skipped'],
    [{ out: 'not JSON' }, 'skipped'],
  ])('of an NVMe disk by smartctl: %j is %s', async (result, outcome) => {
    const prepared: Preparation = {
      files: { ...MOUNTS, '/sys/devices/pci/block/nvme0n1/nvme0n1p1/partition': '1\n' },
      links: { '/sys/dev/block/259:1': '../../devices/pci/block/nvme0n1/nvme0n1p1' },
      facts: { [DIRECTORY]: { mode: 0o700, heldBy: '259:1' } },
      programs: { smartctl: result },
    };
    expect(only(await storage(prepared), 'wear')).toMatchObject({ outcome, subject: '/dev/nvme0n1' });
  });
});

describe('the database', () => {
  const database = (report: { problems: string[]; bytes: number; held: number; deadLetters: number }) =>
    storage({ deps: { checkDatabase: async () => report } });
  const failing = (code: string, uid = 0) =>
    storage({
      deps: { checkDatabase: async () => ({ error: { code, message: `told as ${code}`, hint: 'Do this.' } }) },
      machine: { user: { uid, gids: [uid] } },
    });

  it('is well when it is sound', async () => {
    const findings = await database({ problems: [], bytes: 12e6, held: 3, deadLetters: 0 });
    expect(only(findings, 'database')).toMatchObject({
      outcome: 'ok',
      subject: `${DIRECTORY}/footfall.db`,
      found: 'sound, 11 MiB, 3 batches not yet acknowledged',
    });
    expect(only(findings, 'dead_letters')).toBeUndefined();
  });

  it('is told with what is wrong in it', async () => {
    const problems = ['Tree 2 page 5: btreeInitPage() returns error code 11', 'x', 'y'];
    expect(only(await database({ problems, bytes: 0, held: 0, deadLetters: 0 }), 'database')).toMatchObject({
      outcome: 'error',
      found: `damaged: ${problems[0]} and 2 more`,
    });
    const rejected = await database({ problems: [], bytes: 1e6, held: 0, deadLetters: 2 });
    expect(only(rejected, 'dead_letters')).toMatchObject({
      outcome: 'warning',
      found: '2 batches rejected by the collector',
    });
  });

  it('that cannot be read is told as such, to whom it concerns', async () => {
    expect(only(await failing('database_damaged'), 'database_damaged')).toMatchObject({
      outcome: 'error',
      found: 'told as database_damaged',
      mend: 'Do this.',
    });
    expect(only(await failing('database_foreign'), 'database_foreign')).toMatchObject({ outcome: 'error' });
    expect(only(await failing('database_denied'), 'database_denied')).toMatchObject({ outcome: 'error' });
    expect(only(await failing('database_denied', 1_000), 'database')).toMatchObject({ outcome: 'skipped' });
  });

  it('of the settings is the one that is looked at', async () => {
    const files = { ...MOUNTS, [SETTINGS_PATH]: settingsText('/dev/x', 'storage: { directory: /srv/data }\n') };
    const findings = await storage({ files, directories: ['/srv/data'] });
    expect(only(findings, 'database')?.subject).toBe('/srv/data/footfall.db');
  });
});
