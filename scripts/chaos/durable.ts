/** What a dead daemon's database holds, read as the next daemon would. */
import Database from 'better-sqlite3';
import { Fold } from '../../agent/analytics/fold.ts';
import { InputKind } from '../../agent/readings.ts';
import { decodeRows } from '../../agent/storage/columns.ts';

/** Times up to which what came over the lines is in the journal or the snapshot, UTC milliseconds. */
export interface Durable {
  crossings: number;
  sightings: number;
}

/** Time is moved to a step before its bytes are sent: a snapshot of that very time does not hold them. */
export function readDurable(path: string): Durable {
  const database = new Database(path, { readonly: true });
  try {
    const snapshot = database.prepare('SELECT body FROM snapshot').get() as { body: Uint8Array } | undefined;
    const journal = database.prepare('SELECT body FROM journal ORDER BY first_ordinal').all() as { body: Uint8Array }[];
    const folded = snapshot === undefined ? 0 : Fold.restore(snapshot.body).at - 1;
    const durable = { crossings: folded, sightings: folded };
    for (const { body } of journal) {
      const rows = decodeRows(body);
      for (let row = 0; row < rows.length; row++) {
        const kind = rows.kind[row];
        if (kind === InputKind.sighting) durable.sightings = Math.max(durable.sightings, rows.at[row]);
        if (kind === InputKind.crossing) durable.crossings = Math.max(durable.crossings, rows.at[row]);
      }
    }
    return durable;
  } finally {
    database.close();
  }
}
