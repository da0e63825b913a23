/** Our sketches against postgresql-hll itself: the same bytes, the same estimate, the same union. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { POSTGRES_MISSING, POSTGRES_NOTE, Postgres } from '../../test/support/postgres.ts';
import { addHash, estimate, type Registers, storageBytes, unite } from './hyperloglog.ts';

/** An empty set is of a type of its own there: see below. */
const ADDED = 'SELECT hll_add_agg(hash::hll_hashval, 12, 5, 0, 1)::text AS sketch';

describe.skipIf(POSTGRES_MISSING !== null)(`a sketch in PostgreSQL${POSTGRES_NOTE}`, () => {
  let server: Postgres;
  let available = false;
  beforeAll(async () => {
    server = await Postgres.start({ settings: ['fsync=off'] });
    const found = await server.query(server.url(), "SELECT FROM pg_available_extensions WHERE name = 'hll'");
    available = found.length > 0;
    if (available) await server.query(server.url(), 'CREATE EXTENSION hll');
  }, 60_000);
  beforeEach(({ skip }) => skip(!available, 'needs the extension hll of PostgreSQL (postgresql-hll)'));
  afterAll(() => server?.stop());

  const ask = async (text: string, values: unknown[]) => (await server.query(server.url(), text, values))[0];
  const addedThere = async (list: readonly bigint[]) =>
    (await ask(`${ADDED} FROM unnest($1::bigint[]) AS hash`, [list.map(String)])).sketch;

  it('has the bytes that the same hashes give there, for any of them', async () => {
    const special = fc.constantFrom(0n, 1n, 0xfffn, 0x1000n, -1n, -(2n ** 63n), 2n ** 42n, 2n ** 43n, 2n ** 62n + 7n);
    const hash = fc.oneof(special, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(hash, { maxLength: 60 }).filter((each) => each.some((one) => BigInt.asUintN(64, one) > 0xfffn)),
        async (list) => {
          expect(inHex(sketchOf(list))).toBe(await addedThere(list));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of nothing counts nothing there', async () => {
    expect(await ask('SELECT hll_cardinality($1::hll) AS cardinality', [inHex({})])).toEqual({ cardinality: 0 });
  });

  it.each([1, 10, 300, 1_000, 1_400, 5_000, 40_000])(
    'of %i hashes is theirs to the byte and to the estimate',
    async (count) => {
      const list = hashes('set', 0, count);
      const registers = sketchOf(list);
      expect(inHex(registers)).toBe(await addedThere(list));
      const { cardinality } = await ask('SELECT hll_cardinality($1::hll) AS cardinality', [inHex(registers)]);
      expect(estimate(registers)).toBeCloseTo(Number(cardinality), 6);
      const { type } = await ask('SELECT hll_print($1::hll) AS type', [inHex(registers)]);
      expect(type).not.toMatch(/EXPLICIT/);
    },
  );

  it('of each of fifty gateways unites to the truth, and to the bytes of our own union', async () => {
    const gateways = Array.from({ length: 50 }, (_, gateway) => [
      ...hashes('all', 0, 150),
      ...hashes(`gateway-${gateway}`, 0, 100 + 10 * gateway),
    ]);
    const truth = new Set(gateways.flat()).size;
    const sketches = gateways.map(sketchOf);
    const { united, cardinality } = await ask(
      'SELECT hll_union_agg(s::hll)::text AS united, hll_cardinality(hll_union_agg(s::hll)) AS cardinality FROM unnest($1::text[]) s',
      [sketches.map(inHex)],
    );
    const ours: Registers = {};
    for (const sketch of sketches) unite(ours, sketch);
    expect(united).toBe(inHex(ours));
    // Three standard errors of 4096 registers.
    expect(Math.abs(Number(cardinality) / truth - 1)).toBeLessThan((3 * 1.04) / 64);
    const summed = sketches.reduce((sum, sketch) => sum + estimate(sketch), 0);
    expect(summed / truth - 1).toBeGreaterThan((3 * 1.04) / 64);
  });
});

function sketchOf(list: readonly bigint[]): Registers {
  const registers: Registers = {};
  for (const hash of list) addHash(registers, Number(BigInt.asUintN(64, hash) >> 32n), Number(hash & 0xffffffffn));
  return registers;
}

function inHex(registers: Registers): string {
  return `\\x${Buffer.from(storageBytes(registers)).toString('hex')}`;
}

/** Members `from` to `to` of a seeded set, as PostgreSQL has them: signed. */
function hashes(seed: string, from: number, to: number): bigint[] {
  return Array.from({ length: to - from }, (_, index) =>
    createHash('sha1')
      .update(`${seed}/${from + index}`)
      .digest()
      .readBigInt64BE(0),
  );
}
