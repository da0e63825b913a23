import { describe, expect, it } from 'vitest';
import { findingsOf, NOW, only, type Preparation, SETTINGS_PATH, settingsText } from './machine.testing.ts';

const clock = (prepared: Preparation) => findingsOf('clock', prepared);

describe('the clock', () => {
  it.each([
    ['synchronised', 'ok'],
    ['rtc_only', 'warning'],
    ['unknown', 'warning'],
  ] as const)('that is %s is %s', async (trust, outcome) => {
    const deps = { clockTrust: async () => trust };
    expect(only(await clock({ deps }), 'clock_trust')).toMatchObject({ outcome });
    const files = { [SETTINGS_PATH]: settingsText('/dev/x', 'clock: { source: host }\n') };
    expect(only(await clock({ files, deps }), 'clock_trust')).toMatchObject({ outcome: 'ok' });
  });

  it('stands after the day on which this release was put here', async () => {
    const version = new URL('../version.ts', import.meta.url).pathname;
    const files = { [version]: '' };
    const facts = { [version]: { modifiedMs: NOW - 1 } };
    expect(only(await clock({ files, facts }), 'date')).toMatchObject({ outcome: 'ok', found: '2026-12-01 09:00 UTC' });
    expect(only(await clock({ files, facts, nowMs: Date.UTC(2020, 0, 1) }), 'date')).toMatchObject({
      outcome: 'error',
      found: '2020-01-01 00:00 UTC, 2526 days before this release was installed',
    });
  });

  it.each([
    [0, 'ok', 'agrees with the system clock within 1 s'],
    [-59, 'ok', 'agrees with the system clock within 59 s'],
    [90, 'warning', '90 s off the system clock'],
    [-7_200, 'warning', '2 h off the system clock'],
    [864_000, 'error', '10 days off the system clock'],
  ])('whose battery-kept twin is %d s away is %s', async (seconds, outcome, found) => {
    const files = { '/sys/class/rtc/rtc0/since_epoch': `${NOW / 1_000 + seconds}\n` };
    expect(only(await clock({ files }), 'rtc')).toMatchObject({ outcome, found });
  });

  it('may have no twin', async () => {
    expect(only(await clock({}), 'rtc')).toMatchObject({ outcome: 'skipped' });
  });

  it('tells the time in the store', async () => {
    const files = { [SETTINGS_PATH]: settingsText('/dev/x') };
    expect(only(await clock({ files }), 'time_zone')).toMatchObject({
      outcome: 'ok',
      subject: 'Europe/Prague',
      found: 'Tuesday 10:00',
    });
  });
});

describe("the place of the day's key", () => {
  const mounts = '/dev/mmcblk0p2 / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n';

  it('is gone at power-off', async () => {
    const files = { '/proc/mounts': mounts };
    expect(only(await clock({ files, directories: ['/run'] }), 'key_place')).toMatchObject({ outcome: 'ok' });
    const disk = { ...files, [SETTINGS_PATH]: settingsText('/dev/x', 'runtime_directory: /srv/run\n') };
    expect(only(await clock({ files: disk, directories: ['/srv/run'] }), 'key_place')).toMatchObject({
      outcome: 'warning',
      subject: '/srv/run',
      found: expect.stringContaining('on ext4'),
    });
  });
});
