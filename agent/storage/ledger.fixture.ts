/**
 * A model of what the storage owes the centre: of every sequence ever sealed it knows whether it is held, acknowledged, a
 * dead letter, or gone and told or yet to tell. `LedgerRun` does the same to an owner and to the model, and compares.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { Owner, type OwnerOptions } from './owner.ts';
import { sampleClose } from './samples.fixture.ts';
import type { Gap, HeldBatch, Opened, WindowClose } from './storage.ts';

export type Step =
  | {
      do: 'close';
      batches: number[];
      tell: 'fresh' | 'stale' | 'none';
      replace: boolean;
      repeat: boolean;
      crash: number;
    }
  | { do: 'acknowledge' | 'reject' | 'conflict' | 'resend' | 'drop'; from: number; count: number; crash: number }
  | { do: 'damage'; from: number }
  | { do: 'restart'; machine: number };

/** An owner whose database a test can reach into. */
export class OpenOwner extends Owner {
  get database(): Database {
    return this.statements.readMeta.database;
  }
}

interface Sealed {
  epoch: string;
  body: string;
  isGap: boolean;
}

const ALL = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 1_000_000 };
const TABLES = ['outbox', 'dead_letter', 'gap', 'meta', 'history', 'snapshot'];
/** Of a database that every step opens, writes and may lose: memory where there is a file system in it. */
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export class LedgerRun {
  readonly #directory = mkdtempSync(join(SCRATCH, 'footfall-ledger-'));
  readonly #bounds: NonNullable<OwnerOptions['bounds']>;
  readonly #make: (options: OwnerOptions) => OpenOwner;
  readonly #sealed = new Map<number, Sealed>();
  readonly #acknowledged = new Set<number>();
  /** Sequences whose gap record was acknowledged. */
  readonly #settled = new Set<number>();
  /** Gap records that a later one took the place of. */
  readonly #replaced = new Set<number>();
  readonly #gone = new Set<number>();
  #owner: OpenOwner;
  #opened: Opened;
  #gaps: Gap[];
  #window = 0;
  #machine = 0;

  constructor(bounds: { bytes: number; windows: number }, make = (options: OwnerOptions) => new OpenOwner(options)) {
    this.#bounds = bounds;
    this.#make = make;
    this.#owner = this.#newOwner();
    this.#opened = this.#owner.open();
    this.#gaps = this.#opened.gaps;
  }

  [Symbol.dispose](): void {
    this.#owner.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  take(step: Step): void {
    if (step.do === 'close') this.#close(step);
    else if (step.do === 'restart') this.#restart(step.machine);
    else if (step.do === 'damage') this.#damage(step.from);
    else this.#move(step);
    this.check();
  }

  /** @throws Error where a sequence is in no place or in two, or a bound is not kept. */
  check(): void {
    const held = new Map(this.#owner.readOutbox(ALL).map((batch) => [batch.sequence, batch]));
    const gaps = this.#currentGaps();
    const dead = this.#owner.readDeadLetters({ after: 0, limit: ALL.limit });
    const buried = new Map(dead.filter(({ code }) => code !== 'damaged').map((letter) => [letter.sequence, letter]));
    const gone = new Set(this.#settled);
    for (const { epoch, fromSequence, toSequence } of gaps) {
      for (let sequence = fromSequence; sequence <= toSequence; sequence++) {
        must(!gone.has(sequence), `${sequence} is told twice`);
        must(this.#sealed.get(sequence)?.epoch === epoch, `${sequence} is told as of another epoch`);
        gone.add(sequence);
      }
    }
    for (const [sequence, { epoch, body, isGap }] of this.#sealed) {
      const places = [
        held.has(sequence) && 'held',
        this.#acknowledged.has(sequence) && 'acknowledged',
        buried.has(sequence) && 'a dead letter',
        gone.has(sequence) && 'gone',
      ].filter((place) => place !== false);
      must(places.length === 1, `${sequence} is ${places.join(' and ') || 'nowhere'}`);
      const batch = held.get(sequence);
      must(batch === undefined || isSame(batch, epoch, body), `${sequence} is held with other bytes or another epoch`);
      must(
        buried.get(sequence)?.epoch === undefined || buried.get(sequence)?.epoch === epoch,
        `${sequence} was renamed`,
      );
      if (isGap && gone.has(sequence)) {
        const why = gaps.find((gap) => gap.fromSequence <= sequence && sequence <= gap.toSequence)?.reason;
        const known = this.#settled.has(sequence) || this.#replaced.has(sequence);
        must(known || why === 'damaged' || why === 'operator', `the gap record ${sequence} was dropped: ${why}`);
      }
      if (gone.has(sequence)) this.#gone.add(sequence);
    }
    const state = this.#owner.state();
    const sealed = this.#owner.database.prepare<[], number>('SELECT COUNT(*) FROM outbox').pluck().get();
    must(state.held === held.size && sealed === held.size, `held says ${state.held}, found ${held.size}`);
    const dropped = [...this.#gone].filter((sequence) => !this.#replaced.has(sequence)).length;
    must(state.dropped === dropped, `dropped says ${state.dropped}, found ${dropped}`);
  }

  #close({ batches, tell, replace, repeat, crash }: Extract<Step, { do: 'close' }>): void {
    const window = this.#window + 1;
    const first = this.#owner.state().sealedThrough + 1;
    const close: WindowClose = sampleClose({ sequence: first, windowOrdinal: window, ordinal: window });
    close.batches = batches.map((size, index) => {
      const sequence = first + index;
      return { sequence, windowOrdinal: window, body: Buffer.from(`${sequence}:`.padEnd(size, '.')) };
    });
    const known = tell === 'stale' ? this.#gaps : this.#currentGaps();
    if (tell !== 'none') close.gap = this.#tell(known, first + batches.length, replace);
    const { gap } = close;
    if (gap !== null) close.batches.push({ ...gap, windowOrdinal: window, body: Buffer.from(JSON.stringify(gap)) });
    if (!this.#crashing(crash, () => this.#owner.closeWindow(close))) return;
    this.#window = window;
    for (const { sequence, body } of close.batches) {
      const isGap = sequence === gap?.sequence;
      this.#sealed.set(sequence, { epoch: this.#opened.epoch, body: Buffer.from(body).toString(), isGap });
    }
    for (const sequence of gap?.replaces ?? []) this.#replaced.add(sequence);
    this.#gaps = repeat ? this.#owner.closeWindow(close) : this.#currentGaps();
    const { heldBytes } = this.#owner.state();
    const windows = this.#owner.readOutbox(ALL).filter(({ sequence }) => this.#sealed.get(sequence)?.isGap === false);
    must(heldBytes <= this.#bounds.bytes || windows.length === 0, `${heldBytes} bytes held`);
    const oldest = Math.min(...windows.map(({ windowOrdinal }) => windowOrdinal));
    must(oldest >= window - this.#bounds.windows, `window ${oldest} held at ${window}`);
  }

  /** What a gap record tells: all that is untold, and all that the oldest record told, where that is to be replaced. */
  #tell(gaps: Gap[], sequence: number, replace: boolean): WindowClose['gap'] {
    const told = gaps.map(({ toldIn }) => toldIn ?? 0).filter((record) => record >= this.#opened.firstSequence);
    const current = new Set(this.#currentGaps().map(({ toldIn }) => toldIn));
    const oldest = told.filter((record) => current.has(record)).sort((a, b) => a - b)[0];
    const replaces = replace && oldest !== undefined ? [oldest] : [];
    const tells = gaps.filter(({ toldIn }) => toldIn === null || replaces.includes(toldIn));
    if (tells.length === 0) return null;
    const own = replaces.map((record) => {
      return { epoch: this.#opened.epoch, fromSequence: record, toSequence: record, reason: 'replaced' };
    });
    const ranges = tells.map(({ id: _id, toldIn: _toldIn, ...range }) => range);
    return { sequence, ranges: [...ranges, ...own], tells: tells.map(({ id }) => id), replaces };
  }

  #move({ do: what, from, count, crash }: Extract<Step, { from: number; count: number }>): void {
    const owner = this.#owner;
    const isDead = what === 'resend' || what === 'drop';
    const all = (isDead ? owner.readDeadLetters({ after: 0, limit: ALL.limit }) : owner.readOutbox(ALL)).map(
      ({ sequence }) => sequence,
    );
    // Some that are there, and one that never was.
    const some = [...all.slice(Math.floor(from * all.length)).slice(0, count), 1_000_000];
    const gaps = this.#currentGaps();
    if (what === 'acknowledge') {
      if (!this.#crashing(crash, () => owner.acknowledge(some))) return;
      for (const sequence of some.slice(0, -1)) {
        this.#acknowledged.add(sequence);
        for (const { fromSequence, toSequence, toldIn } of gaps) {
          if (toldIn !== sequence) continue;
          for (let told = fromSequence; told <= toSequence; told++) this.#settled.add(told);
        }
      }
    } else if (isDead) {
      this.#crashing(crash, () => (what === 'resend' ? owner.resend(some) : owner.drop(some)));
    } else {
      const code = what === 'conflict' ? 'conflict' : 'schema';
      this.#crashing(crash, () => owner.reject(some.map((sequence) => ({ sequence, code, message: 'no' }))));
    }
  }

  /** Flips a bit in a batch held, as a failing card does. */
  #damage(from: number): void {
    const all = this.#owner.readOutbox(ALL).map(({ sequence }) => sequence);
    const sequence = all[Math.floor(from * all.length)];
    if (sequence === undefined) return;
    const body = Buffer.from(this.#sealed.get(sequence)?.body ?? '');
    body[body.length >> 1] ^= 1;
    this.#owner.database.prepare('UPDATE outbox SET body = ? WHERE sequence = ?').run(body, sequence);
  }

  #restart(machine: number): void {
    this.#owner.stop();
    this.#machine = machine;
    this.#owner = this.#newOwner();
    this.#opened = this.#owner.open();
    this.#gaps = this.#opened.gaps;
  }

  #newOwner(): OpenOwner {
    return this.#make({
      path: join(this.#directory, 'a.db'),
      machineId: `machine ${this.#machine}`,
      bounds: this.#bounds,
    });
  }

  /** The table as it is. */
  #currentGaps(): Gap[] {
    return this.#owner.database
      .prepare<[], Gap>(
        `SELECT id, epoch, from_sequence AS fromSequence, to_sequence AS toSequence, reason, told_in AS toldIn FROM gap`,
      )
      .all();
  }

  /**
   * Does `work`, which fails at the change of the `at`-th row.
   * @returns whether it came to its end before.
   */
  #crashing(at: number, work: () => unknown): boolean {
    const { database } = this.#owner;
    let left = at;
    database.function('next_row', () => {
      if (left-- === 0) throw new Error('planned');
      return 0;
    });
    for (const table of TABLES) {
      for (const change of ['INSERT', 'DELETE', 'UPDATE']) {
        const name = `crash_${table}_${change}`;
        database.exec(`CREATE TEMP TRIGGER ${name} BEFORE ${change} ON main.${table} BEGIN SELECT next_row(); END`);
      }
    }
    const before = this.#dump();
    try {
      work();
      return true;
    } catch (error) {
      if (left >= 0) throw error;
      must(JSON.stringify(this.#dump()) === JSON.stringify(before), 'a failed operation changed something');
      return false;
    } finally {
      for (const table of TABLES) {
        for (const change of ['INSERT', 'DELETE', 'UPDATE']) database.exec(`DROP TRIGGER crash_${table}_${change}`);
      }
    }
  }

  #dump(): unknown[] {
    const { database } = this.#owner;
    return TABLES.map((table) => database.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).raw().all());
  }
}

function isSame(batch: HeldBatch, epoch: string, body: string): boolean {
  return batch.epoch === epoch && Buffer.from(batch.body).toString() === body;
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
