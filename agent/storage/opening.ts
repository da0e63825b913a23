/**
 * Opens the database whatever became of it. A sound one is used; a damaged one, or one of a newer release, is set aside and
 * what can be read of it goes on in a new one; somebody else's file is refused and left alone.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { AgentError } from '../errors.ts';
import { createFile, type OpenDatabase, openFile, takeLock } from './database.ts';
import { bindEpoch, type EpochEnd, keepIdentity, type Surroundings, sealedBefore } from './epoch.ts';
import { fileMark, type Identity, readIdentity, sameFile } from './identity.ts';
import { APPLICATION_ID, migrate, SHAPE } from './migrations.ts';
import {
  condemn,
  type Disk,
  dropIntent,
  exists,
  hostDisk,
  type Intent,
  isFull,
  moveAside,
  quarantinePath,
  readIntent,
  sizeOf,
  trimQuarantines,
  writeIntent,
} from './quarantine.ts';
import { changedAt, refuseVanished } from './rest.ts';
import { salvage } from './salvage.ts';
import { readSnapshot } from './snapshot.ts';
import { prepareStatements, type Statements } from './statements.ts';
import type { Opened, Quarantine } from './storage.ts';
import { damaged, errorCode, foundIn, storageError } from './storage-error.ts';

export interface Opening {
  file: OpenDatabase;
  statements: Statements;
  opened: Opened;
}

interface Place {
  path: string;
  machineId: string;
}

/** A medium that damages each database at once is not written to for ever. */
const MAX_QUARANTINES = 2;
/** Salvages that did not come to an end, after which the new database begins empty. */
const MAX_ATTEMPTS = 2;
/** Bytes left free beside what is salvaged, for what is counted from now on. */
const RESERVE_BYTES = 16 * 1024 * 1024;
/** Where the header says whose file it is and of which shape (https://www.sqlite.org/fileformat2.html). */
const HEADER = { bytes: 100, userVersion: 60, applicationId: 68 };

/**
 * @throws AgentError `database_in_use`, `database_foreign`, `database_damaged` for a damaged file that does not show
 * whose it is, `storage_full` or `storage_failed`.
 */
export function openStorage(place: Place, disk: Disk = hostDisk): Opening {
  try {
    const lock = takeLock(place.path);
    try {
      return openLocked(place, lock, disk);
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (error) {
    throw storageError(error);
  }
}

/** Begins another epoch in a sound database, because its sequences were used by a copy. Call inside a transaction. */
export function beginAnew(statements: Statements, { path, machineId }: Place): Opened {
  const around = { machineId, file: fileMark(path), identity: readIdentity(path) };
  return readOpened(statements, around, 'restored');
}

function openLocked(place: Place, lock: BetterSqlite.Database, disk: Disk): Opening {
  const { path, machineId } = place;
  let quarantined: Quarantine | null = null;
  let end: EpochEnd | null = null;
  for (let count = 0; ; count++) {
    const intent = readIntent(path);
    if (intent !== null) {
      finish(place, intent, disk);
      end = intent.end;
    }
    const identity = readIdentity(path);
    const changed = changedAt(path);
    let database: BetterSqlite.Database | null = null;
    try {
      if (identity !== null && exists(path) && sizeOf(path) === 0) throw damaged('an empty file in its place');
      database = openFile(path);
      const statements = prepareStatements(database);
      refuseVanished(statements, identity, changed);
      const around = { machineId, file: fileMark(path), identity };
      const opened = database.transaction(() => readOpened(statements, around)).immediate();
      if (intent !== null) {
        quarantined = quarantineOf(path, intent, statements);
        dropIntent(disk, path);
      }
      keepIdentityIfAble(statements, path);
      return {
        file: both(database, lock),
        statements,
        opened: { ...opened, origin: end ?? opened.origin, quarantined },
      };
    } catch (error) {
      database?.close();
      const verdict = count < MAX_QUARANTINES ? verdictOn(path, identity, error) : null;
      if (verdict === null) throw isDamage(error) && count < MAX_QUARANTINES ? notOurs(error) : error;
      condemn(disk, path, verdict.found, verdict.end);
    }
  }
}

function both(database: BetterSqlite.Database, lock: BetterSqlite.Database): OpenDatabase {
  const close = (): void => {
    database.close();
    lock.close();
  };
  return { database, close };
}

function readOpened(statements: Statements, around: Surroundings, wanted: EpochEnd | null = null): Opened {
  const bound = bindEpoch(statements, around, wanted);
  const snapshot = readSnapshot(statements);
  const lastWindow = Number(statements.readMeta.get('last_window') ?? 0);
  if (!Number.isSafeInteger(lastWindow)) throw damaged('a window that has no number');
  return {
    ...bound,
    quarantined: null,
    gaps: statements.readGaps.all(),
    lastWindow,
    sealedBefore: sealedBefore(statements),
    snapshot,
    journal: statements.readJournal.all(snapshot?.ordinal ?? -1),
    openHealth: statements.openHealth.all(),
  };
}

/** Writes the identity file; where that fails the former one stays, which claims less and nothing wrong. */
export function keepIdentityIfAble(statements: Statements, path: string): void {
  try {
    keepIdentity(statements, path);
  } catch {
    // The next close tries again.
  }
}

/** Why a database that cannot be opened is set aside; null where it is not ours to move, or not it that is at fault. */
function verdictOn(
  path: string,
  identity: Identity | null,
  error: unknown,
): { found: string; end: Intent['end'] } | null {
  const isForeign = error instanceof AgentError && error.code === 'database_foreign';
  if (!isForeign && !isDamage(error)) return null;
  const head = headOf(path);
  const marked = head.length === HEADER.bytes && head.readInt32BE(HEADER.applicationId) === APPLICATION_ID;
  const known = identity !== null && sameFile(identity.file, fileMark(path));
  const zeros = head.every((byte) => byte === 0) && (head.length > 0 || identity !== null);
  if (!marked && !known && !zeros) return null;
  const newer = marked && isForeign && Math.floor(head.readInt32BE(HEADER.userVersion) / 1000) > SHAPE;
  return { found: foundIn(error), end: newer ? 'newer' : 'damaged' };
}

/** A damaged file that does not show whose it is. */
function notOurs(error: unknown): AgentError {
  return new AgentError(
    'database_damaged',
    `expected a whole database of this program, found: ${foundIn(error)}`,
    "Nothing shows that it is this program's, so it was left alone: move the file away to begin a new one.",
    { cause: error },
  );
}

/** Whether an error can come from what the file holds. */
function isDamage(error: unknown): boolean {
  if (error instanceof AgentError) return error.code === 'database_damaged';
  const code = errorCode(error);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return true;
  // A schema that is not what its version says. Where a new database fails too, the mistake is this release's.
  return /^SQLITE_(ERROR|CONSTRAINT|MISMATCH|SCHEMA|TOOBIG)/.test(code) && isAbleToBegin();
}

function isAbleToBegin(): boolean {
  const database = new BetterSqlite(':memory:');
  try {
    migrate(database);
    prepareStatements(database);
    return true;
  } catch {
    return false;
  } finally {
    database.close();
  }
}

function headOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEADER.bytes);
    return head.subarray(0, readSync(file, head, 0, head.length, 0));
  } finally {
    closeSync(file);
  }
}

