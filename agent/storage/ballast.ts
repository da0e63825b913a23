/**
 * Room set aside beside the database for the moment the disk is full: a database that must drop rows to become smaller
 * first has to write that it did.
 */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';

const MIN_BYTES = 1024 * 1024;
/** As much as the log beside the database grows to. */
const MAX_BYTES = 4 * 1024 * 1024;
const SHARE = 1 / 16;
/** Made only where this many times as much is free: the last room of a disk is not ours to take. */
const FREE_TIMES = 2;
const CHUNK = 256 * 1024;

export class Ballast {
  readonly #path: string;
  readonly #bytes: number;
  #made: boolean;

  /** @param bufferBytes what the outbox may hold. */
  constructor(databasePath: string, bufferBytes: number) {
    this.#path = `${databasePath}.ballast`;
    this.#bytes = Math.round(Math.min(Math.max(bufferBytes * SHARE, MIN_BYTES), MAX_BYTES));
    this.#made = this.#onDisk() === this.#bytes;
  }

  /** Makes it where it is missing and there is room for it. @returns whether it is there. */
  make(): boolean {
    if (this.#made) return true;
    try {
      const { bavail, bsize } = statfsSync(this.#path.slice(0, this.#path.lastIndexOf('/') + 1) || '.');
      if (bavail * bsize < this.#bytes * FREE_TIMES) return false;
      const file = openSync(this.#path, 'w', 0o600);
      try {
        // Written, not only made long: a file with a hole in it takes no room.
        for (let at = 0; at < this.#bytes; at += CHUNK)
          writeSync(file, Buffer.alloc(Math.min(CHUNK, this.#bytes - at)));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      this.#made = true;
    } catch {
      this.remove();
    }
    return this.#made;
  }

  /** Gives its room away, as far as the disk allows. */
  remove(): void {
    this.#made = false;
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // A disk that is not only full: what follows meets it and tells.
    }
  }

  #onDisk(): number {
    try {
      return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    } catch {
      return 0;
    }
  }
}
