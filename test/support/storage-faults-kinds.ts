/** Ways in which storage fails: each is done to a box, lasts for some minutes of its clock, and is mended where it can be. */
import { closeSync, existsSync, openSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { Random } from '../../drivers/simulator/random.ts';
import type { FaultBox } from './storage-faults-box.ts';
import { type DiskKind, type FaultDisk, missingDisk, missingShutdown } from './storage-faults-disk.ts';

const PAGE = 4_096;
/** The daemon lets go of the files of a medium that fails within this, on a busy machine. */
const UNMOUNT_MS = 30_000;

export interface FaultContext {
  box: FaultBox;
  random: Random;
  /** The small file system that the database is on, for the kinds that need one. */
  disk: FaultDisk | null;
}

export interface FaultKind {
  /** Done while the daemon is down. */
  down?: true;
  /** The database itself is damaged, so that it may be set aside. */
  damages?: true;
  /** What the database is to be on. */
  disk?: DiskKind;
  /** Why it cannot be done here; null where it can. */
  missing(): string | null;
  /** Breaks it. @returns words for the ledger. */
  strike(context: FaultContext): string;
  /** What the product cannot do itself: makes room on a full disk, checks a medium and mounts it again. */
  mend?(context: FaultContext): Promise<void>;
}

const missing = (): null => null;
const damages = true;
const down = true;

export const FAULT_KINDS: Readonly<Record<string, FaultKind>> = {
  'pages, down': { down, damages, missing, strike: (context) => pages(context, '') },
  'pages, running': { damages, missing, strike: (context) => pages(context, '') },
  'bits, down': { down, damages, missing, strike: bits },
  'bits, running': { damages, missing, strike: bits },
  'log cut, down': { down, damages, missing, strike: (context) => cut(context, '-wal') },
  'log pages, down': { down, damages, missing, strike: (context) => pages(context, '-wal') },
  'file cut, down': { down, damages, missing, strike: (context) => cut(context, '') },
  'file cut, running': { damages, missing, strike: (context) => cut(context, '') },
  'zero length, down': { down, damages, missing, strike: empty },
  'newer release, down': { down, damages, missing, strike: newer },
  'full tmpfs': { disk: 'tmpfs', missing: () => missingDisk('tmpfs'), strike: full, mend: free },
  'full ext4': { disk: 'ext4', missing: () => missingDisk('ext4'), strike: full, mend: free },
  'read-only': { disk: 'ext4', missing: () => missingDisk('ext4'), strike: readOnly, mend: remount },
  'input and output errors': { disk: 'ext4', missing: missingShutdown, strike: shutDown, mend: remount },
};

/** Pages of a file written over, as a failing medium does. */
function pages({ box, random }: FaultContext, part: '' | '-wal'): string {
  const path = `${box.databasePath}${part}`;
  const size = sizeOf(path);
  if (size === 0) return 'an empty file';
  const file = openSync(path, 'r+');
  try {
    const struck = Array.from({ length: random.integer(1, 4) }, () => {
      const page = random.integer(0, Math.ceil(size / PAGE) - 1);
      const isNoise = random.chance(0.5);
      const bytes = Uint8Array.from({ length: Math.min(PAGE, size - page * PAGE) }, () =>
        isNoise ? random.integer(0, 255) : 0,
      );
      writeSync(file, bytes, 0, bytes.length, page * PAGE);
      return page + 1;
    });
    return `page ${struck.join(', ')} of ${Math.ceil(size / PAGE)}`;
  } finally {
    closeSync(file);
  }
}

/** Some bits flipped, anywhere. */
function bits({ box, random }: FaultContext): string {
  const content = readFileSync(box.databasePath);
  if (content.length === 0) return 'an empty file';
  const file = openSync(box.databasePath, 'r+');
  try {
    const count = random.integer(1, 8);
    for (let left = count; left > 0; left--) {
      const at = random.integer(0, content.length - 1);
      writeSync(file, Uint8Array.of(content[at] ^ (1 << random.integer(0, 7))), 0, 1, at);
    }
    return `${count} bits of ${content.length} bytes`;
  } finally {
    closeSync(file);
  }
}

function cut({ box, random }: FaultContext, part: '' | '-wal'): string {
  const path = `${box.databasePath}${part}`;
  const size = sizeOf(path);
  if (size === 0) return 'an empty file';
  const to = random.integer(1, size - 1);
  truncateSync(path, to);
  return `${to} of ${size} bytes`;
}

function empty({ box }: FaultContext): string {
  truncateSync(box.databasePath, 0);
  return 'nothing left';
}

function newer({ box }: FaultContext): string {
  const database = new Database(box.databasePath);
  database.pragma('user_version = 2001');
  database.close();
  return 'shape 2';
}

function full({ disk }: FaultContext): string {
  diskOf(disk).fill();
  return 'no room';
}

async function free({ disk }: FaultContext): Promise<void> {
  diskOf(disk).free();
}

function readOnly({ disk }: FaultContext): string {
  diskOf(disk).refuseWrites();
  return 'remounted by the kernel';
}

function shutDown({ disk }: FaultContext): string {
  diskOf(disk).shutDown();
  return 'every read and write fails';
}

/** As a technician does. The daemon has to let go of its files for it, and meets an empty folder meanwhile. */
async function remount({ box, disk }: FaultContext): Promise<void> {
  const deadline = performance.now() + UNMOUNT_MS;
  for (;;) {
    try {
      diskOf(disk).unmount();
      break;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
  await box.minute();
  diskOf(disk).check();
  diskOf(disk).mount();
}

function diskOf(disk: FaultDisk | null): FaultDisk {
  if (disk === null) throw new Error('this kind needs a disk of its own');
  return disk;
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}
