/**
 * The tables of a PostgreSQL database, as numbered migrations. They only expand: an older collector goes on working beside a
 * newer one. A migration that was released is never changed, only followed by another.
 */
import { FUNCTIONS, VIEWS } from './postgres-views.ts';

const TABLES = `
CREATE TABLE batch (
  tenant text COLLATE "C" NOT NULL,
  gateway text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  window_ordinal bigint,
  received_ms bigint NOT NULL,
  digest bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (tenant, gateway, epoch, sequence)
);
COMMENT ON TABLE batch IS 'Every batch and gap record once, as it was sent. Sealed bytes never change.';
COMMENT ON COLUMN batch.sequence IS 'Numbers the batches and gap records of a gateway, from epoch to epoch.';
COMMENT ON COLUMN batch.window_ordinal IS 'Ordinal of the window in its epoch; null for a gap record.';
COMMENT ON COLUMN batch.received_ms IS 'When it was committed: the collector''s clock, UTC milliseconds.';
COMMENT ON COLUMN batch.digest IS 'SHA-256 of the body.';
COMMENT ON COLUMN batch.body IS 'CloudEvents 1.0 JSON.';

CREATE TABLE record (
  tenant text COLLATE "C" NOT NULL,
  gateway text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  window_ordinal bigint NOT NULL,
  kind text COLLATE "C" NOT NULL,
  store text COLLATE "C" NOT NULL,
  place text COLLATE "C" NOT NULL,
  rev bigint NOT NULL,
  start_ms bigint NOT NULL,
  end_ms bigint NOT NULL,
  sequence bigint NOT NULL,
  body jsonb NOT NULL,
  PRIMARY KEY (tenant, gateway, epoch, window_ordinal, kind, store, place, rev)
);
CREATE INDEX record_by_time ON record USING brin (start_ms) WITH (autosummarize = on);
COMMENT ON TABLE record IS 'Every revision of every record; the highest rev of a key holds (view latest_record).';
COMMENT ON COLUMN record.start_ms IS 'Start of the window, UTC milliseconds: an attribute, never a key.';
COMMENT ON COLUMN record.sequence IS 'The batch that brought it first.';
COMMENT ON COLUMN record.body IS 'The record as it was sent; fields and units as in the contract.';

CREATE TABLE gateway (
  tenant text COLLATE "C" NOT NULL,
  gateway text COLLATE "C" NOT NULL,
  seen_ms bigint NOT NULL,
  time_zone text,
  birth text,
  online boolean,
  state jsonb,
  PRIMARY KEY (tenant, gateway)
) WITH (fillfactor = 50);
COMMENT ON TABLE gateway IS 'Every gateway heard, with its last state message.';
COMMENT ON COLUMN gateway.seen_ms IS 'When its last message was committed, UTC milliseconds.';
COMMENT ON COLUMN gateway.birth IS 'The connection that the state is of; the will of an older one changes nothing.';

CREATE TABLE epoch (
  tenant text COLLATE "C" NOT NULL,
  gateway text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  first_sequence bigint,
  sealed_through bigint NOT NULL,
  gone_below bigint NOT NULL,
  stored int8multirange NOT NULL,
  PRIMARY KEY (tenant, gateway, epoch)
) WITH (fillfactor = 50);
COMMENT ON TABLE epoch IS 'One database of a gateway: what it sealed, what it no longer holds, what is here.';
COMMENT ON COLUMN epoch.first_sequence IS 'Its first sequence; null until its own state message came.';
COMMENT ON COLUMN epoch.sealed_through IS 'The last sequence it is known to have sealed.';
COMMENT ON COLUMN epoch.gone_below IS 'What is missing below is no longer on the gateway, and will not come.';
COMMENT ON COLUMN epoch.stored IS 'Sequences in table batch; both change in one transaction.';

CREATE TABLE told (
  tenant text COLLATE "C" NOT NULL,
  gateway text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  sequences int8multirange NOT NULL,
  PRIMARY KEY (tenant, gateway, epoch, reason)
);
COMMENT ON TABLE told IS 'Sequences that gap records told as gone, by reason.';

CREATE TABLE refusal (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  gateway text COLLATE "C" NOT NULL,
  epoch text,
  sequence bigint,
  code text NOT NULL,
  message text NOT NULL,
  received_ms bigint NOT NULL
);
COMMENT ON TABLE refusal IS 'The newest messages and records that were not stored, and why; a bounded number.';

DO $$
BEGIN
  ALTER TABLE batch ALTER COLUMN body SET COMPRESSION lz4;
  ALTER TABLE record ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
  RAISE NOTICE 'this server has no lz4: bodies are compressed by pglz, which takes longer';
END $$;
`;

export interface Migration {
  version: number;
  sql: string;
}

export const MIGRATIONS: readonly Migration[] = [{ version: 1, sql: `${TABLES}\n${FUNCTIONS}\n${VIEWS}` }];
