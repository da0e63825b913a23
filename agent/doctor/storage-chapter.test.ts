import { describe, expect, it } from 'vitest';
import { well } from '../cli/view/samples.fixture.ts';
import { findingsOf, NOW, only, type Preparation, SETTINGS_PATH, settingsText } from './machine.testing.ts';

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
  const SOUND = {
    ...{ problems: [] as string[], bytes: 12e6, held: 3, heldBytes: 6 * 1024, bytesPerWindow: 2_048 },
    ...{ oldestSealedMs: NOW - 45 * 60_000, deadLetters: 0, dropped: 0 },
  };
  const database = (report: Partial<typeof SOUND>, more: Preparation = {}) =>
    storage({ ...more, deps: { checkDatabase: async () => ({ ...SOUND, ...report }), ...more.deps } });
  const failing = (code: string, uid = 0) =>
    storage({
      deps: { checkDatabase: async () => ({ error: { code, message: `told as ${code}`, hint: 'Do this.' } }) },
      machine: { user: { uid, gids: [uid] } },
    });

  it('is well when it is sound', async () => {
    const findings = await database({});
    expect(only(findings, 'database')).toMatchObject({
      outcome: 'ok',
      subject: `${DIRECTORY}/footfall.db`,
      found: 'sound, 11 MiB, 3 batches not yet acknowledged',
    });
    expect(findings.every(({ outcome }) => outcome === 'ok')).toBe(true);
    expect(findings.map(({ check }) => check)).not.toContain('dead_letters');
    // Without settings nobody knows the bounds.
    expect(only(findings, 'buffer')).toBeUndefined();
  });

  it('is told with what is wrong in it, and that the daemon sets it aside', async () => {
    const problems = ['Tree 2 page 5: btreeInitPage() returns error code 11', 'x', 'y'];
    expect(only(await database({ problems }), 'database')).toMatchObject({
      outcome: 'error',
      found: `damaged: ${problems[0]} and 2 more`,
      mend: expect.stringContaining('The daemon sets it aside'),
    });
  });

  it('is told with what the collector rejected, unless the daemon tells it', async () => {
    expect(only(await database({ deadLetters: 2 }), 'dead_letters')).toMatchObject({
      outcome: 'warning',
      found: '2 batches rejected by the collector or found damaged',
      mend: expect.stringContaining('footfall buffer list'),
    });
    const reasons = [{ code: 'batches_rejected', subject: '', message: 'x', hint: '', since_ms: 0 }];
    const askDaemon = async () => ({ ...well, verdict: { state: 'degraded', reasons } });
    const told = await database({ deadLetters: 2 }, { deps: { askDaemon } });
    expect(only(told, 'database')).toMatchObject({ outcome: 'ok' });
    expect(only(told, 'dead_letters')).toBeUndefined();
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

  describe('as a buffer', () => {
    const bounds = 'storage: { buffer_mib: 16, buffer_hours: 100 }\n';
    const files = { ...MOUNTS, [SETTINGS_PATH]: settingsText('/dev/x', bounds) };
    const HOUR_MS = 3_600_000;

    it.each<[string, Partial<typeof SOUND>, string, string]>([
      [
        'nothing held',
        { held: 0, heldBytes: 0, oldestSealedMs: null as never, bytesPerWindow: 1_024 },
        'ok',
        '0 KiB of 16 MiB; an outage of 4 days more fits',
      ],
      [
        'some of it held, and some lost before',
        { held: 8, heldBytes: 2 ** 20, oldestSealedMs: NOW - 2 * HOUR_MS, bytesPerWindow: 2 ** 20, dropped: 7 },
        'ok',
        '1 MiB of 16 MiB; the oldest batch is 2 h old, of 4 days at most; an outage of 4 h more fits; 7 batches dropped so far, as the gap records tell',
      ],
      [
        'nearly as many bytes as may be',
        { held: 99, heldBytes: 13 * 2 ** 20, oldestSealedMs: NOW - 2 * HOUR_MS, bytesPerWindow: 3 * 2 ** 20 },
        'warning',
        '13 MiB of 16 MiB; the oldest batch is 2 h old, of 4 days at most; an outage of 15 min more fits',
      ],
      [
        'a batch nearly as old as may be',
        { held: 1, heldBytes: 1_024, oldestSealedMs: NOW - 80 * HOUR_MS, bytesPerWindow: 1_024 },
        'warning',
        '1 KiB of 16 MiB; the oldest batch is 3 days old, of 4 days at most; an outage of 20 h more fits',
      ],
      [
        'a batch of a time to come',
        { held: 1, heldBytes: 1_024, oldestSealedMs: NOW + 80 * HOUR_MS, bytesPerWindow: null as never },
        'ok',
        '1 KiB of 16 MiB; the oldest batch is 0 s old, of 4 days at most',
      ],
    ])('with %s', async (_, report, outcome, found) => {
      expect(only(await database(report, { files }), 'buffer')).toMatchObject({ outcome, found });
    });
  });

  describe('beside which others were set aside', () => {
    const path = (end: string) => `${DIRECTORY}/footfall.db${end}`;
    const identity = { format: 1, epochs: [{ epoch: '0123456789abcdef', from: 121 }], sealed_through: 124 };
    const beside = (files: Record<string, string>, more: Preparation = {}) =>
      database({}, { files: { ...MOUNTS, ...files }, ...more });

    it('is told with their names, sizes and times, and how they are removed', async () => {
      const findings = await beside({
        [path('.damaged-2')]: 'x'.repeat(3 * 2 ** 20),
        [path('.damaged-2-wal')]: 'x'.repeat(2 ** 20),
        [path('.damaged-10')]: '',
        // None of these is one.
        [path('.damaged-2.old')]: '',
        [path('.damaged-0')]: '',
        [path('.damaged')]: '',
        [`${DIRECTORY}/other.db.damaged-3`]: '',
      });
      const found = only(findings, 'quarantine');
      expect(found).toMatchObject({
        outcome: 'warning',
        found: expect.stringMatching(
          /^2 databases could not be used: \S+\.damaged-2 \(4 MiB, last written 20\d\d-\d\d-\d\dT\d\d:\d\dZ\), \S+\.damaged-10 \(0 KiB, .*\)$/,
        ),
      });
      const removed = [path('.damaged-2'), path('.damaged-2-wal'), path('.damaged-10')].join(' ');
      expect(found?.mend.endsWith(`sudo rm ${removed}`)).toBe(true);
      expect(only(await beside({}), 'quarantine')).toBeUndefined();
    });

    it('is told while the next start still has to finish it, where no daemon is at it', async () => {
      const files = { [path('.quarantine')]: '{"number":1,"found":"a torn page","end":"damaged","attempts":1}' };
      expect(only(await beside(files), 'quarantine_unfinished')).toMatchObject({
        outcome: 'warning',
        found: 'it was begun and not finished (what was found: a torn page)',
      });
      const torn = { [path('.quarantine')]: '{"number":' };
      expect(only(await beside(torn), 'quarantine_unfinished')?.found).toContain('what was found: unknown');
      const askDaemon = async () => well;
      expect(only(await beside(files, { deps: { askDaemon } }), 'quarantine_unfinished')).toBeUndefined();
    });

    it('is told with what its identity file says', async () => {
      const text = JSON.stringify(identity);
      expect(only(await beside({ [path('.identity')]: text }), 'database_identity')).toMatchObject({
        outcome: 'ok',
        found: 'epoch 0123456789abcdef since sequence 121, sealed through 124',
      });
      for (const broken of ['', '{', 'null', '{}', text.replace('abcdef', 'abcdeX'), text.replace('124', '"x"')]) {
        const found = only(await beside({ [path('.identity')]: broken }), 'database_identity');
        expect(found, broken).toMatchObject({ outcome: 'warning', found: expect.stringContaining('damaged') });
      }
      const denied = await beside({ [path('.identity')]: text }, { denied: [path('.identity')] });
      expect(only(denied, 'database_identity')).toBeUndefined();
    });
  });
});
