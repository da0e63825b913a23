/** What only PostgreSQL does: migrations, views, sketches, and a ledger that agrees with the pure one. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { POSTGRES_MISSING, POSTGRES_NOTE, Postgres } from '../../test/support/postgres.ts';
import { bucketOf, quantile } from '../analytics/histogram.ts';
import { encodeMessage } from '../contract/messages.ts';
import { checkBatch, checkState } from './intake.ts';
import { openReport } from './report.ts';
import { batchBody, DEPS, doorRecord, EPOCH, FROM, gapBody, LATER, NOW, sqliteKind, stateOf } from './store.testing.ts';
import { type Arrival, type CollectorStore, openStore } from './store.ts';

describe.skipIf(POSTGRES_MISSING !== null)(`a PostgreSQL database${POSTGRES_NOTE}`, () => {
  let server: Postgres;
  let url = '';
  beforeAll(async () => {
    server = await Postgres.start({ settings: ['fsync=off'] });
  }, 60_000);
  beforeEach(async () => {
    url = await server.createDatabase();
  });
  afterAll(() => server?.stop());

  const batch = (body: Uint8Array): Arrival => {
    const checked = checkBatch(FROM, body);
    if (!checked.ok) throw new Error(checked.refused.message);
    return { kind: 'batch', batch: checked.batch };
  };
  const using = async <T>(work: (store: CollectorStore) => Promise<T>): Promise<T> => {
    const store = await openStore(url, DEPS);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  const base = (window: number, more: object) => {
    const { kind: _kind, entries: _entries, exits: _exits, ...record } = doorRecord({ window });
    const { store, rev, start_ms, end_ms, parameters } = record;
    return { place: 'floor', store, rev, window, start_ms, end_ms, parameters, ...more };
  };

  it('is migrated once though many collectors start together', async () => {
    const stores = await Promise.all(Array.from({ length: 6 }, () => openStore(url, DEPS)));
    await Promise.all(stores.map((store) => store.close()));
    expect(await server.query(url, 'SELECT version FROM schema_migration')).toEqual([{ version: 1 }]);
  });

  it('can be used by a role that may not make tables, once they are made', async () => {
    await using(async () => undefined);
    await server.query(url, 'DROP ROLE IF EXISTS writer');
    await server.query(url, 'CREATE ROLE writer LOGIN');
    await server.query(url, 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer');
    const limited = await openStore(url.replace('footfall@', 'writer@'), DEPS);
    expect(await limited.commit([batch(batchBody(1))], NOW)).toEqual([{ became: 'stored' }]);
    await limited.close();
    await server.query(url, 'DROP OWNED BY writer');
  });

  it('refuses to go on without its unique key, rather than store twice', async () => {
    await using(async (store) => {
      await server.query(url, 'ALTER TABLE batch DROP CONSTRAINT batch_pkey');
      await expect(store.commit([batch(batchBody(1))], NOW)).rejects.toThrow(/no unique or exclusion constraint/);
    });
  });

  it('keeps one message that it cannot hold apart from all others', async () => {
    await using(async (store) => {
      await server.query(
        url,
        `CREATE FUNCTION sour() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.sequence IN (3, 6) THEN RAISE EXCEPTION 'too sour' USING ERRCODE = '22003'; END IF; RETURN NEW; END $$`,
      );
      await server.query(url, 'CREATE TRIGGER sour BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION sour()');
      const arrivals = [1, 2, 3, 4, 5, 6, 7].map((sequence) => batch(batchBody(sequence)));
      const outcomes = await store.commit(arrivals, NOW);
      const refused = { became: 'refused', reason: 'the database cannot hold it: too sour' };
      const stored = { became: 'stored' };
      expect(outcomes).toEqual([stored, stored, refused, stored, stored, refused, stored]);
      expect(store.trouble).toBeNull();
      expect((await openReport(url, NOW)).gateways[0]).toMatchObject({ batches: 5, refused: 2 });
    });
  });

  it('lets collectors commit the same batches at the same time, in any order', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore(url, DEPS)));
    const bodies = Array.from({ length: 200 }, (_, index) => batch(batchBody(index + 1)));
    const outcomes = await Promise.all(
      stores.map((store, index) => store.commit(index % 2 === 0 ? bodies : [...bodies].reverse(), NOW)),
    );
    await Promise.all(stores.map((store) => store.close()));
    const all = outcomes.flat().map(({ became }) => became);
    expect(all.filter((became) => became === 'stored')).toHaveLength(200);
    expect(all.filter((became) => became === 'duplicate')).toHaveLength(600);
    expect((await openReport(url, NOW)).gaps).toEqual([]);
  });

  it('finds the quantiles of merged histograms that the gateways would find', async () => {
    await using(async () => undefined);
    const counts = fc.array(fc.tuple(fc.integer({ min: 0, max: 672 }), fc.integer({ min: 0, max: 1_000 })), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(counts, { maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (all, q) => {
          const [row] = await server.query(url, 'SELECT dwell_quantile_ms($1, $2) AS ms', [JSON.stringify(all), q]);
          const merged = new Map<number, number>();
          for (const [bucket, count] of all.flat()) merged.set(bucket, (merged.get(bucket) ?? 0) + count);
          const expected = quantile([...merged], q);
          expect(row.ms === null ? null : Number(row.ms)).toBe(expected);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('shows traffic, entry rate, dwell and days by their summed parts, over revisions, gateways and zones', async () => {
    const dwell = (place: string, dwells: number[]) => {
      const histogram = dwells.map((ms) => [bucketOf(ms), 1]);
      const sum = dwells.reduce((total, ms) => total + ms, 0);
      const counts = { visits: dwells.length, dwell_ms: sum, censored: 0, heard_once: 0, bounced: 0, engaged: 1 };
      return base(1, { kind: 'dwell', place, ...counts, histogram });
    };
    const traffic = (place: string, visits: number, people: number | null, rev = 1) => {
      const counts = { sightings: 9, random_sightings: 8, late_sightings: 0, bursts_inside: 0, bursts_outside: 0 };
      const present = { fixtures: 0, present_minutes: 30, minutes: 15, present_max: 4, factor: null };
      const guess = {
        people,
        people_low: people,
        people_high: people,
        people_state: people === null ? 'uncalibrated' : 'calibrated',
      };
      return base(1, { kind: 'traffic', place, rev, visits, passers_by: 10, ...counts, ...present, ...guess });
    };
    const entry = (entries: number, passing: number | null) =>
      base(1, {
        ...{ kind: 'entry', place: 'store', entries, passing_people: passing, visits: 5, passers_by: 15 },
        ...{ passing_state: passing === null ? 'uncalibrated' : 'calibrated', transactions: null },
      });
    const day = base(1, {
      ...{ kind: 'day', place: 'store', date: '2026-03-02', entries: 40, exits: 38, entry_ms: 9, exit_ms: 3 },
      ...{ dwell_ms: 600_000, dwell_error_ms: 12_000, drift: 2, occupancy_max: 9, visits: 5, passers_by: 15 },
      ...{ passing_people: 200.5, transactions: 8, coverage_permille: 990 },
    });
    await using(async (store) => {
      const one = [
        dwell('floor', [60_000, 300_000]),
        traffic('floor', 4, 2.5),
        traffic('café', 6, 1),
        entry(30, 100),
        day,
      ];
      const two = [dwell('floor', [900_000]), entry(10, 60)];
      const other = checkBatch({ tenant: 'acme', gateway: 'gw-2' }, batchBody(1, { gateway: 'gw-2', records: two }));
      if (!other.ok) throw new Error(other.refused.message);
      await store.commit([batch(batchBody(1, { records: one })), { kind: 'batch', batch: other.batch }], NOW);
      await store.commit([batch(batchBody(2, { window: 2, records: [traffic('floor', 5, 2.5, 2)] }))], NOW);
    });
    const numbers = async (view: string, columns: string) =>
      (await server.query(url, `SELECT ${columns} FROM ${view}`)).map((row) =>
        Object.values(row).map((value) => (typeof value === 'string' ? Number(value) : value)),
      );
    expect(await numbers('traffic', 'visits, passers_by, people')).toEqual([[11, 20, 3.5]]);
    expect(await numbers('entry_rate', 'entries, passing_people, entry_rate, device_entry_rate')).toEqual([
      [40, 160, 0.25, 0.25],
    ]);
    const [[visits, sum, mean, p50, p90]] = await numbers(
      'dwell',
      'visits, dwell_sum_ms, dwell_mean_ms, dwell_p50_ms, dwell_p90_ms',
    );
    expect([visits, sum, mean]).toEqual([3, 1_260_000, 420_000]);
    expect(Math.abs(Number(p50) / 300_000 - 1)).toBeLessThan(0.01);
    expect(Math.abs(Number(p90) / 900_000 - 1)).toBeLessThan(0.01);
    expect(await numbers('day_total', 'entries, exits, dwell_mean_ms, drift, coverage_permille')).toEqual([
      [40, 38, 600_000, 2, 990],
    ]);
    expect(
      await server.query(url, 'SELECT gateway, epochs::int, awaited::int FROM gateway_overview ORDER BY 1'),
    ).toEqual([
      { gateway: 'gw-1', epochs: 1, awaited: 0 },
      { gateway: 'gw-2', epochs: 1, awaited: 0 },
    ]);
    const views = ['latest_record', 'traffic', 'entry_rate', 'dwell', 'day_total', 'epoch_ledger', 'gap_ledger'];
    for (const view of [...views, 'gateway_overview']) {
      const [row] = await server.query(url, `SELECT obj_description('${view}'::regclass) AS comment`);
      expect(row.comment, view).toMatch(/\w/);
    }
  });

  it('unites the visitors of gateways from their sketches, and one that cannot be read fails no other', async () => {
    const [{ available }] = await server.query(
      url,
      "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'hll') AS available",
    );
    const told: string[] = [];
    const store = await openStore(url, { ...DEPS, log: (_level, _fields, message) => told.push(message) });
    if (!available) {
      expect(told.join()).toContain('does not have the extension hll');
      await store.close();
      return;
    }
    const sketchOf = async (first: number, last: number) => {
      const text = `SELECT substring(hll_add_agg(hll_hash_bigint(n), 12)::text FROM 3) AS sketch FROM generate_series($1::int, $2::int) n`;
      return (await server.query(url, text, [first, last]))[0].sketch;
    };
    const visitors = async (window: number, sketch: unknown) => {
      const day = { kind: 'visitors', place: `p${window}`, date: '2026-03-02', log2m: 12, regwidth: 5 };
      const told = { sketch, estimate: 0, keys: 1, visits: 0, random_share: null };
      return batch(batchBody(window, { window, records: [base(1, { ...day, ...told })] as never }));
    };
    await store.commit(
      [await visitors(1, await sketchOf(1, 3_000)), await visitors(2, await sketchOf(2_001, 5_000))],
      NOW,
    );
    await store.commit([await visitors(3, 'beef'), await visitors(4, null)], NOW);
    await store.close();
    const [row, ...more] = await server.query(url, 'SELECT store, log2m, sketches::int, visitors FROM visitors');
    expect(more).toEqual([]);
    expect(row).toMatchObject({ store: 's1', log2m: 12, sketches: 2 });
    expect(Math.abs(Number(row.visitors) / 5_000 - 1)).toBeLessThan(0.08);
  });

  it('keeps the gap ledger that SQLite and the pure rule find, whatever comes in whatever order', async () => {
    const sequence = fc.integer({ min: 1, max: 12 });
    const epoch = fc.constantFrom(EPOCH, LATER);
    const range = fc.tuple(epoch, sequence, sequence, fc.constantFrom('buffer_full', 'damaged'));
    const message = fc.oneof(
      fc.tuple(epoch, sequence).map(([of, at]) => batch(batchBody(at, { epoch: of }))),
      fc.tuple(epoch, sequence, fc.array(range, { minLength: 1, maxLength: 3 })).map(([of, at, ranges]) =>
        batch(
          gapBody(
            at,
            ranges.map(([other, a, b, reason]) => ({
              epoch: other,
              from_seq: Math.min(a, b),
              to_seq: Math.max(a, b),
              reason,
            })),
            of,
          ),
        ),
      ),
      fc
        .record({
          epoch,
          first_sequence: sequence,
          sealed_through: fc.nat(12),
          oldest_held: fc.option(sequence),
          previous: fc.option(
            fc.record({ epoch, last_sequence: fc.nat(12), oldest_held: fc.option(sequence), end: fc.constant(null) }),
          ),
        })
        .map((state): Arrival => {
          const checked = checkState(FROM, encodeMessage(stateOf(state)));
          if (!checked.ok) throw new Error(checked.refused.message);
          return { kind: 'state', from: FROM, state: checked.state };
        }),
    );
    const sqlite = sqliteKind();
    await using(async (store) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(message, { maxLength: 6 }), { maxLength: 4 }), async (commits) => {
          const other = await sqlite.subject();
          await server.query(url, 'TRUNCATE batch, record, gateway, epoch, told, refusal');
          try {
            for (const arrivals of commits) {
              expect(await store.commit(arrivals, NOW)).toEqual(await other.store.commit(arrivals, NOW));
            }
            const order = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
            const [here, there] = [await openReport(url, NOW), await other.report()];
            expect([...here.gaps].sort(order)).toEqual([...there.gaps].sort(order));
            expect(here.gateways).toEqual(there.gateways);
          } finally {
            await other.end();
          }
        }),
        { numRuns: 15 },
      );
    });
  }, 60_000);
});
