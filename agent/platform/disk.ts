/** What the disk under a directory tells of itself. Nothing here throws: what cannot be told is null. */
import { readFile, realpath, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface DiskFacts {
  /** What an ordinary user may still write, in bytes. */
  freeBytes: number | null;
  totalBytes: number | null;
  /**
   * Used part of the flash's life in percent: the upper end of the tenth that an eMMC tells (100 stands for its last
   * tenth and for a life exceeded); null for every other device.
   */
  wearPercent: number | null;
}

/** @param root where `/sys` is found. */
export async function readDisk(path: string, root = '/'): Promise<DiskFacts> {
  const [space, wear] = await Promise.all([
    statfs(path).catch(() => null),
    readWear(path, join(root, 'sys')).catch(() => null),
  ]);
  return {
    freeBytes: space === null ? null : space.bavail * space.bsize,
    totalBytes: space === null ? null : space.blocks * space.bsize,
    wearPercent: wear,
  };
}

async function readWear(path: string, sys: string): Promise<number | null> {
  const { dev } = await stat(path, { bigint: true });
  const block = await realpath(join(sys, 'dev/block', deviceNumbers(dev)));
  // A partition's folder lies in that of its disk, which alone has the device's attributes.
  for (const folder of [block, dirname(block)]) {
    const text = await readFile(join(folder, 'device/life_time'), 'utf8').catch(() => null);
    if (text !== null) return wearOf(text);
  }
  return null;
}

/** `MAJOR:MINOR` of a Linux dev_t (makedev(3)). */
export function deviceNumbers(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/**
 * Percent of an eMMC's `life_time` (JESD84-B51, DEVICE_LIFE_TIME_EST_TYP_A and _B): two hexadecimal numbers of tenths,
 * 0x01 for 0 to 10 %, 0x0a for 90 to 100 %, 0x0b for more; 0x00 is not told. The worse of the two counts.
 */
function wearOf(lifeTime: string): number | null {
  const tenths = lifeTime
    .trim()
    .split(/\s+/)
    .map((text) => Number(text))
    .filter((value) => Number.isInteger(value) && value >= 1 && value <= 11);
  return tenths.length === 0 ? null : Math.min(100, 10 * Math.max(...tenths));
}
