/** What the platform's analysts read. Units are in the names: _ms milliseconds, timestamps UTC. */

export const FUNCTIONS = `
CREATE FUNCTION dwell_quantile_ms(histograms jsonb, q double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  WITH bucket AS (
    SELECT least(greatest((pair->>0)::bigint, 0), 2000) AS bucket, sum((pair->>1)::bigint) AS visits
    FROM jsonb_array_elements(histograms) AS histogram, jsonb_array_elements(histogram) AS pair
    GROUP BY 1
  ), running AS (
    SELECT bucket, sum(visits) OVER (ORDER BY bucket) AS seen, sum(visits) OVER () AS total FROM bucket
  )
  SELECT round(1000 * exp((bucket + 0.5) * ln(1.02::double precision)))::bigint
  FROM running WHERE total > 0 AND seen >= greatest(1, ceil(q * total)) ORDER BY bucket LIMIT 1
$$;
COMMENT ON FUNCTION dwell_quantile_ms(jsonb, double precision) IS
  'Quantile of dwell in milliseconds, within 1 %, over any set of dwell records: pass jsonb_agg(body->''histogram'').';
`;

export const VIEWS = `
CREATE VIEW latest_record AS
  SELECT r.*, to_timestamp(greatest(r.start_ms, 0) / 1000.0) AS window_start, to_timestamp(greatest(r.end_ms, 0) / 1000.0) AS window_end
  FROM record r
  WHERE NOT EXISTS (
    SELECT FROM record h
    WHERE (h.tenant, h.gateway, h.epoch, h.window_ordinal, h.kind, h.store, h.place)
        = (r.tenant, r.gateway, r.epoch, r.window_ordinal, r.kind, r.store, r.place) AND h.rev > r.rev
  );
COMMENT ON VIEW latest_record IS 'The highest revision of each record.';

CREATE VIEW traffic AS
  SELECT tenant, store, window_start, window_end,
    sum((body->>'sightings')::bigint) AS sightings,
    sum((body->>'random_sightings')::bigint) AS random_sightings,
    sum((body->>'visits')::bigint) AS visits,
    sum((body->>'passers_by')::bigint) AS passers_by,
    sum((body->>'present_minutes')::bigint) AS present_device_minutes,
    CASE WHEN bool_and(body->>'people_state' = 'calibrated') THEN sum((body->>'people')::numeric) END AS people
  FROM latest_record WHERE kind = 'traffic'
  GROUP BY tenant, store, window_start, window_end;
COMMENT ON VIEW traffic IS 'Devices by store and window, over all its zones and gateways.';
COMMENT ON COLUMN traffic.people IS 'Mean number of people inside, summed over zones; null unless all are calibrated.';

CREATE VIEW entry_rate AS
  SELECT tenant, store, window_start, window_end,
    sum((body->>'entries')::bigint) AS entries,
    sum((body->>'passing_people')::numeric) AS passing_people,
    sum((body->>'visits')::bigint) AS visits,
    sum((body->>'visits')::bigint + (body->>'passers_by')::bigint) AS devices,
    sum((body->>'transactions')::bigint) AS transactions,
    sum((body->>'entries')::bigint) / nullif(sum((body->>'passing_people')::numeric), 0) AS entry_rate,
    sum((body->>'visits')::bigint)::numeric
      / nullif(sum((body->>'visits')::bigint + (body->>'passers_by')::bigint), 0) AS device_entry_rate
  FROM latest_record WHERE kind = 'entry'
  GROUP BY tenant, store, window_start, window_end;
COMMENT ON VIEW entry_rate IS
  'Entry rate by store and window. Over more windows or stores: sum entries and passing_people first, then divide.';
COMMENT ON COLUMN entry_rate.passing_people IS 'People passing, visitors included; null where not calibrated.';

CREATE VIEW dwell AS
  SELECT tenant, store, window_start, window_end,
    sum((body->>'visits')::bigint) AS visits,
    sum((body->>'dwell_ms')::bigint) AS dwell_sum_ms,
    sum((body->>'dwell_ms')::bigint)::numeric / nullif(sum((body->>'visits')::bigint), 0) AS dwell_mean_ms,
    dwell_quantile_ms(jsonb_agg(body->'histogram'), 0.5) AS dwell_p50_ms,
    dwell_quantile_ms(jsonb_agg(body->'histogram'), 0.9) AS dwell_p90_ms,
    sum((body->>'bounced')::bigint) AS bounced,
    sum((body->>'engaged')::bigint) AS engaged,
    sum((body->>'censored')::bigint) AS censored,
    jsonb_agg(body->'histogram') AS histograms
  FROM latest_record WHERE kind = 'dwell'
  GROUP BY tenant, store, window_start, window_end;
COMMENT ON VIEW dwell IS
  'Dwell of identities that last, by store and window in which the visit ended. Over more: sum the parts, merge histograms.';

CREATE VIEW day_total AS
  SELECT tenant, store, CASE WHEN body->>'date' >= '0001-01-01' THEN (body->>'date')::date END AS day, place,
    sum((body->>'entries')::bigint) AS entries,
    sum((body->>'exits')::bigint) AS exits,
    sum((body->>'visits')::bigint) AS visits,
    sum((body->>'passers_by')::bigint) AS passers_by,
    sum((body->>'passing_people')::numeric) AS passing_people,
    sum((body->>'transactions')::bigint) AS transactions,
    sum((body->>'drift')::bigint) AS drift,
    sum((body->>'dwell_ms')::numeric * (body->>'entries')::bigint)
      / nullif(sum((body->>'entries')::bigint) FILTER (WHERE body->>'dwell_ms' IS NOT NULL), 0) AS dwell_mean_ms,
    max((body->>'dwell_error_ms')::numeric) AS dwell_error_ms,
    min((body->>'coverage_permille')::integer) AS coverage_permille
  FROM latest_record WHERE kind = 'day'
  GROUP BY tenant, store, day, place;
COMMENT ON VIEW day_total IS 'The store''s local day as settled after closing, over its gateways and epochs.';
COMMENT ON COLUMN day_total.dwell_mean_ms IS 'By Little''s law over the doors, weighted by entries.';
COMMENT ON COLUMN day_total.dwell_error_ms IS 'Standard error, the largest of those summed up.';
COMMENT ON COLUMN day_total.coverage_permille IS 'Share of the sensors'' time that was covered, the lowest of those summed up.';

CREATE VIEW epoch_ledger AS
  WITH known AS (
    SELECT e.*, coalesce(t.told, '{}') AS told,
      greatest(e.sealed_through, upper(e.stored) - 1, upper(t.told) - 1) AS last_sequence,
      -- The first of it that is known, less one: an epoch whose own state never came begins behind the one before.
      CASE WHEN isempty(e.stored) THEN e.sealed_through ELSE least(lower(e.stored) - 1, e.sealed_through) END AS reach
    FROM epoch e
    LEFT JOIN (
      SELECT tenant, gateway, epoch, range_agg(sequences) AS told FROM told GROUP BY tenant, gateway, epoch
    ) t USING (tenant, gateway, epoch)
  ), bounded AS (
    SELECT k.*, coalesce(k.first_sequence, 1 + (
      SELECT max(o.last_sequence) FROM known o
      WHERE o.tenant = k.tenant AND o.gateway = k.gateway AND o.epoch <> k.epoch AND o.last_sequence <= k.reach
        AND o.last_sequence >= coalesce(o.first_sequence, 0)
    ), 1) AS begins
    FROM known k
  ), missing AS (
    SELECT b.*, int8multirange(int8range(least(begins, last_sequence + 1), last_sequence + 1)) - stored - told AS missing
    FROM bounded b
  )
  SELECT tenant, gateway, epoch, begins AS first_sequence, last_sequence, gone_below, stored, told,
    missing * int8multirange(int8range(gone_below, NULL)) AS awaited,
    missing * int8multirange(int8range(NULL, gone_below)) AS lost
  FROM missing;
COMMENT ON VIEW epoch_ledger IS
  'By gateway and epoch: first_sequence to last_sequence were sealed; each is stored, told as gone, awaited or lost.';

CREATE VIEW gap_ledger AS
  SELECT tenant, gateway, epoch, state, reason, lower(r) AS first_sequence, upper(r) - 1 AS last_sequence,
    upper(r) - lower(r) AS sequences
  FROM (
    SELECT tenant, gateway, epoch, 'awaited' AS state, NULL::text AS reason, unnest(awaited) AS r FROM epoch_ledger
    UNION ALL
    SELECT tenant, gateway, epoch, 'lost', NULL, unnest(lost) FROM epoch_ledger
    UNION ALL
    SELECT tenant, gateway, epoch, 'told', t.reason, unnest(t.sequences - e.stored)
    FROM told t JOIN epoch e USING (tenant, gateway, epoch)
  ) gap;
COMMENT ON VIEW gap_ledger IS
  'Sequences that were sealed and are not here. awaited: the gateway may still hold them; lost: it does not, and did not say why; told: gone for the reason given.';

CREATE VIEW gateway_overview AS
  SELECT g.tenant, g.gateway, g.online, to_timestamp(g.seen_ms / 1000.0) AS last_seen, g.seen_ms, g.time_zone,
    g.state->>'version' AS version,
    coalesce(l.epochs, 0) AS epochs, coalesce(l.sequences, 0) AS sequences_stored,
    coalesce(m.awaited, 0) AS awaited, coalesce(m.lost, 0) AS lost, coalesce(m.told, 0) AS told,
    coalesce(r.refused, 0) AS refused
  FROM gateway g
  LEFT JOIN (
    SELECT tenant, gateway, count(*) AS epochs,
      sum((SELECT sum(upper(s) - lower(s)) FROM unnest(stored) s)) AS sequences
    FROM epoch GROUP BY tenant, gateway
  ) l USING (tenant, gateway)
  LEFT JOIN (
    SELECT tenant, gateway, sum(sequences) FILTER (WHERE state = 'awaited') AS awaited,
      sum(sequences) FILTER (WHERE state = 'lost') AS lost, sum(sequences) FILTER (WHERE state = 'told') AS told
    FROM gap_ledger GROUP BY tenant, gateway
  ) m USING (tenant, gateway)
  LEFT JOIN (SELECT tenant, gateway, count(*) AS refused FROM refusal GROUP BY tenant, gateway) r USING (tenant, gateway);
COMMENT ON VIEW gateway_overview IS 'One line a gateway: when it was heard, what it sealed that is not here.';
`;

