import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a sensor that is off or broken reads, such as absolute zero, lies outside of these; degrees Celsius. */
const COLDEST = -60;
const HOTTEST = 200;

/**
 * The hottest of the machine's thermal zones in degrees Celsius (thermal/sysfs-api: millidegrees); null where there is
 * none. Never throws.
 *
 * @param root where `/sys` is found.
 */
export async function readTemperature(root = '/'): Promise<number | null> {
  const folder = join(root, 'sys/class/thermal');
  const names = await readdir(folder).catch(() => []);
  const zones = names.filter((name) => name.startsWith('thermal_zone'));
  // A zone whose sensor is asleep refuses to be read.
  const texts = await Promise.all(zones.map((zone) => readFile(join(folder, zone, 'temp'), 'utf8').catch(() => '')));
  const degrees = texts
    .filter((text) => /^-?\d+\s*$/.test(text))
    .map((text) => Number(text) / 1_000)
    .filter((value) => value > COLDEST && value < HOTTEST);
  return degrees.length === 0 ? null : Math.max(...degrees);
}
