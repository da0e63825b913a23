/**
 * The connection to the database, and what its failures mean for the work after them: on a full disk room is made, a medium
 * that fails is let go of until it answers, and damage ends the writing.
 */
import { AgentError } from '../errors.ts';
import type { Ballast } from './ballast.ts';
import { dropForRoom } from './bounds.ts';
import { isOfMedium, regain, type Session } from './session.ts';
import { storageError } from './storage-error.ts';

/** The most that SQLite knows. */
const MAX_PAGES = 0xffff_fffe;
/** Pages given back to the file system at once: 4 MB, a few milliseconds. */
const VACUUM_SLICE = 1000;
/** Free pages are kept up to this share of the file: what the next window writes anyway need not move twice. */
const FREE_SHARE = 0.25;

export class Connection {
  readonly #path: string;
  readonly #ballast: Ballast | null;
  #session: Session | null = null;
  /** Of the database that is open, or was let go of. */
  #epoch = '';
  /** Why the database was let go of, until its medium answers again. */
  #lost: AgentError | null = null;
  /** Whether the file keeps its size because the disk is full. */
  #fixed = false;

  /** @param ballast null where the buffer has no bounds. */
  constructor(path: string, ballast: Ballast | null) {
    this.#path = path;
    this.#ballast = ballast;
  }

  /** Whether there is a database, be it one whose medium does not answer now. */
  get isOpen(): boolean {
    return this.#session !== null || this.#lost !== null;
  }

  /** Works with this database from now on. @param epoch that it has. */
  use(session: Session, epoch: string): void {
    this.#session = session;
    this.#epoch = epoch;
    this.#lost = null;
    this.#fixed = false;
  }

  /** The database is of another epoch from now on. */
  renamed(epoch: string): void {
    this.#epoch = epoch;
  }

  /** @throws AgentError `storage_not_open`, and what `regain` throws. */
  get session(): Session {
    if (this.#session !== null) return this.#session;
    if (this.#lost === null) {
      throw new AgentError('storage_not_open', 'expected an open database, found none', 'Open the storage first.');
    }
    this.use(regain(this.#path, this.#epoch, this.#lost), this.#epoch);
    return this.session;
  }

  /** Damage that was met and ends the writing until the database is renewed; null while it is sound. */
  get damage(): AgentError | null {
    return this.session.damage;
  }

  /** Runs `work` with errors in the product's words. */
  guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const failure = storageError(error);
      this.#met(failure);
      throw failure;
    }
  }

  /** Runs `work` in one transaction. */
  transaction<T>(work: () => T): T {
    const { database } = this.session.file;
    return this.guarded(() => database.transaction(work).immediate());
  }

  /**
   * Runs `work` in one transaction. On a full disk again in the room of the ballast, and then in that of the oldest windows:
   * they go only if that lets the work succeed.
   */
  write<T>(work: () => T, { mayDrop } = { mayDrop: true }): T {
    // A file that keeps its size takes nothing new, also where there is room again.
    if (this.#fixed) this.growAgain();
    // Where nothing could be dropped, this may be the first that finds room again.
    if (this.#fixed) this.growAgain();
    try {
      return this.transaction(work);
    } catch (full) {
      if (!isFull(full)) throw full;
      this.#ballast?.remove();
      this.#stopGrowing();
    }
    try {
      return this.transaction(work);
    } catch (full) {
      if (!isFull(full) || !mayDrop) throw full;
      const { statements, outbox } = this.session;
      return this.transaction(() => {
        if (dropForRoom(statements, outbox) === 0) throw full;
        return work();
      });
    }
  }

  /** Once there is room for the ballast, the file may grow again. */
  growAgain(): void {
    if (this.#ballast?.make() !== true || !this.#fixed) return;
    this.tryTo(() => {
      this.session.file.database.pragma(`max_page_count = ${MAX_PAGES}`);
      this.#fixed = false;
    });
  }

  /** Shrinks the file by one slice when that much is free beyond the share kept. @returns whether it did. */
  giveBackPages(): boolean {
    // On a full disk somebody else would take them, and they would be missed.
    if (this.#fixed) return false;
    let shrunk = false;
    this.tryTo(() => {
      const { database } = this.session.file;
      const countPages = () => Number(database.pragma('page_count', { simple: true }));
      const free = Number(database.pragma('freelist_count', { simple: true }));
      const pages = countPages();
      if (free - pages * FREE_SHARE < VACUUM_SLICE) return;
      // With `simple` the pragma would free one page only.
      database.pragma(`incremental_vacuum(${VACUUM_SLICE})`);
      // The file itself is cut by a checkpoint.
      database.pragma('wal_checkpoint(PASSIVE)');
      shrunk = countPages() < pages;
    });
    return shrunk;
  }

  /** Does what may be left for another time. */
  tryTo(work: () => void): void {
    try {
      work();
    } catch {
      // What was asked is done: a failure here must not deny it. The next operation meets the same disk, and tells.
    }
  }

  /** Ends it. @param before what is still to be done on it; not called where no database is open. */
  close(before: (session: Session) => void = () => {}): void {
    const session = this.#session;
    this.#session = null;
    this.#lost = null;
    if (session === null) return;
    try {
      before(session);
    } catch (error) {
      throw storageError(error);
    } finally {
      session.file.close();
    }
  }

  /**
   * Brings what the log holds into the file, and keeps that at the size it has then: from now on what is new takes the place
   * of what was dropped, and the log is written from its beginning again. So storage goes on where not a byte is free.
   */
  #stopGrowing(): void {
    if (this.#ballast === null) return;
    this.tryTo(() => {
      const { database } = this.session.file;
      database.pragma('wal_checkpoint(PASSIVE)');
      const pages = Number(database.pragma('page_count', { simple: true }));
      database.pragma(`max_page_count = ${pages}`);
      this.#fixed = true;
    });
  }

  #met(failure: AgentError): void {
    const session = this.#session;
    if (session === null) return;
    // Whatever was counted on the way is rolled back too.
    session.outbox.forgetHeld();
    if (failure.code === 'database_damaged') session.damage ??= failure;
    if (session.damage !== null || !isOfMedium(failure)) return;
    this.#session = null;
    this.#lost = failure;
    this.tryTo(() => session.file.close());
  }
}

function isFull(error: unknown): boolean {
  return error instanceof AgentError && error.code === 'storage_full';
}
