/** What SQLite and the file system throw, in the product's words. */
import BetterSqlite from 'better-sqlite3';
import { AgentError, reasonOf } from '../errors.ts';

/** Turns anything thrown by a storage operation into an AgentError: what was meant failed, and nothing of it was kept. */
export function storageError(error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  const code = errorCode(error);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return damaged(reasonOf(error), error);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new AgentError('storage_full', 'expected room to write, found a full disk', 'Free space on the disk.', {
      cause: error,
    });
  }
  if (/^(SQLITE_READONLY(_DIRECTORY|_CANTINIT|_CANTLOCK)?|EROFS)$/.test(code)) {
    return new AgentError(
      'storage_read_only',
      'expected to write, found a file system that is read-only',
      'The kernel makes a failing disk read-only: see sudo dmesg. Then mount it again, or replace it.',
      { cause: error },
    );
  }
  if (/^(SQLITE_IOERR|EIO$|ENODEV$|ENXIO$)/.test(code)) {
    return new AgentError(
      'storage_io',
      `expected the disk to answer, found: ${reasonOf(error)} (${code})`,
      'The disk or card fails, or is gone: see sudo dmesg. Mount it again, or replace it.',
      { cause: error },
    );
  }
  return new AgentError(
    'storage_failed',
    `expected the database to answer, found: ${reasonOf(error)}${code === '' ? '' : ` (${code})`}`,
    'Check the disk, its permissions and the kernel log.',
    { cause: error },
  );
}

export function damaged(found: string, cause?: unknown): AgentError {
  return new AgentError(
    'database_damaged',
    `expected a whole database, found: ${found}`,
    'The daemon sets such a file aside, keeps what can be read and begins a new one; the medium may be failing: check it.',
    { cause },
  );
}

/** What was found, without what was expected. */
export function foundIn(error: unknown): string {
  return reasonOf(error).replace(/^expected .*?, found:? /, '');
}

export function errorCode(error: unknown): string {
  if (error instanceof BetterSqlite.SqliteError) return error.code;
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
