/** A pipeline on a scripted time, over a database in memory that fails as it is told. */
import { createSecretKey } from 'node:crypto';
import { MINUTE, parametersOf, START } from './analytics/fold.testing.ts';
import type { SealedWindow } from './analytics/records.ts';
import { AgentError } from './errors.ts';
import type { Range } from './gap-to-tell.ts';
import { Pipeline } from './pipeline.ts';
import { Boundary } from './privacy/boundary.ts';
import { createRawSighting } from './raw.ts';
import type { Batch, Gap, JournalBlob, Opened, Storage, WindowClose } from './storage/storage.ts';

const WIFI = 0;
export const DOOR = 1;
export const WINDOW = 15 * MINUTE;
/** The first window's end and grace: START lies in the window from 08:00, the grace of these parameters is 90 s. */
export const FIRST_SEAL = START - 7.5 * MINUTE + WINDOW + 90_000;

const notAsked = (): Promise<never> => Promise.reject(new Error('the pipeline does not ask for this'));

export const EPOCH = '0'.repeat(16);

/** A database in memory that can fail, stall and be damaged, and that survives the pipeline. */
export class MemoryStorage implements Storage {
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

export function windowsIn(batches: Batch[]): SealedWindow[] {
  const bodies = batches.map(({ body }) => JSON.parse(Buffer.from(body).toString()) as SealedWindow | { gap: Range[] });
  return bodies.filter((body): body is SealedWindow => !('gap' in body));
}

/** A pipeline on a scripted time, ticked each second as the daemon does. */
export class Bench {
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

export const entriesOf = (windows: SealedWindow[]): number =>
  windows
    .flatMap(({ records }) => records)
    .reduce((sum, record) => sum + (record.kind === 'door' && record.rev === 1 ? record.entries : 0), 0);
