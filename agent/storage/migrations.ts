/**
 * The database's shape and how an older one grows into it. A step only expands (a new table, a new column with a
 * default), so an older release works on a newer one's database. `user_version` is SHAPE * 1000 + steps taken; SHAPE
 * changes only when that promise has to be broken.
 */
import type { Database } from 'better-sqlite3';
import { AgentError } from '../errors.ts';

/** Marks the file as ours (`PRAGMA application_id`): "FTFL". */
export const APPLICATION_ID = 0x4654464c;
export const SHAPE = 1;
const STEPS_PER_SHAPE = 1000;

/** Never change a step that was released: add one at the end. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE journal(first_ordinal INTEGER PRIMARY KEY, last_ordinal INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
  CREATE TABLE snapshot(
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, ordinal INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE outbox(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, window_ordinal INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE dead_letter(
    sequence INTEGER PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE history(
    kind TEXT NOT NULL, place TEXT NOT NULL, window INTEGER NOT NULL, rev INTEGER NOT NULL,
    start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, place, window, rev)
  ) STRICT;
  CREATE INDEX history_start ON history(start_ms);
  `,
  // What is open has a table of its own: however often it flaps, trimming the rows never forgets that it began.
  `
  CREATE TABLE health(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL,
    change TEXT NOT NULL, message TEXT NOT NULL
  ) STRICT;
  CREATE TABLE health_open(
    code TEXT NOT NULL, subject TEXT NOT NULL, at_ms INTEGER NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (code, subject)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE outbox ADD COLUMN sealed_ms INTEGER;
  `,
  // An epoch that is null is the one in meta: who begins another writes the old one into those rows first. Kind 0 is a
  // window, 1 a gap record. A digest is the first 16 bytes of the body's SHA-256; a row without one is taken as it is.
  `
  ALTER TABLE outbox ADD COLUMN epoch TEXT;
  ALTER TABLE outbox ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE outbox ADD COLUMN digest BLOB;
  ALTER TABLE dead_letter ADD COLUMN window_ordinal INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE dead_letter ADD COLUMN sealed_ms INTEGER;
  ALTER TABLE dead_letter ADD COLUMN at_ms INTEGER;
  ALTER TABLE dead_letter ADD COLUMN epoch TEXT;
  ALTER TABLE dead_letter ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE dead_letter ADD COLUMN digest BLOB;
  ALTER TABLE snapshot ADD COLUMN checksum INTEGER;
  CREATE TABLE gap(
    id INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL, from_sequence INTEGER NOT NULL,
    to_sequence INTEGER NOT NULL, reason TEXT NOT NULL, told_in INTEGER
  ) STRICT;
  CREATE INDEX gap_told ON gap(told_in);
  `,
];

/**
 * How many steps a database has taken. Only reads, so that a file that is not ours stays as it is.
 * @throws AgentError `database_foreign` for a database of another program, or of a shape this release does not know.
 */
export function stepsTaken(database: Database): number {
  return stepsRead((sql) => database.prepare<[], unknown>(sql).pluck().get());
}

/** The same for a database that something else than this release's owner reads: `first` gives a query's first value. */
export function stepsRead(first: (sql: string) => unknown): number {
  if (first('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined) return 0;
  if (first('PRAGMA application_id') !== APPLICATION_ID) throw foreign('the database of another program');
  const version = Number(first('PRAGMA user_version'));
  const shape = Math.floor(version / STEPS_PER_SHAPE);
  if (shape !== SHAPE) throw foreign(`a database of shape ${shape}, where this release knows shape ${SHAPE}`);
  return version % STEPS_PER_SHAPE;
}

/** Brings a database to the newest shape; one that a newer release already brought further stays as it is. */
export function migrate(database: Database, migrations: readonly string[] = MIGRATIONS): void {
  for (let step = stepsTaken(database); step < migrations.length; step++) {
    database
      .transaction(() => {
        database.exec(migrations[step]);
        database.pragma(`application_id = ${APPLICATION_ID}`);
        database.pragma(`user_version = ${SHAPE * STEPS_PER_SHAPE + step + 1}`);
      })
      .immediate();
  }
}

export function foreign(found: string): AgentError {
  return new AgentError(
    'database_foreign',
    `expected this program's database, found ${found}`,
    'Nothing was changed; set another path, or move the file away if it is not needed.',
  );
}
