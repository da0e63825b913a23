/** The bundle as a file: whole under its name, or not there at all, and readable by nobody else. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, link, mkdir, mkdtemp, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AgentError, reasonOf } from '../../errors.ts';

export interface ArchiveFile {
  name: string;
  text: string;
}

/**
 * Packs the files under one folder into a .tar.gz at `path`, by the system's tar, and gives its size in bytes. All that is
 * written stands beside it, so a full disk elsewhere does no harm. Throws `bundle_exists` and `bundle_unwritable`; nothing
 * is left behind then.
 */
export async function writeArchive(
  path: string,
  folder: string,
  files: readonly ArchiveFile[],
  signal: AbortSignal,
): Promise<number> {
  const target = resolve(path);
  let scratch: string | null = null;
  try {
    // Mode 0700, mkdtemp(3).
    scratch = await mkdtemp(join(dirname(target), '.footfall-bundle-'));
    for (const { name, text } of files) {
      const file = join(scratch, folder, name);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, text, { mode: 0o600 });
    }
    const packed = join(scratch, 'bundle.tar.gz');
    await tar(['-czf', packed, '--owner=0', '--group=0', '--numeric-owner', '-C', scratch, folder], signal);
    // A stick with FAT keeps no modes; whoever mounts it decides who reads it.
    await chmod(packed, 0o600).catch(unlessUnknown);
    await sync(packed);
    signal.throwIfAborted();
    const { size } = await stat(packed);
    await place(packed, target);
    return size;
  } catch (error) {
    throw inWords(error, target, signal);
  } finally {
    if (scratch !== null) await rm(scratch, { recursive: true, force: true });
  }
}

/** A link, unlike a rename, never replaces a file that is there; but FAT knows no links. */
async function place(packed: string, target: string): Promise<void> {
  try {
    await link(packed, target);
  } catch (error) {
    unlessUnknown(error);
    if (existsSync(target)) throw Object.assign(new Error('it exists'), { code: 'EEXIST' });
    await rename(packed, target);
  }
}

/** Passes over what a file system does not know at all. */
function unlessUnknown(error: unknown): void {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(code)) throw error;
}

function tar(words: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    execFile(
      'tar',
      [...words],
      { signal, env: { ...process.env, LC_ALL: 'C', TAR_OPTIONS: '' } },
      (error, _out, said) => {
        if (error === null) done();
        else
          failed(
            (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Error('there is no tar') : wordsOf(error, said),
          );
      },
    );
  });
}

function wordsOf(error: Error, said: string): Error {
  return said.trim() === '' ? error : new Error(said.trim().split('\n')[0], { cause: error });
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function inWords(error: unknown, target: string, signal: AbortSignal): unknown {
  if (signal.aborted) return error;
  if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
    return new AgentError('bundle_exists', `there is a file ${target} already`, 'Name another: --output FILE');
  }
  return new AgentError(
    'bundle_unwritable',
    `cannot write ${target}: ${reasonOf(error)}`,
    'Name a place with room where this user may write: --output /media/usb/bundle.tar.gz',
    { cause: error },
  );
}
