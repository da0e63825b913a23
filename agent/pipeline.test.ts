import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE, parametersOf, START } from './analytics/fold.testing.ts';
import type { SealedWindow } from './analytics/records.ts';
import { AgentError } from './errors.ts';
import type { Range } from './gap-to-tell.ts';
import { Pipeline } from './pipeline.ts';
import { Boundary } from './privacy/boundary.ts';
import { createRawSighting } from './raw.ts';
import type { Batch, Gap, JournalBlob, Opened, Storage, WindowClose } from './storage/storage.ts';

const [WIFI, DOOR] = [0, 1];
const WINDOW = 15 * MINUTE;
/** The first window's end and grace: START lies in the window from 08:00, the grace of these parameters is 90 s. */
const FIRST_SEAL = START - 7.5 * MINUTE + WINDOW + 90_000;

const notAsked = (): Promise<never> => Promise.reject(new Error('the pipeline does not ask for this'));

const EPOCH = '0'.repeat(16);

/** A database in memory that can fail, stall and be damaged, and that survives the pipeline. */
class MemoryStorage implements Storage {
  failing: string | null = null;
  /** The database itself is of no use; `unmendable` times, a new one cannot be made either. */
  damaged = false;
  unmendable = 0;
  epoch = EPOCH;
  firstSequence = 1;
  gaps: Gap[] = [];
  sealedBefore: Opened['sealedBefore'] = null;
  /** What the renewed database had before: batches that nobody can read any more. */
  readonly lost: Batch[] = [];
  gate: Promise<void> | null = null;
  readonly calls: { what: 'commit' | 'close'; at: number; batches: number }[] = [];
  batches: Batch[] = [];
  journal: JournalBlob[] = [];
  snapshot: Opened['snapshot'] = null;
  lastWindow = 0;
  now: () => number = () => 0;

  open(): Promise<Opened> {
    return Promise.resolve(this.held());
  }

  /** What would be found after a crash now. */
  held(): Opened {
    const { epoch, firstSequence, sealedBefore, snapshot, lastWindow, gaps } = this;
    const nextSequence = Math.max((this.batches.at(-1)?.sequence ?? 0) + 1, firstSequence);
    const journal = [...this.journal];
    const found = { origin: 'kept', previous: null, quarantined: null, openHealth: [] } as const;
    return {
      ...found,
      epoch,
      firstSequence,
      sealedBefore,
      nextSequence,
      lastWindow,
      snapshot,
      journal,
      gaps,
      openHealth: [],
    };
  }

  async commit(blob: JournalBlob): Promise<void> {
    await this.#work();
    this.calls.push({ what: 'commit', at: this.now(), batches: 0 });
    this.journal.push(blob);
  }

  async closeWindow({ windowOrdinal, batches, gap, snapshot }: WindowClose): Promise<Gap[]> {
    await this.#work();
    this.calls.push({ what: 'close', at: this.now(), batches: batches.length });
    this.batches.push(...batches);
    this.snapshot = snapshot;
    this.lastWindow = windowOrdinal;
    this.journal = this.journal.filter(({ lastOrdinal }) => lastOrdinal > snapshot.ordinal);
    if (gap !== null) {
      this.gaps = this.gaps.map((each) => (gap.tells.includes(each.id) ? { ...each, toldIn: gap.sequence } : each));
    }
    return this.gaps;
  }

  async renew(reason: 'damaged' | 'restored'): Promise<Opened> {
    if (this.unmendable-- > 0) throw new AgentError('storage_full', 'no room for another database');
    if (reason === 'restored') {
      this.firstSequence = (this.batches.at(-1)?.sequence ?? 0) + 1;
      this.epoch = '2'.repeat(16);
      return this.held();
    }
    this.damaged = false;
    const last = this.batches.at(-1)?.sequence ?? 0;
    this.lost.push(...this.batches);
    const lost = { id: 1, epoch: this.epoch, fromSequence: 1, toSequence: last, reason: 'damaged', toldIn: null };
    this.gaps = last === 0 ? [] : [lost];
    [this.batches, this.journal, this.snapshot] = [[], [], null];
    [this.epoch, this.firstSequence] = ['1'.repeat(16), last + 1];
    return this.held();
  }

  async #work(): Promise<void> {
    await this.gate;
    if (this.damaged) throw new AgentError('database_damaged', 'a page is damaged');
    if (this.failing !== null) throw new Error(this.failing);
  }

  get windows(): SealedWindow[] {
    return windowsIn(this.batches);
  }

  readOutbox = notAsked;
  acknowledge = notAsked;
  reject = notAsked;
  readDeadLetters = notAsked;
  readDeadBodies = notAsked;
  resend = notAsked;
  drop = notAsked;
  readHistory = notAsked;
  noteHealth = notAsked;
  readHealth = notAsked;
  keepStatus = notAsked;
  state = notAsked;
  stop(): Promise<void> {
    return Promise.resolve();
  }
}

function windowsIn(batches: Batch[]): SealedWindow[] {
  const bodies = batches.map(({ body }) => JSON.parse(Buffer.from(body).toString()) as SealedWindow | { gap: Range[] });
  return bodies.filter((body): body is SealedWindow => !('gap' in body));
}

/** A pipeline on a scripted time, ticked each second as the daemon does. */
class Bench {
  readonly storage: MemoryStorage;
  readonly logs: string[] = [];
  readonly told: number[] = [];
  readonly renewed: Opened[] = [];
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
        encodeGap: (ranges) => Buffer.from(JSON.stringify({ gap: ranges })),
        renewed: (opened) => void this.renewed.push(opened),
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
