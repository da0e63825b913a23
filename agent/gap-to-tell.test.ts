import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GapToTell, gapToTell, joined, type Range } from './gap-to-tell.ts';
import type { Gap } from './storage/storage.ts';

const EPOCH = '0000000000000001';
const OLD = '00000000000000ff';
const current = { epoch: EPOCH, firstSequence: 100 };

function gap(id: number, from: number, to: number, more: Partial<Gap> = {}): Gap {
  return { id, epoch: EPOCH, fromSequence: from, toSequence: to, reason: 'buffer_full', toldIn: null, ...more };
}

describe('gaps to tell', () => {
  it('are none where every gap has its record', () => {
    expect(gapToTell([], current)).toBeNull();
    expect(gapToTell([gap(1, 100, 104, { toldIn: 120 })], current)).toBeNull();
  });

  it('are told once each, joined where they touch', () => {
    const gaps = [gap(1, 100, 104, { toldIn: 120 }), gap(2, 105, 109), gap(3, 110, 110), gap(4, 130, 131)];
    expect(gapToTell(gaps, current)).toEqual({
      ranges: [
        { epoch: EPOCH, fromSequence: 105, toSequence: 110, reason: 'buffer_full' },
        { epoch: EPOCH, fromSequence: 130, toSequence: 131, reason: 'buffer_full' },
      ],
      tells: [2, 3, 4],
      replaces: [],
    });
  });

  it('keep reasons and epochs apart', () => {
    const gaps = [gap(1, 5, 6, { epoch: OLD, reason: 'damaged' }), gap(2, 7, 7, { epoch: OLD }), gap(3, 100, 101)];
    expect(gapToTell(gaps, current)?.ranges).toHaveLength(3);
  });

  it('replace the oldest records of this epoch when there are many, with their own sequences', () => {
    const records = Array.from({ length: 65 }, (_, index) => {
      const from = 1_000 + index * 10;
      return gap(index + 1, from, from + 8, { toldIn: from + 9 });
    });
    const older = gap(99, 3, 4, { epoch: OLD, toldIn: 50 });
    const told = gapToTell([older, ...records], current);
    expect(told?.replaces).toEqual(records.slice(0, 32).map(({ toldIn }) => toldIn));
    expect(told?.ranges).toEqual([{ epoch: EPOCH, fromSequence: 1_000, toSequence: 1_319, reason: 'buffer_full' }]);
    expect(told?.tells).not.toContain(99);
  });

  it('stay few and whole through an outage of any length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 40 }), (closes, chunk) => {
        const box = new Outage();
        for (let close = 0; close < closes; close++) box.close(chunk);
        // One more may be sealed with the close that replaces the oldest.
        expect(box.records).toBeLessThanOrEqual(66);
        expect(joined(box.told).length).toBeLessThanOrEqual(2 * 66);
        expect(box.unaccounted()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

/** A box whose buffer holds 50 batches and that nobody acknowledges. */
class Outage {
  #held = new Set<number>();
  #gaps: Gap[] = [];
  #next = 100;
  #id = 1;

  get records(): number {
    return new Set(this.#gaps.map(({ toldIn }) => toldIn)).size;
  }

  get told(): Range[] {
    return this.#gaps;
  }

  close(chunk: number): void {
    this.#held.add(this.#next++);
    const tell = gapToTell(this.#gaps, current);
    if (tell !== null) this.#seal(tell);
    const batches = [...this.#held].filter((sequence) => !this.#gaps.some(({ toldIn }) => toldIn === sequence));
    if (batches.length <= 50) return;
    for (const sequence of batches.slice(0, chunk)) {
      this.#held.delete(sequence);
      this.#gaps.push(gap(this.#id++, sequence, sequence));
    }
  }

  #seal({ ranges, tells, replaces }: GapToTell): void {
    const sequence = this.#next++;
    this.#held.add(sequence);
    this.#gaps = this.#gaps.filter(({ id }) => !tells.includes(id));
    for (const range of ranges) this.#gaps.push({ ...range, id: this.#id++, toldIn: sequence });
    for (const replaced of replaces) this.#held.delete(replaced);
  }

  /** Sequences that were sealed, are not held, and are in no gap; or in more than one. */
  unaccounted(): number[] {
    const odd: number[] = [];
    for (let sequence = 100; sequence < this.#next; sequence++) {
      const inGaps = this.#gaps.filter((each) => each.fromSequence <= sequence && sequence <= each.toSequence).length;
      if (Number(this.#held.has(sequence)) + inGaps !== 1) odd.push(sequence);
    }
    return odd;
  }
}
