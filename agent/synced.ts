/** Writing that is on the disk when it returns, so that a power cut finds the former content or the new one. */
import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';

/** Makes a file for its owner alone, of this content. Throws what the file system throws, also where one is there. */
export function writeNewFile(path: string, content: string | Uint8Array): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Puts a directory's names on the disk: until then a power cut may undo a rename or forget a new file. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
