/** Small file systems of a test's own, where it may mount them: as root with the right to. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Mounted {
  /** Where it is mounted. */
  folder: string;
  /** Takes all the room that is left. */
  fill(): void;
  /** Gives that room back. */
  free(): void;
  mount(options?: string): void;
  /** Without force: fails while a file is open. */
  unmount(): void;
  /** Lets nobody write to a file, or anybody again, also who has it open. Not on tmpfs. */
  freeze(name: string, frozen: boolean): void;
  [Symbol.dispose](): void;
}

/** Whether tests may mount file systems of this kind here. */
export function canMount(kind: 'tmpfs' | 'ext4'): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    mounted(kind, 4)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

/** A file system of so many MiB. */
export function mounted(kind: 'tmpfs' | 'ext4', mebibytes: number): Mounted {
  const directory = mkdtempSync(join(tmpdir(), 'footfall-mount-'));
  const folder = join(directory, 'disk');
  const image = join(directory, 'image');
  const filler = join(folder, 'filler');
  mkdirSync(folder);
  const mount = (options = 'rw') => {
    if (kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m,${options}`, 'none', folder);
    else run('mount', '-o', `loop,${options}`, image, folder);
  };
  try {
    if (kind === 'ext4') {
      writeFileSync(image, '');
      truncateSync(image, mebibytes * 1024 * 1024);
      run('mkfs.ext4', '-q', '-F', image);
    }
    mount();
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return {
    folder,
    fill: () => {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    },
    free: () => rmSync(filler),
    mount,
    unmount: () => run('umount', folder),
    freeze: (name, frozen) => run('chattr', frozen ? '+i' : '-i', join(folder, name)),
    [Symbol.dispose]: () => {
      spawnSync('umount', ['-l', folder]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
