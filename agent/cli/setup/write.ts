/** Files that are either the old or the new ones, never half of one. */
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AgentError } from '../../errors.ts';
import { syncDirectory, writeNewFile } from '../../synced.ts';

export interface NewFile {
  path: string;
  text: string;
  /** `settings`: the daemon's group may read it. `secret`: so may it, and without that group only the owner. */
  kind: 'settings' | 'secret';
}

/** The daemon's group on an installed box (systemd/footfall.sysusers). */
const GROUP = 'footfall';

/**
 * Writes the files: each beside its place, on the disk, then all renamed. So a power cut leaves whole files.
 * Throws `setup_denied` and `setup_unwritable`; nothing is changed then.
 */
export function writeFiles(files: readonly NewFile[]): void {
  const gid = daemonGroup();
  const staged: { temporary: string; target: string }[] = [];
  try {
    for (const { path, text, kind } of files) {
      makeDirectory(dirname(path), gid);
      const target = existsSync(path) ? realpathSync(path) : path;
      const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
      staged.push({ temporary, target });
      stage(temporary, text, kind === 'secret' && gid === null ? 0o600 : 0o640, gid);
    }
    for (const { temporary, target } of staged) renameSync(temporary, target);
    for (const folder of new Set(staged.map(({ target }) => dirname(target)))) syncDirectory(folder);
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true });
    throw explain(error, files[0].path);
  }
}

/** Copies a file to `copy`, with its mode; `copy` is replaced as a whole. */
export function keepFormer(path: string, copy: string): void {
  const temporary = join(dirname(copy), `.${basename(copy)}.${process.pid}.tmp`);
  try {
    copyFileSync(path, temporary);
    const gid = daemonGroup();
    if (gid !== null) chownSync(temporary, 0, gid);
    chmodSync(temporary, 0o640);
    renameSync(temporary, copy);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw explain(error, copy);
  }
}

/** Throws `setup_denied` when this user may not write there, before anything was asked. */
export function demandWritable(path: string): void {
  let folder = dirname(path);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw explain(error, path);
  }
}

/** The group's number, for root on a box where the program is installed. */
function daemonGroup(): number | null {
  if (process.getuid?.() !== 0) return null;
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((entry) => entry.startsWith(`${GROUP}:`));
    return line === undefined ? null : Number(line.split(':')[2]);
  } catch {
    return null;
  }
}

function makeDirectory(folder: string, gid: number | null): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o750 });
  if (first !== undefined && gid !== null) chownSync(folder, 0, gid);
}

function stage(temporary: string, text: string, mode: number, gid: number | null): void {
  // Made for the owner alone; opened to the group only when it is that of the daemon.
  writeNewFile(temporary, text);
  if (gid !== null) chownSync(temporary, 0, gid);
  chmodSync(temporary, mode);
}

function explain(error: unknown, path: string): AgentError {
  const { code } = error as NodeJS.ErrnoException;
  const options = { cause: error };
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'Run it with sudo: sudo footfall setup. Or write elsewhere: --settings FILE';
    return new AgentError('setup_denied', `expected to write ${path}, found that this user may not`, hint, options);
  }
  const found = code === 'EROFS' ? 'a read-only file system' : code === 'ENOSPC' ? 'a full disk' : (code ?? 'an error');
  const hint = 'Look at the disk: df -h, mount. Or write elsewhere: --settings FILE';
  return new AgentError('setup_unwritable', `expected to write ${path}, found ${found}`, hint, options);
}
