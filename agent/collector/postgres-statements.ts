/** What a commit says to PostgreSQL. Prepared by name once a connection; many rows each. */

/** The bodies come as one run of octets with an offset for each: arrays of bytea would be sent as hexadecimal text. */
export const INSERT_BATCHES = {
  name: 'batches',
  text: `INSERT INTO batch (tenant, gateway, epoch, sequence, window_ordinal, received_ms, digest, body)
    SELECT tenant, gateway, epoch, sequence, nullif(window_ordinal, 0), $6,
      substring($7::bytea FROM n::integer * 32 - 31 FOR 32), substring($8::bytea FROM start FOR octets)
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $9::integer[], $10::integer[])
      WITH ORDINALITY AS b(tenant, gateway, epoch, sequence, window_ordinal, start, octets, n)
    ON CONFLICT (tenant, gateway, epoch, sequence) DO NOTHING
    RETURNING tenant, gateway, epoch, sequence`,
};

export const SELECT_DIGESTS = {
  name: 'digests',
  text: `SELECT b.tenant, b.gateway, b.epoch, b.sequence, b.digest
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS k(tenant, gateway, epoch, sequence)
    JOIN batch b USING (tenant, gateway, epoch, sequence)`,
};

const RECORDS_SENT = `jsonb_array_elements($1::jsonb) AS b CROSS JOIN jsonb_array_elements(b->'records') AS r`;

export const INSERT_RECORDS = {
  name: 'records',
  text: `INSERT INTO record
      (tenant, gateway, epoch, window_ordinal, kind, store, place, rev, start_ms, end_ms, sequence, body)
    SELECT b->>'tenant', b->>'gateway', b->>'epoch', (r->>'window')::bigint, r->>'kind', r->>'store', r->>'place',
      (r->>'rev')::bigint, (r->>'start_ms')::bigint, (r->>'end_ms')::bigint, (b->>'sequence')::bigint, r
    FROM ${RECORDS_SENT}
    ON CONFLICT (tenant, gateway, epoch, window_ordinal, kind, store, place, rev) DO NOTHING`,
};

/** Asked only where fewer were inserted than sent. */
export const SELECT_RECORD_CONFLICTS = {
  name: 'record conflicts',
  text: `SELECT b->>'tenant' AS tenant, b->>'gateway' AS gateway, b->>'epoch' AS epoch,
      (b->>'sequence')::bigint AS sequence, r->>'kind' AS kind, (r->>'window')::bigint AS window,
      (r->>'rev')::bigint AS rev
    FROM ${RECORDS_SENT}
    JOIN record ON record.tenant = b->>'tenant' AND record.gateway = b->>'gateway' AND record.epoch = b->>'epoch'
      AND record.window_ordinal = (r->>'window')::bigint AND record.kind = r->>'kind' AND record.store = r->>'store'
      AND record.place = r->>'place' AND record.rev = (r->>'rev')::bigint
    WHERE record.body <> r`,
};

export const ADD_TOLD = {
  name: 'told',
  text: `INSERT INTO told AS t (tenant, gateway, epoch, reason, sequences)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8multirange[])
    ON CONFLICT (tenant, gateway, epoch, reason) DO UPDATE SET sequences = t.sequences + excluded.sequences`,
};

export const ADD_EPOCHS = {
  name: 'epochs',
  text: `INSERT INTO epoch AS e (tenant, gateway, epoch, first_sequence, sealed_through, gone_below, stored)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::int8multirange[])
    ON CONFLICT (tenant, gateway, epoch) DO UPDATE SET
      first_sequence = coalesce(excluded.first_sequence, e.first_sequence),
      sealed_through = greatest(e.sealed_through, excluded.sealed_through),
      gone_below = greatest(e.gone_below, excluded.gone_below),
      stored = e.stored + excluded.stored`,
};

export const ADD_GATEWAYS = {
  name: 'gateways',
  text: `INSERT INTO gateway AS g (tenant, gateway, time_zone, seen_ms)
    SELECT tenant, gateway, time_zone, $4 FROM unnest($1::text[], $2::text[], $3::text[]) AS n(tenant, gateway, time_zone)
    ON CONFLICT (tenant, gateway) DO UPDATE SET
      seen_ms = greatest(g.seen_ms, excluded.seen_ms), time_zone = coalesce(excluded.time_zone, g.time_zone)`,
};

/** A will whose birth is not the last one heard ends a connection that is past. One state a gateway. */
export const SET_STATES = {
  name: 'states',
  text: `UPDATE gateway g SET birth = n.birth, online = n.online, state = n.state::jsonb
    FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[])
      AS n(tenant, gateway, birth, online, state)
    WHERE g.tenant = n.tenant AND g.gateway = n.gateway AND (n.online OR g.birth IS NULL OR g.birth = n.birth)`,
};

export const ADD_REFUSALS = {
  name: 'refusals',
  text: `INSERT INTO refusal (tenant, gateway, epoch, sequence, code, message, received_ms)
    SELECT tenant, gateway, epoch, sequence, code, message, $7
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
      AS n(tenant, gateway, epoch, sequence, code, message)`,
};

export const TRIM_REFUSALS = {
  name: 'trim',
  text: 'DELETE FROM refusal WHERE id <= (SELECT max(id) FROM refusal) - $1',
};
