/** What is wrong with the disk, the database and the buffer, and what to do about it. */
import type { Reason } from './local/document.ts';
import type { VerdictFacts } from './verdict.ts';

/** A healthy card answers within milliseconds, and a garbage collection of its own takes a second or two. */
const STALL_MS = 15_000;
const MIB = 1024 * 1024;
/** Below this the next days are at stake, below the other the next minutes. */
const DISK_LOW_BYTES = 500 * MIB;
const DISK_FULL_BYTES = 50 * MIB;
/** Room for a shorter outage than this is worth a word while one lasts. */
const ROOM_LOW_HOURS = 24;
/** Beyond this many hours days are told. */
const MOST_HOURS = 72;
/** What the operator dropped needs nobody's attention. */
const BY_HAND = 'operator';

/** @param uplink what is wrong with the uplink. */
export function storageReasons(facts: VerdictFacts, uplink: readonly Reason[]): Reason[] {
  const { storageBusySinceMs: busySince, buffer } = facts;
  const reasons: Reason[] = [];
  if (buffer.storage_error !== null) reasons.push(storageFailure(facts, buffer.storage_error));
  else if (busySince !== null && facts.nowMs - busySince >= STALL_MS) {
    reasons.push({
      code: 'storage_stalled',
      subject: '',
      message: 'The disk has not answered since the last write; counts are kept in memory.',
      hint: 'A card that stalls is about to fail: footfall doctor measures it. A power cut now would lose the current window.',
      since_ms: busySince,
    });
  }
  reasons.push(...dropped(facts), ...setAside(facts));
  if (buffer.storage_error === null) reasons.push(...lowDisk(facts));
  return [...reasons, ...lowBuffer(facts, uplink), ...deadLetters(facts)];
}

function storageFailure({ disk, storageErrorCode, storageErrorSinceMs, buffer }: VerdictFacts, error: string): Reason {
  const reason = (code: string, found: string, hint: string): Reason => ({
    code,
    subject: '',
    message: `${found}; counts are kept in memory${forLong(buffer.memory_hours_left)}.`,
    hint,
    since_ms: storageErrorSinceMs,
  });
  const atStake = 'A power cut or a restart now would lose what is not saved.';
  switch (storageErrorCode) {
    case 'storage_full':
      return reason(
        'disk_full',
        `The disk of ${disk.path} is full`,
        `Make room on it: counting goes on, and writing begins again by itself. ${atStake}`,
      );
    case 'storage_read_only':
      return reason(
        'disk_read_only',
        `The disk of ${disk.path} is read-only`,
        `The kernel makes a failing disk read-only: sudo dmesg. Mount it again, and writing begins again by itself. ${atStake}`,
      );
    case 'database_damaged':
      return reason(
        'database_damaged',
        `The database is damaged (${error}), and no new one can be made in its place`,
        `Make room on the disk of ${disk.path}, or see footfall doctor: it is set aside by itself then. ${atStake}`,
      );
    default:
      return reason(
        'storage_failed',
        `The database cannot be written (${error})`,
        `Check the health of the disk: footfall doctor. ${atStake}`,
      );
  }
}

function forLong(hours: number | null): string {
  if (hours === null) return '';
  return hours < 1 ? ', and the oldest windows are given up' : ` for up to ${lengthOf(hours)}`;
}

/** Told until the centre knows of it. */
function dropped({ buffer, uplink, nowMs }: VerdictFacts): Reason[] {
  const lost = Object.entries(buffer.dropped_untold).filter(([reason]) => reason !== BY_HAND);
  const count = lost.reduce((sum, [, sequences]) => sum + sequences, 0);
  // Where nothing is to be sent, what is too old goes, and nobody misses it.
  if (count === 0 || uplink.phase === 'off') return [];
  const why = lost.map(([reason]) => reason.replaceAll('_', ' ')).join(', ');
  return [
    {
      code: 'batches_dropped',
      subject: '',
      message: `${batches(count)} ${count === 1 ? 'is' : 'are'} lost (${why}), and the central platform does not know it yet.`,
      hint: 'A gap record tells it with the next delivery. More room: "buffer_mib" and "buffer_hours" under "storage".',
      since_ms: nowMs,
    },
  ];
}

function setAside({ buffer, nowMs }: VerdictFacts): Reason[] {
  return buffer.set_aside.map(({ path, at_ms, found }) => ({
    code: 'database_quarantined',
    subject: '',
    message: `A database that could not be used${found === null ? '' : ` (${found})`} was set aside as ${path}; what could be read of it goes on in a new one.`,
    hint: `Counting goes on, and the central platform is told. Does the medium fail? footfall doctor. Delete it when it is of no use: sudo sh -c "rm -f ${path} ${path}-*"`,
    since_ms: Math.min(at_ms, nowMs),
  }));
}

function lowDisk({ disk, nowMs }: VerdictFacts): Reason[] {
  if (disk.free_bytes === null || disk.free_bytes >= DISK_LOW_BYTES) return [];
  return [
    {
      code: 'disk_low',
      subject: '',
      message: `Only ${Math.floor(disk.free_bytes / MIB)} MiB are free on the disk of ${disk.path}.`,
      hint:
        disk.free_bytes < DISK_FULL_BYTES
          ? 'Make room now: when it is full, batches cannot be kept.'
          : 'Make room: see what fills it with du -x, and whether the uplink drains the buffer.',
      since_ms: nowMs,
    },
  ];
}

/** Only while nothing is delivered: else the buffer empties by itself. */
function lowBuffer({ buffer, nowMs }: VerdictFacts, uplink: readonly Reason[]): Reason[] {
  const { hours_left: hours, held } = buffer;
  const delivering = !uplink.some(({ code }) => code.startsWith('uplink_'));
  if (hours === null || hours >= ROOM_LOW_HOURS || held === 0 || delivering) return [];
  return [
    {
      code: 'buffer_low',
      subject: '',
      message:
        hours < 1
          ? 'The buffer is full: the oldest batches are dropped.'
          : `The buffer has room for ${lengthOf(hours)}; then the oldest batches are dropped.`,
      hint: 'Mend the uplink first: footfall doctor. More room: "buffer_mib" and "buffer_hours" under "storage", and free disk.',
      since_ms: nowMs,
    },
  ];
}

function deadLetters({ buffer: { dead_letters: count }, nowMs }: VerdictFacts): Reason[] {
  if (count === 0) return [];
  return [
    {
      code: 'batches_rejected',
      subject: '',
      message: `${batches(count)} ${count === 1 ? 'was' : 'were'} rejected by the collector, or found damaged.`,
      hint: 'See why: footfall buffer list. Then footfall buffer resend, or drop.',
      since_ms: nowMs,
    },
  ];
}

function batches(count: number): string {
  return `${count} ${count === 1 ? 'batch' : 'batches'}`;
}

function lengthOf(hours: number): string {
  return hours > MOST_HOURS ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours)} h`;
}
