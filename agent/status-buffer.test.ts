import { describe, expect, it } from 'vitest';
import { bufferOf } from './status-buffer.ts';

const HOUR = 3_600_000;
const MIB = 1024 * 1024;
const NOW = 1_000 * HOUR;

type Parts = Parameters<typeof bufferOf>[0];

interface Case {
  pace?: number | null;
  held?: number;
  oldestHours?: number | null;
  free?: number | null;
  hours?: number;
  error?: string | null;
  errorSince?: number;
}

/** Windows of 15 minutes, a bound of 100 MiB. */
function buffer(of: Case) {
  const { pace = 10_240, held = 0, oldestHours = null, free = null, hours = 100_000, error = null } = of;
  const parts = {
    atMs: NOW,
    settings: { storage: { bufferBytes: 100 * MIB, bufferHours: hours }, counting: { windowMinutes: 15 } },
    storage: {
      heldBytes: held,
      bytesPerWindow: pace,
      oldestSealedMs: oldestHours === null ? null : NOW - oldestHours * HOUR,
      untold: {},
      setAside: [
        { path: '/d/a.db.damaged-1', bytes: 7, atMs: 5.4 },
        { path: '/d/a.db.damaged-2', bytes: 8, atMs: 6 },
      ],
    },
    pipeline: {
      uncommitted: 0,
      lastCommit: null,
      storageError: error === null ? null : { message: error, code: null },
    },
    storageErrorSinceMs: of.errorSince ?? 0,
    opened: { epoch: 'e', origin: 'damaged', quarantined: { path: '/d/a.db.damaged-2', found: 'zeros' } },
    disk: { free_bytes: free },
  };
  return bufferOf(parts as unknown as Parts);
}

describe('the buffer in the status', () => {
  it.each<[string, Case, number | null]>([
    ['the bound of bytes', {}, 2_560],
    ['what is held of it', { held: 50 * MIB }, 1_280],
    ['more held than the bound, as after a change of it', { held: 101 * MIB }, 0],
    ['the free disk, with room for the rest of the box', { free: 65 * MIB }, 256],
    ['a disk without room', { free: 40 * MIB }, 0],
    ['the bound of age', { hours: 2_160, oldestHours: 160.5 }, 1_999],
    ['an oldest batch beyond it', { hours: 12, oldestHours: 13 }, 0],
    ['an oldest batch from the future, as when the clock was set back', { hours: 12, oldestHours: -5 }, 12],
    ['nothing, before the first window', { pace: null }, null],
  ])('has as many hours left as %s lets it', (_name, of, hours) => {
    expect(buffer(of).hours_left).toBe(hours);
  });

  it('says for how long memory lasts, only while storage fails', () => {
    expect(buffer({}).memory_hours_left).toBeNull();
    expect(buffer({ error: 'x' }).memory_hours_left).toBe(500);
    expect(buffer({ error: 'x', errorSince: NOW - 90 * HOUR }).memory_hours_left).toBe(410);
    expect(buffer({ error: 'x', errorSince: NOW - 900 * HOUR }).memory_hours_left).toBe(0);
  });

  it('says what was found in a database that was set aside in this run', () => {
    expect(buffer({}).set_aside).toEqual([
      { path: '/d/a.db.damaged-1', bytes: 7, at_ms: 5, found: null },
      { path: '/d/a.db.damaged-2', bytes: 8, at_ms: 6, found: 'zeros' },
    ]);
  });
});
