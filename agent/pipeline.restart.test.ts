import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE, START } from './analytics/fold.testing.ts';
import type { SealedWindow } from './analytics/records.ts';
import { Bench, entriesOf, FIRST_SEAL, WINDOW } from './pipeline.fixture.ts';

type Step = { after: number; act: 'in' | 'sight' | 'report'; value: number; crash: boolean };
const step: fc.Arbitrary<Step> = fc.record({
  after: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 6 * MINUTE })),
  act: fc.constantFrom('in', 'sight', 'sight', 'report'),
  value: fc.integer({ min: 1, max: 5 }),
  crash: fc.boolean(),
});

async function windowsOf(steps: readonly Step[], crashes: boolean): Promise<SealedWindow[]> {
  const bench = new Bench();
  await bench.pipeline.tick();
  for (const { after, act, value, crash } of steps) {
    bench.now += after;
    if (act === 'in') bench.enter(value);
    else if (act === 'sight') bench.sight(value, value > 2 ? -50 : -80);
    else bench.report();
    await bench.pipeline.tick();
    if (crashes && crash) {
      await bench.pipeline.flush();
      bench.crash();
    }
  }
  bench.now += 40 * MINUTE;
  await bench.pipeline.tick();
  return bench.storage.windows;
}

describe('a restart', () => {
  it('seals the same windows as a run without a crash, wherever the crash was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const whole = await windowsOf(steps, false);
        expect(whole.length).toBeGreaterThan(0);
        expect(await windowsOf(steps, true)).toEqual(whole);
      }),
      { numRuns: 80 },
    );
  });

  it('seals again what a failed close had sealed, under the same ordinals and sequences', async () => {
    const bench = new Bench();
    await bench.tickTo(START + MINUTE);
    bench.enter(3);
    await bench.tickTo(FIRST_SEAL - 5_000);
    bench.enter(4);
    await bench.tickTo(FIRST_SEAL - 1_000);
    bench.storage.failing = 'power is going';
    await bench.tickTo(FIRST_SEAL + 1_000);
    bench.storage.failing = null;
    bench.crash();
    await bench.tickTo(FIRST_SEAL + WINDOW);
    expect(bench.storage.batches.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(bench.storage.windows.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    expect(entriesOf(bench.storage.windows)).toBe(7);
  });

  it('warms up where the snapshot cannot be read: ordinals go on, the windows say so', async () => {
    const bench = new Bench();
    await bench.tickTo(FIRST_SEAL + WINDOW + 5_000);
    bench.enter(2);
    await bench.tickTo(bench.now + 2_000);
    const { lastOrdinal } = bench.pipeline.intake;
    const { snapshot } = bench.storage;
    if (snapshot === null) throw new Error('expected a snapshot');
    bench.storage.snapshot = { ...snapshot, body: snapshot.body.map((byte) => byte ^ 1) };
    bench.crash();
    expect(bench.logs.filter((line) => line.startsWith('warn: the snapshot cannot be read'))).toHaveLength(1);
    expect(bench.pipeline.intake.lastOrdinal).toBe(lastOrdinal);
    bench.enter(3);
    expect(bench.pipeline.intake.lastOrdinal).toBe(lastOrdinal + 1);
    await bench.tickTo(FIRST_SEAL + 2 * WINDOW);
    const { windows } = bench.storage;
    expect(windows.map(({ ordinal, warmUp }) => [ordinal, warmUp])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
    expect(bench.storage.batches.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(entriesOf(windows.slice(2))).toBe(5);
  });

  it('leaves out a run of the journal that cannot be read, and says so', async () => {
    const bench = new Bench();
    await bench.tickTo(START + MINUTE);
    for (const count of [1, 10, 100]) {
      bench.enter(count);
      await bench.tickTo(bench.now + 5_000);
    }
    const { journal } = bench.storage;
    expect(journal).toHaveLength(3);
    journal[1] = { ...journal[1], body: journal[1].body.map((byte) => byte ^ 1) };
    bench.crash();
    expect(bench.logs).toHaveLength(1);
    expect(bench.logs[0]).toMatch(/^error: .*it is left out$/);
    expect(bench.pipeline.intake.lastOrdinal).toBe(3);
    await bench.tickTo(FIRST_SEAL);
    expect(entriesOf(bench.storage.windows)).toBe(101);
  });
});
