/** An open database with all that lives as long as its connection, and how to come back to it after its medium failed. */
import { statSync } from 'node:fs';
import { AgentError } from '../errors.ts';
import { type OpenDatabase, openFile, takeLock } from './database.ts';
import { Outbox } from './outbox.ts';
import { prepareStatements, type Statements } from './statements.ts';
import { errorCode, storageError } from './storage-error.ts';

export interface Session {
  file: OpenDatabase;
  statements: Statements;
  outbox: Outbox;
  /** Damage that was met: what is written from then on could not be trusted. */
  damage: AgentError | null;
}

export function sessionOn(file: OpenDatabase, statements: Statements): Session {
  return { file, statements, outbox: new Outbox(statements), damage: null };
}

/**
 * Opens the same database again, once its medium answers. Makes none: where a card is not mounted its folder is empty.
 * @param failure what is thrown while there is no file.
 * @throws AgentError also `storage_failed` where another database lies there now.
 */
export function regain(path: string, epoch: string, failure: AgentError): Session {
  if (sizeOf(path) === 0) throw failure;
  const held: { close(): void }[] = [];
  const close = (): void => {
    for (const connection of held.splice(0).reverse()) connection.close();
  };
  try {
    held.push(takeLock(path));
    const database = openFile(path);
    held.push(database);
    const statements = prepareStatements(database);
    const found = statements.readMeta.get('epoch');
    if (found === epoch) return sessionOn({ database, close }, statements);
    throw new AgentError(
      'storage_failed',
      `expected the database of epoch ${epoch}, found ${found === undefined ? 'one without' : `that of ${found}`}`,
      'Another database lies in its place: put the right one back, or restart the daemon to go on with this one.',
    );
  } catch (error) {
    close();
    throw storageError(error);
  }
}

/**
 * Whether it was the medium or the file system that failed: read-only, unmounted, an input or output error. The files are
 * closed then, so that the medium can be checked and mounted again, which an open file prevents.
 */
export function isOfMedium({ code, cause }: AgentError): boolean {
  return code === 'storage_io' || /^(SQLITE_(READONLY|CANTOPEN)|EROFS$)/.test(errorCode(cause));
}

function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}