/** Only where the extension hll is: unions of visitors over gateways, windows and stores. */
export const VISITOR_VIEWS = `
CREATE OR REPLACE FUNCTION visitor_sketch(text) RETURNS hll LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN ('\\x' || $1)::hll;
EXCEPTION WHEN OTHERS THEN
  -- A sketch that cannot be read must not fail the union of all others.
  RETURN NULL;
END $$;
CREATE OR REPLACE VIEW visitor AS
  SELECT tenant, store, gateway, window_start, window_end, visitor_sketch(body->>'sketch') AS sketch
  FROM latest_record WHERE kind = 'visitors';
COMMENT ON VIEW visitor IS
  'Sketches of distinct visitors. Of any set made with one log2m and one key: hll_cardinality(hll_union_agg(sketch)).';
CREATE OR REPLACE VIEW visitors AS
  SELECT tenant, store, window_start, window_end, hll_log2m(sketch) AS log2m, count(*) AS sketches,
    hll_cardinality(hll_union_agg(sketch)) AS visitors
  FROM visitor WHERE sketch IS NOT NULL
  -- Only sketches of one shape unite.
  GROUP BY tenant, store, window_start, window_end, hll_log2m(sketch), hll_regwidth(sketch), hll_expthresh(sketch),
    hll_sparseon(sketch);
COMMENT ON VIEW visitors IS 'Distinct visitors by store, united over its gateways; an estimate.';
`;
