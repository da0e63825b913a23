/** A small file system of a test's own that fills up and fails, where this user may mount one. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export type DiskKind = 'tmpfs' | 'ext4';

/** EXT4_IOC_SHUTDOWN, without flushing the journal. */
const SHUT_DOWN =
  'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))';

export class FaultDisk {
  readonly folder: string;
  readonly #kind: DiskKind;
  readonly #directory: string;
  readonly #mebibytes: number;

  /** Makes and mounts it. */
  constructor(kind: DiskKind, mebibytes: number) {
    this.#kind = kind;
    this.#mebibytes = mebibytes;
    this.#directory = mkdtempSync(join(tmpdir(), 'footfall-disk-'));
    this.folder = join(this.#directory, 'disk');
    mkdirSync(this.folder);
    try {
      if (kind === 'ext4') {
        writeFileSync(this.#image, '');
        truncateSync(this.#image, mebibytes * 1024 * 1024);
        run('mkfs.ext4', '-q', '-F', this.#image);
      }
      this.mount();
    } catch (error) {
      rmSync(this.#directory, { recursive: true, force: true });
      throw error;
    }
  }

  mount(): void {
    if (this.#kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${this.#mebibytes}m`, 'none', this.folder);
    else run('mount', '-o', 'loop,errors=remount-ro', this.#image, this.folder);
  }

  /** Fails while a file on it is open. */
  unmount(): void {
    run('umount', this.folder);
  }

  /** As whoever mounts it after a failure. */
  check(): void {
    const { status, stdout, stderr } = spawnSync('e2fsck', ['-fy', this.#image], { encoding: 'utf8' });
    if (status === null || status > 2) throw new Error(`${stdout}${stderr}`);
  }

  /** Takes all the room that is left. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.folder);
    writeFileSync(join(this.folder, 'filler'), Buffer.alloc(bavail * bsize));
  }

  free(): void {
    rmSync(join(this.folder, 'filler'));
  }

  /** ext4 alone: the kernel meets an error, and lets nobody write any more. */
  refuseWrites(): void {
    const file = openSync(`/sys/fs/ext4/${basename(this.#device)}/trigger_fs_error`, 'w');
    try {
      writeSync(file, '1');
    } finally {
      closeSync(file);
    }
  }

  /** ext4 alone: every read and write fails, as where a card is pulled. Needs python3. */
  shutDown(): void {
    run('python3', '-c', SHUT_DOWN, this.folder);
  }

  /** Takes it away, whoever uses it. */
  remove(): void {
    spawnSync('umount', ['-l', this.folder]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #image(): string {
    return join(this.#directory, 'image');
  }

  get #device(): string {
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    const line = mounts.find((each) => each.split(' ')[1] === this.folder);
    if (line === undefined) throw new Error(`nothing is mounted at ${this.folder}`);
    return line.split(' ')[0];
  }
}

/** Why there can be no such disk here; null where there can. */
export function missingDisk(kind: DiskKind): string | null {
  if (process.getuid?.() !== 0) return `only root may mount ${kind}`;
  try {
    new FaultDisk(kind, 4).remove();
    return null;
  } catch {
    return `this user may not mount ${kind}`;
  }
}

/** Why no disk can be shut down here; null where it can. */
export function missingShutdown(): string | null {
  const python = spawnSync('python3', ['--version']).status === 0 ? null : 'needs python3 for an ioctl';
  return missingDisk('ext4') ?? python;
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
