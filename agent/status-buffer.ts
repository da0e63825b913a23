/** The buffer's part of the status document. */
import type { StatusDocument } from './local/document.ts';
import { MAX_WAITING_WINDOWS } from './pipeline.ts';
import type { StatusParts } from './status.ts';

type BufferParts = Pick<
  StatusParts,
  'settings' | 'atMs' | 'pipeline' | 'storage' | 'storageErrorSinceMs' | 'opened' | 'disk'
>;

/** Left free for the rest of the box. */
const DISK_RESERVE_BYTES = 50 * 1024 * 1024;
/** What the database takes for a byte of a batch: pages, the history's records and the write-ahead log. */
const BYTES_A_BYTE = 1.5;
const HOUR_MS = 3_600_000;

export function bufferOf(parts: BufferParts): StatusDocument['buffer'] {
  const { pipeline, storage, opened, settings } = parts;
  return {
    epoch: opened.epoch,
    held: storage.held,
    held_bytes: storage.heldBytes,
    oldest_sequence: storage.oldestSequence,
    sealed_through: storage.sealedThrough,
    dead_letters: storage.deadLetters,
    database_bytes: storage.databaseBytes,
    uncommitted: pipeline.uncommitted,
    oldest_ms: storage.oldestSealedMs,
    bound_bytes: settings.storage.bufferBytes,
    hours_left: hoursLeft(parts),
    dropped: storage.dropped,
    dropped_untold: storage.untold,
    last_commit_ms: pipeline.lastCommit,
    storage_error: pipeline.storageError?.message ?? null,
    memory_hours_left: memoryHoursLeft(parts),
    epoch_origin: opened.origin,
    set_aside: storage.setAside.map(({ path, bytes, atMs }) => ({
      path,
      bytes,
      at_ms: Math.round(atMs),
      found: opened.quarantined?.path === path ? opened.quarantined.found : null,
    })),
  };
}

/** By whichever ends first: the bound of bytes, the free disk, the bound of age. */
function hoursLeft({ disk, storage, settings, atMs }: BufferParts): number | null {
  const { bytesPerWindow: pace } = storage;
  if (pace === null || pace === 0) return null;
  const { bufferBytes, bufferHours } = settings.storage;
  const inBound = (bufferBytes - storage.heldBytes) / pace;
  const onDisk = disk.free_bytes === null ? Infinity : (disk.free_bytes - DISK_RESERVE_BYTES) / (pace * BYTES_A_BYTE);
  const byRoom = (Math.min(inBound, onDisk) * settings.counting.windowMinutes) / 60;
  const age = storage.oldestSealedMs === null ? 0 : Math.max(0, atMs - storage.oldestSealedMs) / HOUR_MS;
  return Math.max(0, Math.floor(Math.min(byRoom, bufferHours - age)));
}

function memoryHoursLeft({ pipeline, settings, storageErrorSinceMs, atMs }: BufferParts): number | null {
  // Between the failure and the next tick nobody has noted since when it lasts.
  if (pipeline.storageError === null) return null;
  const since = storageErrorSinceMs === 0 ? atMs : storageErrorSinceMs;
  const hours = (MAX_WAITING_WINDOWS * settings.counting.windowMinutes) / 60 - (atMs - since) / HOUR_MS;
  return Math.max(0, Math.floor(hours));
}
