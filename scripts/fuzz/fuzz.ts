import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { REJECTIONS, type Rejection } from '../../agent/readings.ts';
import type { Decoder, Driver } from '../../drivers/driver.ts';
import { START } from '../../drivers/sample.ts';
import { CheckedSink, copyCounts, countsFault } from '../../drivers/sample-check.ts';
import { Random } from '../../drivers/simulator/random.ts';
import { FuzzFault, runCase } from './case.ts';
import { type Corpus, createCorpus, type Target } from './corpus.ts';
import { Damage } from './damage.ts';

/** Each so-many-th case of a target goes into a decoder that lives through the whole run, too. */
const LONG_LIVED_EVERY = 4;
/** The share of the run after which memory must not grow any more, and by how much it may. */
const WARM = 0.2;
const MOST_GROWTH = 8 * 2 ** 20;
const LOOK_MS = 250;
const TELL_MS = 5_000;

export interface FuzzOptions {
  drivers: Iterable<Driver>;
  seconds: number;
  seed: number;
  /** Only this driver; the cases are the same as in a run of all. */
  driver?: string;
  /** The first case. */
  from?: number;
  /** Ends after so many cases, if the time is not over before. */
  cases?: number;
  /** Puts a driver under suspicion in the place of one that is trusted. */
  plant?: (driver: Driver) => Driver;
  tell: (line: string) => void;
}

export interface Row {
  cases: number;
  mutated: number;
  intact: number;
  bytes: number;
  accepted: number;
  rejected: Record<Rejection, number>;
  readings: number;
  /** Readings of devices and totals that no undamaged stream tells of. */
  phantoms: number;
}

export interface Memory {
  /** The most that was resident up to the warm share of the run, and after it, bytes. */
  residentEarly: number;
  residentLate: number;
  /** What was alive then, and at the end. */
  aliveEarly: number;
  aliveLate: number;
}

export interface Failure {
  iteration: number;
  subject: string;
  /** Empty where it cannot be told which. */
  driver: string;
  reason: string;
}

export interface FuzzReport {
  rows: ReadonlyMap<string, Row>;
  cases: number;
  mutated: number;
  seconds: number;
  files: number;
  memory: Memory;
  failure?: Failure;
}

/** Damages streams and decodes them until the time is over or something that must hold does not. */
export function fuzz(options: FuzzOptions): FuzzReport {
  return new Run(options).run();
}

class Run {
  readonly #options: FuzzOptions;
  readonly #corpus: Corpus;
  readonly #damage: Damage;
  readonly #rows = new Map<string, Row>();
  readonly #drivers = new Map<Driver, Driver>();
  readonly #longLived = new Map<Target, { decoder: Decoder; sink: CheckedSink }>();
  readonly #memory: Memory = { residentEarly: 0, residentLate: 0, aliveEarly: 0, aliveLate: 0 };
  readonly #base: Random;
  #cases = 0;
  #mutated = 0;

  constructor(options: FuzzOptions) {
    this.#options = options;
    const drivers = [...options.drivers];
    this.#corpus = createCorpus(drivers);
    this.#damage = new Damage(this.#corpus);
    this.#base = new Random(options.seed);
    for (const driver of drivers) this.#drivers.set(driver, options.plant?.(driver) ?? driver);
  }

