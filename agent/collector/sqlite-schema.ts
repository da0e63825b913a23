/** Tables of a collector's SQLite database. */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS batches (
    source TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    -- 0 for a gap record, which has none.
    window INTEGER NOT NULL,
    digest BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (source, sequence)
  );
  -- The tenant and gateway are in the key so that nobody can occupy another's epoch.
  CREATE TABLE IF NOT EXISTS records (
    tenant TEXT NOT NULL,
    gateway TEXT NOT NULL,
    epoch TEXT NOT NULL,
    window INTEGER NOT NULL,
    store TEXT NOT NULL,
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    rev INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (epoch, window, store, place, kind, rev, tenant, gateway)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_time ON records (tenant, gateway, kind, start_ms);
  CREATE TABLE IF NOT EXISTS gateways (
    tenant TEXT NOT NULL,
    gateway TEXT NOT NULL,
    birth TEXT,
    online INTEGER,
    seen_ms INTEGER NOT NULL,
    time_zone TEXT,
    state TEXT,
    PRIMARY KEY (tenant, gateway)
  );
  -- What each epoch is known to have sealed, and what its gateway no longer holds.
  CREATE TABLE IF NOT EXISTS epochs (
    source TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    gateway TEXT NOT NULL,
    epoch TEXT NOT NULL,
    sealed_through INTEGER NOT NULL DEFAULT 0,
    gone_below INTEGER NOT NULL DEFAULT 0
  );
  -- What gap records told as gone.
  CREATE TABLE IF NOT EXISTS told (
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    UNIQUE (source, reason, first, last)
  );
  CREATE TABLE IF NOT EXISTS refusals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    gateway TEXT NOT NULL,
    epoch TEXT,
    sequence INTEGER,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    received_ms INTEGER NOT NULL
  );
  CREATE VIEW IF NOT EXISTS latest AS
    SELECT tenant, gateway, epoch, window, store, place, kind, max(rev) AS rev, start_ms, body
    FROM records GROUP BY epoch, window, store, place, kind, tenant, gateway;
`;

/** Columns added since, where an older file lacks them. */
export const ADDED_COLUMNS = [{ table: 'epochs', column: 'first_sequence', type: 'INTEGER' }] as const;
