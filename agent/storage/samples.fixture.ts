/** Sample values and places for tests of the storage. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WindowClose } from './storage.ts';

export const WINDOW_MS = 15 * 60 * 1000;

/** A close of one window with one batch and one record of history. */
export function sampleClose(options: { sequence: number; windowOrdinal: number; ordinal: number }): WindowClose {
  const { sequence, windowOrdinal, ordinal } = options;
  return {
    windowOrdinal,
    sealedAtMs: (windowOrdinal + 1) * WINDOW_MS + 90_000,
    status: `{"window":${windowOrdinal}}`,
    batches: [{ sequence, windowOrdinal, body: new TextEncoder().encode(`batch ${sequence}`) }],
    gap: null,
    history: [
      {
        kind: 'door',
        place: 'front',
        window: windowOrdinal,
        rev: 1,
        startMs: windowOrdinal * WINDOW_MS,
        endMs: (windowOrdinal + 1) * WINDOW_MS,
        body: `{"window":${windowOrdinal}}`,
      },
    ],
    snapshot: { version: 3, ordinal, body: new TextEncoder().encode(`state at ${ordinal}`) },
  };
}

/** A directory that is gone when `using` leaves its scope. @param base where it lies; where there is no such place, as others. */
export function temporaryDirectory(base = tmpdir()): {
  path: string;
  file(name: string): string;
  [Symbol.dispose](): void;
} {
  const path = mkdtempSync(join(existsSync(base) ? base : tmpdir(), 'footfall-storage-'));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
