import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const COUNT = 20_000;

function sample(draw: () => number): { mean: number; deviation: number } {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < COUNT; i++) {
    const value = draw();
    sum += value;
    squares += value * value;
  }
  const mean = sum / COUNT;
  return { mean, deviation: Math.sqrt(squares / COUNT - mean * mean) };
}

describe('Random', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    const take = (random: Random) => Array.from({ length: 8 }, () => random.next());
    expect(take(new Random(7))).toEqual(take(new Random(7)));
    expect(take(new Random(7))).not.toEqual(take(new Random(8)));
  });

  it('forks by seed and label alone, however many numbers were drawn', () => {
    const drawn = new Random(7);
    for (let i = 0; i < 100; i++) drawn.next();
    expect(drawn.fork('door').next()).toBe(new Random(7).fork('door').next());
    expect(drawn.fork('door').next()).not.toBe(drawn.fork('doors').next());
    expect(new Random(8).fork('door').next()).not.toBe(new Random(7).fork('door').next());
  });

  it('fills every bit of a draw evenly', () => {
    const random = new Random(3);
    const ones = new Array<number>(32).fill(0);
    for (let i = 0; i < COUNT; i++) {
      const value = random.next();
      for (let bit = 0; bit < 32; bit++) ones[bit] += (value >>> bit) & 1;
    }
    // Five standard deviations of a fair coin.
    for (const count of ones) expect(Math.abs(count - COUNT / 2)).toBeLessThan(2.5 * Math.sqrt(COUNT));
  });

  it('draws each distribution with its mean and deviation', () => {
    const random = new Random(11);
    const uniform = sample(() => random.uniform(2, 4));
    expect(uniform.mean).toBeCloseTo(3, 1);
    const normal = sample(() => random.normal(5, 2));
    expect(normal.mean).toBeCloseTo(5, 1);
    expect(normal.deviation).toBeCloseTo(2, 1);
    const logarithm = sample(() => Math.log(random.logNormal(3, 0.5)));
    expect(logarithm.mean).toBeCloseTo(Math.log(3), 1);
    expect(logarithm.deviation).toBeCloseTo(0.5, 1);
    expect(sample(() => random.exponential(4)).mean / 4).toBeCloseTo(1, 1);
    for (const mean of [0.3, 4, 600]) {
      const poisson = sample(() => random.poisson(mean));
      expect(poisson.mean / mean).toBeCloseTo(1, 1);
      expect(poisson.deviation / Math.sqrt(mean)).toBeCloseTo(1, 1);
    }
  }, 30_000);

  it('draws whole numbers and choices from their whole range, and weights by their share', () => {
    const random = new Random(5);
    const seen = new Set(Array.from({ length: 500 }, () => random.integer(-1, 2)));
    expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
    expect(new Set(Array.from({ length: 200 }, () => random.choice(['a', 'b']))).size).toBe(2);
    const weighted = sample(() => (random.weighted([1, 0, 3]) === 2 ? 1 : 0));
    expect(weighted.mean).toBeCloseTo(0.75, 1);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  });
});
