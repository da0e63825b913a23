/** Which file system a path is on, by /proc/mounts (fstab(5)). */
import { type Machine, textOf } from './machine.ts';

export interface Mount {
  source: string;
  point: string;
  /** As `ext4`, `tmpfs`. */
  type: string;
  readOnly: boolean;
}

/** File systems that are gone at power-off. */
export const VOLATILE = ['tmpfs', 'ramfs'];

/** The mount that holds an absolute path; null where the kernel does not tell. */
export async function mountOf(machine: Machine, path: string): Promise<Mount | null> {
  let found: Mount | null = null;
  for (const line of ((await textOf(machine, '/proc/mounts')) ?? '').split('\n')) {
    const [source, point, type, options] = line.split(' ').map(unescaped);
    if (options === undefined || !within(path, point)) continue;
    // Of two at one place the later lies on top.
    if (found !== null && point.length < found.point.length) continue;
    found = { source, point, type, readOnly: options.split(',').includes('ro') };
  }
  return found;
}

/** The path itself, or the nearest directory above it that exists, links resolved. */
export async function nearestExisting(machine: Machine, path: string): Promise<string> {
  for (let place = path; place !== '' && place !== '/'; place = place.slice(0, place.lastIndexOf('/'))) {
    const real = await machine.realpath(place).catch(() => null);
    if (real !== null) return real === '' ? '/' : real;
  }
  return '/';
}

function within(path: string, point: string): boolean {
  return point === '/' || path === point || path.startsWith(`${point}/`);
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
