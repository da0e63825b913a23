import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addHash, estimate, LOG2M, type Registers, storageBytes, unite } from './hyperloglog.ts';

const STANDARD_ERROR = 1.04 / Math.sqrt(2 ** LOG2M);

type Hash = readonly [high: number, low: number];

function sketchOf(hashes: Iterable<Hash>): Registers {
  const registers: Registers = {};
  for (const [high, low] of hashes) addHash(registers, high, low);
  return registers;
}

/** Hashes of the members `from` to `to` of a seeded set. */
function* hashes(seed: string, from: number, to: number): Iterable<Hash> {
  for (let member = from; member < to; member++) {
    const digest = createHash('sha1').update(`${seed}/${member}`).digest();
    yield [digest.readUInt32BE(0), digest.readUInt32BE(4)];
  }
}

/** The same by the definition, in big integers. */
function expectedRegisters(list: readonly Hash[]): Registers {
  const expected: Registers = {};
  for (const [high, low] of list) {
    const hash = (BigInt(high) << 32n) | BigInt(low);
    const index = Number(hash % 4096n);
    const rest = hash / 4096n;
    if (rest === 0n) continue;
    const zeros = /0*$/.exec(rest.toString(2))?.[0].length ?? 0;
    expected[index] = Math.max(expected[index] ?? 0, Math.min(zeros + 1, 31));
  }
  return expected;
}

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 0xfff, 0x1000, 0x80000000, 0xffffffff),
  fc.nat(31).map((bit) => (1 << bit) >>> 0),
);
const hashList = fc.array(fc.tuple(word, word), { maxLength: 200 });

/** Root of the mean square of the relative error over seeded sets of `count`, and their mean error. */
function errorsOf(count: number, seeds: number): { spread: number; bias: number } {
  const errors = Array.from({ length: seeds }, (_, seed) => {
    return estimate(sketchOf(hashes(`${count}-${seed}`, 0, count))) / count - 1;
  });
  const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / seeds;
  return { spread: Math.sqrt(mean(errors.map((error) => error ** 2))), bias: mean(errors) };
}

describe('registers', () => {
  it('are what the definition says, for any hashes', () => {
    fc.assert(
      fc.property(hashList, (list) => {
        expect(sketchOf(list)).toEqual(expectedRegisters(list));
      }),
    );
  });

  it('of a union are those of all hashes, whatever the order and however often', () => {
    fc.assert(
      fc.property(hashList, hashList, (one, other) => {
        const united = sketchOf(one);
        unite(united, sketchOf(other));
        unite(united, sketchOf(one));
        expect(JSON.stringify(united)).toBe(JSON.stringify(sketchOf([...other, ...one].reverse())));
      }),
    );
  });
});

describe('the estimate', () => {
  it('of nothing is nothing, and of a few it is all but exact', () => {
    expect(estimate({})).toBe(0);
    for (const count of [1, 2, 10]) expect(estimate(sketchOf(hashes('few', 0, count)))).toBeCloseTo(count, 1);
  });

  it.each([
    [100, 40],
    [1_000, 30],
    [5_000, 25],
    [30_000, 6],
  ])('of %i is within the known error over %i seeded sets', (count, seeds) => {
    const { spread, bias } = errorsOf(count, seeds);
    // The spread of an estimated spread is 1 / sqrt(2 n); three of those above are a fault.
    expect(spread).toBeLessThan(STANDARD_ERROR * (1 + 3 / Math.sqrt(2 * seeds)));
    expect(Math.abs(bias)).toBeLessThan((3 * STANDARD_ERROR) / Math.sqrt(seeds));
  });

  it('of a union of fifty gateways is that of the people, not of the gateways', () => {
    const united: Registers = {};
    // Each hears 500 of its own, and 200 whom all hear.
    for (let gateway = 0; gateway < 50; gateway++) {
      const own = sketchOf(hashes(`gateway-${gateway}`, 0, 500));
      unite(own, sketchOf(hashes('all', 0, 200)));
      unite(united, own);
    }
    expect(Math.abs(estimate(united) / 25_200 - 1)).toBeLessThan(3 * STANDARD_ERROR);
  });
});

describe('storage bytes', () => {
  const bytesOf = (registers: Registers) => Buffer.from(storageBytes(registers)).toString('hex');

  it('are sparse entries of 17 bits as long as those are fewer', () => {
    // 000000000001 00011, 111111111111 11111, and zeros to the byte.
    expect(bytesOf({ 1: 3, 4095: 31 })).toBe('138c40' + '0011ffffc0');
    const filled = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index, 1]));
    expect(storageBytes(filled(1204))).toHaveLength(3 + 2559);
    expect([storageBytes(filled(1205)).length, storageBytes(filled(4096)).length]).toEqual([3 + 2560, 3 + 2560]);
    expect(storageBytes(filled(1205))[0]).toBe(0x14);
  });
});