/** Moves the old database aside and puts a new one in its place, or what of it is still to be done. */
function finish(place: Place, intent: Intent, disk: Disk): void {
  const { path } = place;
  if (exists(path) && exists(quarantinePath(path, intent.number))) return;
  const source = moveAside(disk, path, intent);
  writeIntent(disk, path, { ...intent, attempts: intent.attempts + 1 });
  try {
    replace(place, intent, source, disk);
  } catch (error) {
    // It came to an end, if not to a good one.
    writeIntent(disk, path, intent);
    throw error;
  }
}

function replace({ path, machineId }: Place, { end, attempts }: Intent, source: string, disk: Disk): void {
  const fresh = `${path}.new`;
  const identity = readIdentity(path);
  trimQuarantines(disk, path, sizeOf(source) + sizeOf(`${source}-wal`) + RESERVE_BYTES);
  const free = disk.free(dirname(path));
  const room = free - Math.min(RESERVE_BYTES, free / 4);
  const left = exists(`${source}-wal`) ? ['-shm'] : ['-wal', '-shm'];
  for (const share of [1, 0.5, 0]) {
    for (const part of ['', '-journal', '-wal', '-shm']) disk.remove(`${fresh}${part}`);
    try {
      build(fresh, { source: attempts < MAX_ATTEMPTS ? source : null, machineId, identity, end, room: room * share });
      break;
    } catch (error) {
      if (!isFull(error) || share === 0) throw error;
    }
  }
  // What reading made beside it.
  for (const part of left) disk.remove(`${source}${part}`);
  disk.sync(fresh);
  disk.rename(fresh, path);
  disk.syncDirectory(dirname(path));
}

function build(
  path: string,
  from: { source: string | null; machineId: string; identity: Identity | null; end: EpochEnd; room: number },
): void {
  const database = createFile(path);
  try {
    const statements = prepareStatements(database);
    const around = { machineId: from.machineId, file: fileMark(path), identity: from.identity };
    database
      .transaction(() => {
        const salvaged = salvage(statements, around, from);
        statements.writeMeta.run('salvaged', JSON.stringify(salvaged));
      })
      .immediate();
  } finally {
    database.close();
  }
}

function quarantineOf(path: string, { number, found }: Intent, statements: Statements): Quarantine {
  const salvaged = JSON.parse(statements.readMeta.get('salvaged') ?? 'null') as Quarantine['salvaged'] | null;
  const nothing = { batches: 0, deadLetters: 0, history: 0, snapshot: false };
  return { path: quarantinePath(path, number), found, salvaged: salvaged ?? nothing };
}
