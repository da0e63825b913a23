import { describe, expect, it } from 'vitest';
import { MINUTE, START } from './analytics/fold.testing.ts';
import { Bench, DOOR, EPOCH, entriesOf, FIRST_SEAL, WINDOW, windowsIn } from './pipeline.fixture.ts';

describe('the pipeline', () => {
  it.each([
    ['people at a door within a second', (bench: Bench) => bench.enter(), 11_000],
    ['a sighting within five', (bench: Bench) => bench.sight(1, -50), 15_000],
    ['a report within a minute', (bench: Bench) => bench.report(), 70_000],
  ])('makes %s durable', async (_name, act, committedAt) => {
    const bench = new Bench();
    await bench.tickTo(START + 10_000);
    act(bench);
    expect(bench.pipeline.uncommitted).toBe(1);
    await bench.tickTo(START + 75_000);
    expect(bench.commits).toEqual([committedAt]);
    expect(bench.pipeline.uncommitted).toBe(0);
    expect(bench.pipeline.lastCommit).toBe(START + committedAt);
  });

  it('makes a new state durable before its first row', async () => {
    const bench = new Bench();
    bench.enter();
    await bench.tickTo(START + 1_000);
    expect(bench.storage.calls.map(({ what }) => what)[0]).toBe('close');
    expect(bench.storage.snapshot).not.toBeNull();
  });

  it('writes nothing of a quiet time, and a close without a commit where both are due', async () => {
    const bench = new Bench();
    await bench.tickTo(START + 2_000);
    const calls = bench.storage.calls.length;
    await bench.tickTo(FIRST_SEAL - 1_000);
    expect(bench.storage.calls.length).toBe(calls);
    bench.enter();
    await bench.tickTo(FIRST_SEAL);
    expect(bench.storage.calls.slice(calls)).toEqual([{ what: 'close', at: FIRST_SEAL, batches: 1 }]);
    expect(bench.pipeline.uncommitted).toBe(0);
    expect(bench.told).toEqual([1]);
    expect(bench.pipeline.sealedThrough).toBe(1);
  });

  it('commits every row once, in order', async () => {
    const bench = new Bench();
    for (let i = 0; i < 60; i++) {
      bench.enter();
      await bench.tickTo(bench.now + 700);
    }
    await bench.pipeline.flush();
    let next = 1;
    for (const { firstOrdinal, lastOrdinal } of bench.storage.journal) {
      expect(firstOrdinal).toBe(next);
      next = lastOrdinal + 1;
    }
    expect(next).toBe(61);
  });

  it('counts on while storage fails, and catches up with every window once', async () => {
    const bench = new Bench();
    await bench.tickTo(START + 60_000);
    bench.storage.failing = 'disk full';
    let entered = 0;
    while (bench.now < FIRST_SEAL + 3 * WINDOW) {
      bench.enter();
      entered++;
      await bench.tickTo(bench.now + MINUTE);
    }
    expect(bench.pipeline.storageError).toEqual({ message: 'disk full', code: null });
    expect(bench.storage.batches).toEqual([]);
    expect(bench.told).toEqual([]);
    expect(bench.pipeline.uncommitted).toBeGreaterThan(0);
    const calls = bench.storage.calls.length;
    bench.storage.failing = null;
    await bench.tickTo(bench.now + 2_000);
    const closes = bench.storage.calls.slice(calls).filter(({ what }) => what === 'close');
    expect(closes.map(({ batches }) => batches)).toEqual([4]);
    expect(bench.pipeline.storageError).toBeNull();
    expect(bench.pipeline.uncommitted).toBe(0);
    await bench.tickTo(bench.now + WINDOW + 2 * MINUTE);
    expect(bench.storage.batches.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(bench.storage.windows.map(({ ordinal }) => ordinal)).toEqual([1, 2, 3, 4, 5]);
    expect(entriesOf(bench.storage.windows)).toBe(entered);
    expect(bench.logs).toEqual(['error: storage failed; counting in memory', 'info: storage works again']);
  });

  it('seals a gap record with the next close, once, and counts it among the sequences', async () => {
    const bench = new Bench();
    await bench.tickTo(FIRST_SEAL);
    bench.storage.gaps = [{ id: 4, epoch: EPOCH, fromSequence: 1, toSequence: 1, reason: 'buffer_full', toldIn: null }];
    // Told with the close after the one whose answer names it.
    await bench.tickTo(FIRST_SEAL + 3 * WINDOW);
    const sequences = bench.storage.batches.map(({ sequence }) => sequence);
    expect(sequences).toEqual([1, 2, 3, 4, 5]);
    const records = bench.storage.batches.filter(({ body }) => Buffer.from(body).includes('"gap"'));
    expect(records.map(({ sequence }) => sequence)).toEqual([bench.storage.gaps[0].toldIn]);
    expect(bench.pipeline.sealedThrough).toBe(5);
  });

  it.each([
    ['a close', FIRST_SEAL - 1_000],
    ['a commit', START + 30_000],
  ])('goes on in a new database when %s finds it damaged, and loses nothing that was counted', async (_what, at) => {
    const bench = new Bench();
    let entered = 0;
    const enterUntil = async (until: number) => {
      while (bench.now < until) {
        bench.enter();
        entered++;
        await bench.tickTo(Math.min(until, bench.now + 20_000));
      }
    };
    await enterUntil(at);
    bench.storage.damaged = true;
    bench.storage.unmendable = 2;
    await enterUntil(FIRST_SEAL + 2 * WINDOW);
    await bench.tickTo(FIRST_SEAL + 4 * WINDOW);
    expect(bench.renewed).toHaveLength(1);
    expect(entriesOf([...windowsIn(bench.storage.lost), ...bench.storage.windows])).toBe(entered);
    const sequences = bench.storage.batches.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => bench.storage.firstSequence + index));
    expect(bench.pipeline.storageError).toBeNull();
    expect(bench.pipeline.uncommitted).toBe(0);
    // And it survives a crash from here.
    bench.crash();
    expect(bench.pipeline.intake.fold.warmingUp).toBe(false);
  });

  it('tells what a damaged database lost in the first close of the new one', async () => {
    const bench = new Bench();
    await bench.tickTo(FIRST_SEAL + WINDOW);
    bench.storage.damaged = true;
    await bench.tickTo(FIRST_SEAL + 2 * WINDOW);
    const bodies = bench.storage.batches.map(({ body }) => JSON.parse(Buffer.from(body).toString()));
    expect(bodies.map((body) => 'gap' in body)).toEqual([false, true]);
    expect(bodies[1].gap).toEqual([{ epoch: EPOCH, fromSequence: 1, toSequence: 2, reason: 'damaged' }]);
    expect(bench.storage.batches.map(({ sequence }) => sequence)).toEqual([3, 4]);
  });

  it('seals under another epoch once it is told to, with the journal and the windows as they are', async () => {
    const bench = new Bench();
    await bench.tickTo(FIRST_SEAL);
    bench.enter();
    await bench.tickTo(bench.now + 5_000);
    const { journal } = bench.storage;
    expect(journal.length).toBeGreaterThan(0);
    bench.storage.unmendable = 1;
    bench.pipeline.beginAnew();
    await bench.tickTo(bench.now + 2_000);
    expect(bench.renewed.map(({ epoch, firstSequence }) => [epoch, firstSequence])).toEqual([['2'.repeat(16), 2]]);
    expect(bench.storage.journal).toEqual(journal);
    await bench.tickTo(FIRST_SEAL + 2 * WINDOW);
    expect(bench.storage.batches.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(entriesOf(bench.storage.windows)).toBe(1);
    expect(bench.renewed).toHaveLength(1);
  });

  it('seals no window again that was sealed before an older state was put back, and every later one', async () => {
    const bench = new Bench();
    const minutes = async (until: number) => {
      while (bench.now < until) {
        bench.enter();
        await bench.tickTo(Math.min(until, bench.now + MINUTE));
      }
    };
    await minutes(FIRST_SEAL + 60_000);
    const { snapshot, journal, lastWindow } = bench.storage;
    const older = { snapshot, journal: [...journal], lastWindow };
    await minutes(FIRST_SEAL + 2 * WINDOW + 60_000);
    const sealed = bench.storage.windows;
    expect(sealed).toHaveLength(3);
    // The rows of the older journal fall into the window that was open then.
    expect(older.journal.length).toBeGreaterThan(0);
    Object.assign(bench.storage, older, { sealedBefore: { window: 3, atMs: FIRST_SEAL + 2 * WINDOW } });
    bench.crash();
    await bench.tickTo(FIRST_SEAL + 3 * WINDOW);
    const again = bench.storage.windows.slice(sealed.length);
    expect(again.map(({ ordinal }) => ordinal)).toEqual([4]);
    expect(bench.storage.batches.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  it('gives up the oldest windows when storage fails for weeks, and says how many', async () => {
    const bench = new Bench();
    await bench.tickTo(FIRST_SEAL);
    bench.storage.failing = 'gone';
    for (let day = 0; day < 30; day++) {
      bench.now += 24 * 60 * MINUTE;
      await bench.pipeline.tick();
    }
    bench.storage.failing = null;
    await bench.pipeline.tick();
    const { windows } = bench.storage;
    const skipped = windows.reduce((sum, window) => sum + window.skipped, 0);
    expect(skipped).toBeGreaterThan(0);
    // Those of the first failed close have their sequences already.
    expect(windows.length).toBeLessThanOrEqual(2_000 + 96 + 2);
    expect(windows.length + skipped).toBe(windows[windows.length - 1].ordinal);
    const sequences = bench.storage.batches.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  });

  it('loses and doubles nothing while storage stalls over a close', async () => {
    const bench = new Bench();
    await bench.tickTo(START + 60_000);
    let open = (): void => undefined;
    bench.storage.gate = new Promise((resolve) => {
      open = resolve;
    });
    let entered = 0;
    while (bench.now < FIRST_SEAL + 2 * WINDOW) {
      bench.enter();
      entered++;
      bench.now += MINUTE;
      // The daemon's clock goes on while a tick waits.
      void bench.pipeline.tick();
    }
    expect(bench.storage.batches).toEqual([]);
    open();
    bench.storage.gate = null;
    await bench.pipeline.flush();
    await bench.tickTo(bench.now + WINDOW + 2 * MINUTE);
    const ordinals = bench.storage.windows.map(({ ordinal }) => ordinal);
    expect(ordinals).toEqual(ordinals.map((_, index) => index + 1));
    expect(ordinals.length).toBeGreaterThanOrEqual(4);
    expect(entriesOf(bench.storage.windows)).toBe(entered);
  });

  describe('behind a storage that takes nothing for too long', () => {
    const ROWS = 600_000;

    async function overflown(): Promise<Bench> {
      const bench = new Bench();
      await bench.tickTo(START + 1_000);
      bench.storage.failing = 'stalled';
      bench.pipeline.intake.arriveAt(bench.now);
      const sink = bench.pipeline.intake.sinkOf(DOOR);
      for (let row = 0; row < ROWS; row++) sink.crossing(bench.now, 1, 0);
      await bench.tickTo(bench.now + 2_000);
      return bench;
    }

    it('tells the rows that no journal holds, and still counts them at the close', async () => {
      const bench = await overflown();
      const { unjournaled } = bench.pipeline;
      expect(unjournaled).toBeGreaterThan(0);
      expect(unjournaled).toBeLessThan(ROWS);
      bench.storage.failing = null;
      await bench.tickTo(bench.now + 2_000);
      const rows = bench.storage.journal.reduce((sum, blob) => sum + blob.lastOrdinal - blob.firstOrdinal + 1, 0);
      expect(rows + unjournaled).toBe(ROWS);
      await bench.tickTo(FIRST_SEAL);
      expect(entriesOf(bench.storage.windows)).toBe(ROWS);
    });

    it('does not call rows durable that neither journal nor snapshot holds', async () => {
      const bench = await overflown();
      bench.storage.failing = null;
      await bench.tickTo(bench.now + 2_000);
      bench.enter();
      await bench.tickTo(bench.now + 2_000);
      expect(bench.pipeline.uncommitted).toBeGreaterThanOrEqual(bench.pipeline.unjournaled);
    });
  });
});
