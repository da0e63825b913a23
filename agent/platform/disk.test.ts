import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceNumbers, readDisk } from './disk.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'footfall-disk-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Plants a disk with a partition as sysfs shows it, and says that this directory lies on one of the two. */
function plantDisk(lifeTime: string | null, on: 'disk' | 'partition'): void {
  const disk = join(root, 'sys/devices/platform/mmc0/block/mmcblk0');
  const partition = join(disk, 'mmcblk0p2');
  mkdirSync(join(disk, 'device'), { recursive: true });
  mkdirSync(partition);
  if (lifeTime !== null) writeFileSync(join(disk, 'device/life_time'), lifeTime);
  mkdirSync(join(root, 'sys/dev/block'), { recursive: true });
  const numbers = deviceNumbers(statSync(root, { bigint: true }).dev);
  symlinkSync(on === 'disk' ? disk : partition, join(root, 'sys/dev/block', numbers));
}

describe('the disk', () => {
  it('tells its size and what is free', async () => {
    const { freeBytes, totalBytes } = await readDisk(root, root);
    expect(totalBytes).toBeGreaterThan(0);
    expect(freeBytes).toBeGreaterThan(0);
    expect(freeBytes).toBeLessThanOrEqual(totalBytes ?? 0);
  });

  it('tells nothing of a directory that is not there', async () => {
    plantDisk('0x01 0x01\n', 'disk');
    expect(await readDisk(join(root, 'gone'), root)).toEqual({ freeBytes: null, totalBytes: null, wearPercent: null });
  });

  it.each([
    ['0x01 0x01\n', 10],
    ['0x02 0x05\n', 50],
    ['0x0a 0x01\n', 100],
    ['0x0b 0x0b\n', 100],
    ['0x00 0x03\n', 30],
    ['0x00 0x00\n', null],
    ['noise\n', null],
    ['', null],
    [null, null],
  ])('reads a life time of %j as %j percent', async (lifeTime, percent) => {
    plantDisk(lifeTime, 'partition');
    expect((await readDisk(root, root)).wearPercent).toBe(percent);
  });

  it('finds the life time of a disk without partitions', async () => {
    plantDisk('0x03 0x04\n', 'disk');
    expect((await readDisk(root, root)).wearPercent).toBe(40);
  });

  it('knows no wear where sysfs knows no device, as on an overlay', async () => {
    expect((await readDisk(root, root)).wearPercent).toBeNull();
  });

  it('takes a device number apart as makedev(3) puts it together', () => {
    expect(deviceNumbers(0xb302n)).toBe('179:2');
    expect(deviceNumbers((259n << 8n) | 1n | (0x123n << 20n))).toBe(`259:${0x12301}`);
    expect(deviceNumbers((1n << 44n) | 5n)).toBe('4096:5');
  });
});
