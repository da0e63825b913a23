import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { MetronomeRhythm, PhoneRhythm } from './rhythm.ts';

/** Share of phones whose first burst comes within `ms` of being met. */
function heardWithin(ms: number): number {
  const random = new Random(21);
  let heard = 0;
  for (let i = 0; i < 20_000; i++) if (new PhoneRhythm().first(random) <= ms) heard++;
  return heard / 20_000;
}

describe('PhoneRhythm', () => {
  it('has the gaps measured on labelled phones: 16 % above two minutes, holding 59 % of the time', () => {
    const random = new Random(20);
    const rhythm = new PhoneRhythm();
    const gaps = Array.from({ length: 40_000 }, () => rhythm.gap(random));
    const long = gaps.filter((gap) => gap > 120_000);
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    expect(long.length / gaps.length).toBeGreaterThan(0.15);
    expect(long.length / gaps.length).toBeLessThan(0.19);
    expect(sum(long) / sum(gaps)).toBeGreaterThan(0.55);
    expect(sum(long) / sum(gaps)).toBeLessThan(0.65);
    expect(Math.min(...gaps)).toBeGreaterThan(2_000);
  });

  it('is heard with probability 0.32 within 25 s and almost surely within ten minutes', () => {
    expect(heardWithin(25_000)).toBeGreaterThan(0.29);
    expect(heardWithin(25_000)).toBeLessThan(0.36);
    expect(heardWithin(600_000)).toBeGreaterThan(0.985);
  });

  it('sends 1 to 12 frames a burst', () => {
    const random = new Random(22);
    const frames = Array.from({ length: 5_000 }, () => new PhoneRhythm().frames(random));
    expect(Math.min(...frames)).toBe(1);
    expect(Math.max(...frames)).toBe(12);
  });
});

describe('MetronomeRhythm', () => {
  it('keeps its period within one per cent', () => {
    const random = new Random(23);
    const rhythm = new MetronomeRhythm(random);
    const gaps = Array.from({ length: 200 }, () => rhythm.gap(random));
    expect(Math.max(...gaps) / Math.min(...gaps)).toBeLessThan(1.0203);
    expect(Math.min(...gaps)).toBeGreaterThan(29_000);
  });
});
