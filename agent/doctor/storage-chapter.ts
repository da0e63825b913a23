/** Where counts are kept: the directory, its disk, how fast that is, and the database. */
import type { Context } from './context.ts';
import { checkWear } from './disk-wear.ts';
import type { Finding } from './finding.ts';
import { codeOf, type FileFacts } from './machine.ts';
import { mountOf, nearestExisting, VOLATILE } from './mounts.ts';
import { mayUse } from './people.ts';
import { ChapterReport, modeOf, sizeOf } from './report.ts';
import { checkDatabase } from './storage-database.ts';

const DATABASE = 'footfall.db';
/** As the verdict has it. */
const HARDLY_ANY = 50 * 2 ** 20;
const LITTLE = 500 * 2 ** 20;
const LITTLE_SHARE = 0.1;

const SYNCS = 20;
const SYNC_BYTES = 4_096;
/** A card that takes longer than this for a few writes is slow enough to be told so. */
const SYNC_BUDGET_MS = 10_000;
const SLOW_MS = 100;
const STALLING_MS = 1_000;

const report = new ChapterReport('storage');

export async function* checkStorage(context: Context): AsyncGenerator<Finding> {
  const { machine, storageDirectory: directory } = context;
  let facts: FileFacts | null = null;
  try {
    facts = await machine.stat(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') yield await missingDirectory(context);
    else
      yield report.skipped(
        directoryCheck(directory),
        'this user may not look there',
        'Look again as root: sudo footfall doctor',
      );
  }
  if (facts !== null) yield checkDirectory(context, facts);
  const nearest = await nearestExisting(machine, directory);
  yield* await checkFileSystem(context, nearest);
  yield await checkFree(context, nearest);
  yield* checkWear(context, nearest);
  if (facts?.kind !== 'directory') return;
  yield await checkSync(context, directory);
  yield* checkDatabase(context, `${directory}/${DATABASE}`);
}

function directoryCheck(directory: string) {
  return { check: 'storage_directory', subject: directory, tried: 'looked at the directory' };
}

async function missingDirectory({ machine, identity, storageDirectory: directory }: Context): Promise<Finding> {
  const check = directoryCheck(directory);
  const above = await nearestExisting(machine, directory);
  if (identity.source === 'unit' || mayUse(await machine.stat(above), identity, 'rwx')) {
    return report.skipped(check, 'not there yet: the daemon makes it at its first start');
  }
  const mend = `Make it: sudo install -d -m 0700 -o ${identity.name} ${directory}`;
  return report.error(check, `not there, and ${identity.name} may not make it in ${above}`, mend);
}

function checkDirectory({ people, identity, storageDirectory: directory }: Context, facts: FileFacts): Finding {
  const check = directoryCheck(directory);
  if (facts.kind !== 'directory') {
    return report.error(
      check,
      `expected a directory, found a ${facts.kind}`,
      'Name another one in the settings: storage.directory',
    );
  }
  const found = `${people.userName(facts.uid)}:${people.groupName(facts.gid)} ${modeOf(facts.mode)}`;
  if (!mayUse(facts, identity, 'rwx')) {
    const mend = `Give it to the daemon's user: sudo chown -R ${identity.name}: ${directory}`;
    return report.error(check, `${found}; ${identity.name} may not write there`, mend);
  }
  if ((facts.mode & 0o007) !== 0) {
    return report.warning(check, `${found}: open to every user of this box`, `Close it: sudo chmod o= ${directory}`);
  }
  return report.ok(check, found);
}

async function checkFileSystem({ machine }: Context, place: string): Promise<Finding[]> {
  const check = { check: 'file_system', subject: place, tried: 'looked up its file system' };
  const mount = await mountOf(machine, place);
  if (mount === null) return [report.skipped(check, 'the kernel does not tell')];
  const found = `${mount.type} on ${mount.point}`;
  if (mount.readOnly) {
    const mend = `The kernel makes a damaged disk read-only (sudo dmesg | tail). Check it, then: sudo mount -o remount,rw ${mount.point}`;
    return [report.error(check, `${found}, read-only: nothing can be kept`, mend)];
  }
  if (VOLATILE.includes(mount.type)) {
    const mend = 'Put storage.directory on a disk or a card.';
    return [report.warning(check, `${found}: all data is gone at power-off`, mend)];
  }
  return [report.ok(check, found)];
}

async function checkFree({ machine }: Context, place: string): Promise<Finding> {
  const check = { check: 'free_space', subject: place, tried: 'measured the free space' };
  let space: { freeBytes: number; totalBytes: number };
  try {
    space = await machine.statfs(place);
  } catch (error) {
    return report.skipped(check, `it cannot be measured (${codeOf(error)})`);
  }
  const share = space.totalBytes > 0 ? space.freeBytes / space.totalBytes : 0;
  const found = `${sizeOf(space.freeBytes)} free (${Math.floor(share * 100)} %)`;
  const mend = `See what takes it: sudo du -xh ${place === '/' ? '/' : `${place} /var/log`} | sort -h | tail. Old logs: sudo journalctl --vacuum-size=100M`;
  if (space.freeBytes < HARDLY_ANY) return report.error(check, found, mend);
  return space.freeBytes < LITTLE || share < LITTLE_SHARE
    ? report.warning(check, found, mend)
    : report.ok(check, found);
}

/** How long a small write takes to reach the disk: each commit waits for that. */
async function checkSync({ machine, clock }: Context, directory: string): Promise<Finding> {
  const check = {
    check: 'sync_time',
    subject: directory,
    tried: `wrote and synced up to ${SYNCS} x ${SYNC_BYTES / 1_024} KiB`,
  };
  const times: number[] = [];
  try {
    const scratch = await machine.scratch(directory);
    try {
      const block = Buffer.alloc(SYNC_BYTES, 0x5a);
      const start = clock.monotonic();
      while (times.length < SYNCS && clock.monotonic() - start < SYNC_BUDGET_MS) {
        const before = clock.monotonic();
        await scratch.writeAndSync(block);
        times.push(clock.monotonic() - before);
      }
    } finally {
      await scratch.remove();
    }
  } catch (error) {
    if (/^(EACCES|EPERM)$/.test(codeOf(error))) {
      return report.skipped(check, 'this user may not write there', 'Look again as root: sudo footfall doctor');
    }
    const mend = 'Check free space and health of the disk: df -h; sudo dmesg | tail';
    return report.error(check, `writing failed (${codeOf(error) || 'unknown reason'})`, mend);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const found = `${msOf(median)} in the middle, ${msOf(sorted[sorted.length - 1])} at worst`;
  const mend =
    'The disk is slow, worn or busy: counting goes on, but more is lost at a power cut. Consider a better card.';
  if (median > STALLING_MS) return report.error(check, found, mend);
  return median > SLOW_MS ? report.warning(check, found, mend) : report.ok(check, found);
}

function msOf(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
