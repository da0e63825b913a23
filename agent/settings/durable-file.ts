/** Small files that must be whole after a power cut: the former content or the new one, never a part of either. */
import {
  closeSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '../synced.ts';

const OWNER_ONLY = 0o600;

/** Replaces the file at `path`, making its directory where there is none. Throws what the file system throws. */
export function writeDurably(path: string, content: string): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, 'w', OWNER_ONLY);
    try {
      giveToOwner(file, directory);
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  // Until the directory is on the disk too, a power cut may bring the former file back.
  syncDirectory(directory);
}

/** What root writes for the daemon belongs to whom the directory belongs to, or the daemon could not read it. */
function giveToOwner(file: number, directory: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(directory);
  fchownSync(file, uid, gid);
}