  run(): FuzzReport {
    const { seconds, from = 0, cases = Number.POSITIVE_INFINITY, tell, driver: only } = this.#options;
    const start = performance.now();
    const memory = this.#memory;
    let [looked, told] = [start, start];
    let failure: Failure | undefined;
    for (let iteration = from; iteration - from < cases && failure === undefined; iteration++) {
      const target = this.#corpus.targets[iteration % this.#corpus.targets.length];
      if (only !== undefined && target.subject.driver.name !== only) continue;
      failure = this.#attempt(iteration, target);
      const now = performance.now();
      const gone = (now - start) / 1_000;
      if (gone >= seconds) break;
      if (now - looked < LOOK_MS) continue;
      looked = now;
      this.#look(gone >= WARM * seconds);
      if (now - told < TELL_MS) continue;
      told = now;
      const resident = (process.memoryUsage.rss() / 2 ** 20).toFixed(0);
      tell(`${gone.toFixed(0)} s: case ${iteration}, ${this.#mutated} damaged frames, ${resident} MiB resident`);
    }
    this.#look(true);
    memory.aliveLate = aliveBytes();
    if (failure === undefined && memory.aliveEarly > 0 && memory.aliveLate - memory.aliveEarly > MOST_GROWTH) {
      const reason = `what is alive grew from ${memory.aliveEarly} to ${memory.aliveLate} bytes`;
      failure = { iteration: from, subject: 'some decoder', driver: only ?? '', reason };
    }
    return {
      rows: this.#rows,
      cases: this.#cases,
      mutated: this.#mutated,
      seconds: (performance.now() - start) / 1_000,
      files: this.#corpus.files,
      memory,
      ...(failure && { failure }),
    };
  }

  #attempt(iteration: number, target: Target): Failure | undefined {
    const { name, driver } = target.subject;
    try {
      this.#case(iteration, target);
      return undefined;
    } catch (error) {
      const what = error instanceof FuzzFault ? error.message : error instanceof Error ? error.stack : String(error);
      return { iteration, subject: name, driver: driver.name, reason: what ?? 'unknown' };
    }
  }

  #case(iteration: number, target: Target): void {
    const random = this.#base.fork(String(iteration));
    const { bytes, mutated, intact } = this.#damage.make(target, random);
    const driver = this.#drivers.get(target.subject.driver) ?? target.subject.driver;
    const { identities } = this.#corpus;
    const { counts, readings, phantoms } = runCase({ target, driver, bytes, random, identities });
    this.#cases++;
    this.#mutated += mutated;
    const row = this.#rowOf(driver.name);
    row.cases++;
    row.mutated += mutated;
    row.intact += intact;
    row.bytes += bytes.length;
    row.accepted += counts.accepted;
    row.readings += readings;
    row.phantoms += phantoms;
    for (const reason of REJECTIONS) row.rejected[reason] += counts.rejected[reason];
    if (Math.floor(iteration / this.#corpus.targets.length) % LONG_LIVED_EVERY === 0) this.#age(target, driver, bytes);
  }

  /** Sends a stream into the target's long-lived decoder. */
  #age(target: Target, driver: Driver, bytes: Uint8Array): void {
    let aged = this.#longLived.get(target);
    if (aged === undefined) {
      aged = { decoder: driver.createDecoder(target.subject.options), sink: new CheckedSink() };
      aged.sink.arrival = START;
      this.#longLived.set(target, aged);
    }
    const { decoder, sink } = aged;
    const before = copyCounts(decoder.counts);
    sink.arrival += 1_000;
    decoder.push(bytes, sink.arrival, sink);
    const fault = countsFault(before, decoder.counts, bytes.length);
    if (fault !== undefined) throw new FuzzFault(`in a decoder that lives through the run: ${fault}`);
  }

  #look(warm: boolean): void {
    const memory = this.#memory;
    const resident = process.memoryUsage.rss();
    if (warm && memory.aliveEarly === 0) memory.aliveEarly = aliveBytes();
    if (warm) memory.residentLate = Math.max(memory.residentLate, resident);
    else memory.residentEarly = Math.max(memory.residentEarly, resident);
  }

  #rowOf(driver: string): Row {
    let row = this.#rows.get(driver);
    if (row === undefined) {
      const rejected = Object.fromEntries(REJECTIONS.map((reason) => [reason, 0])) as Record<Rejection, number>;
      row = { cases: 0, mutated: 0, intact: 0, bytes: 0, accepted: 0, rejected, readings: 0, phantoms: 0 };
      this.#rows.set(driver, row);
    }
    return row;
  }
}

function aliveBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // What the first one lets go of outside of the heap is only freed by then.
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
