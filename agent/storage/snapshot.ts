/** The snapshot of the fold, with a checksum: a flipped bit in it would count wrongly for ever. */
import { crc32 } from 'node:zlib';
import type { Statements } from './statements.ts';
import type { Snapshot } from './storage.ts';
import { damaged } from './storage-error.ts';

export function writeSnapshot(statements: Statements, { version, ordinal, body }: Snapshot): void {
  statements.writeSnapshot.run(version, ordinal, body, crc32(body));
}

/** Null where there is none. @throws AgentError `database_damaged` where its bytes are not those that were written. */
export function readSnapshot(statements: Statements): Snapshot | null {
  const found = statements.readSnapshot.get();
  if (found === undefined) return null;
  const { version, ordinal, body, checksum } = found;
  // A release without checksums wrote it.
  if (checksum !== null && checksum !== crc32(body)) throw damaged('a snapshot whose checksum is wrong');
  return { version, ordinal, body };
}
