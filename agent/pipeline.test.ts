import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE, parametersOf, START } from './analytics/fold.testing.ts';
import type { SealedWindow } from './analytics/records.ts';
import { Pipeline } from './pipeline.ts';
import { Boundary } from './privacy/boundary.ts';
import { createRawSighting } from './raw.ts';
import type { Batch, JournalBlob, Opened, Storage, WindowClose } from './storage/storage.ts';

const [WIFI, DOOR] = [0, 1];
const WINDOW = 15 * MINUTE;
/** The first window's end and grace: START lies in the window from 08:00, the grace of these parameters is 90 s. */
const FIRST_SEAL = START - 7.5 * MINUTE + WINDOW + 90_000;

const notAsked = (): Promise<never> => Promise.reject(new Error('the pipeline does not ask for this'));

/** A database in memory that can fail and stall, and that survives the pipeline. */
class MemoryStorage implements Storage {
  failing: string | null = null;
  gate: Promise<void> | null = null;
  readonly calls: { what: 'commit' | 'close'; at: number; batches: number }[] = [];
  readonly batches: Batch[] = [];
  journal: JournalBlob[] = [];
  snapshot: Opened['snapshot'] = null;
  lastWindow = 0;
  now: () => number = () => 0;

  open(): Promise<Opened> {
    return Promise.resolve(this.held());
  }

  /** What would be found after a crash now. */
  held(): Opened {
    const { snapshot, lastWindow } = this;
    const nextSequence = (this.batches.at(-1)?.sequence ?? 0) + 1;
    const journal = [...this.journal];
    return { epoch: '0'.repeat(16), previous: null, nextSequence, lastWindow, snapshot, journal, openHealth: [] };
  }

  async commit(blob: JournalBlob): Promise<void> {
    await this.#work();
    this.calls.push({ what: 'commit', at: this.now(), batches: 0 });
    this.journal.push(blob);
  }

  async closeWindow({ windowOrdinal, batches, snapshot }: WindowClose): Promise<void> {
    await this.#work();
    this.calls.push({ what: 'close', at: this.now(), batches: batches.length });
    this.batches.push(...batches);
    this.snapshot = snapshot;
    this.lastWindow = windowOrdinal;
    this.journal = this.journal.filter(({ lastOrdinal }) => lastOrdinal > snapshot.ordinal);
  }

  async #work(): Promise<void> {
    await this.gate;
    if (this.failing !== null) throw new Error(this.failing);
  }

  get windows(): SealedWindow[] {
    return this.batches.map(({ body }) => JSON.parse(Buffer.from(body).toString()) as SealedWindow);
  }

  readOutbox = notAsked;
  acknowledge = notAsked;
  reject = notAsked;
  readHistory = notAsked;
  noteHealth = notAsked;
  readHealth = notAsked;
  keepStatus = notAsked;
  state = notAsked;
  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** A pipeline on a scripted time, ticked each second as the daemon does. */
class Bench {
  readonly storage: MemoryStorage;
  readonly logs: string[] = [];
  readonly told: number[] = [];
  now: number;
  pipeline: Pipeline;

  constructor(storage = new MemoryStorage(), now = START) {
    this.storage = storage;
    this.now = now;
    storage.now = () => this.now;
    this.pipeline = this.#restore();
  }

  #restore(): Pipeline {
    return Pipeline.restore(
      {
        storage: this.storage,
        now: () => this.now,
        encode: (window, sequence) => [
          { sequence, windowOrdinal: window.ordinal, body: Buffer.from(JSON.stringify(window)) },
        ],
        commitMs: 5_000,
        doorCommitMs: 1_000,
        status: () => '{}',
        sealed: (sequence) => void this.told.push(sequence),
        log: (level, _fields, message) => void this.logs.push(`${level}: ${message}`),
      },
      this.storage.held(),
      new Boundary({ key: createSecretKey(Buffer.alloc(32, 7)) }),
      (previous) => previous ?? parametersOf(),
    );
  }

  /** Loses everything that is not durable and begins again from what is. */
  crash(): void {
    this.pipeline = this.#restore();
  }

  enter(count = 1): void {
    this.pipeline.intake.arriveAt(this.now);
    this.pipeline.intake.sinkOf(DOOR).crossing(this.now, count, 0);
    this.pipeline.intake.foldPending();
  }

  sight(device: number, rssi: number): void {
    const raw = createRawSighting();
    raw.address.set(0x3c0000, device);
    raw.time = this.now;
    raw.rssi = rssi;
    this.pipeline.intake.arriveAt(this.now);
    this.pipeline.intake.sinkOf(WIFI).sighting(raw);
    this.pipeline.intake.foldPending();
  }

  report(): void {
    this.pipeline.intake.arriveAt(this.now);
    this.pipeline.intake.report(WIFI, this.now, { up: true, bytes: 9, accepted: 1, coveredMs: 0, rejected: [] });
  }

  async tickTo(until: number): Promise<void> {
    for (; this.now < until; ) {
      this.now = Math.min(this.now + 1_000, until);
      await this.pipeline.tick();
    }
  }

  get commits(): number[] {
    return this.storage.calls.filter(({ what }) => what === 'commit').map(({ at }) => at - START);
  }
}

const entriesOf = (windows: SealedWindow[]): number =>
  windows
    .flatMap(({ records }) => records)
    .reduce((sum, record) => sum + (record.kind === 'door' && record.rev === 1 ? record.entries : 0), 0);

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
