/** What is fuzzed: the streams of all simulated sensors in all dialects, and samples of real ones. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Driver } from '../../drivers/driver.ts';
import { hear, type Sample, type Subject, subjectsOf } from '../../drivers/sample.ts';
import { CheckedSink } from '../../drivers/sample-check.ts';

/** Beside the checkout; left out where they are not there. */
const DATA = new URL('../../../shared/data/', import.meta.url);
const EVENTS = 80;
/** The streams are always these, so that a seed and an iteration repeat a case. */
const SEED = 20_260_302;

/** A driver in one dialect, and what its module sends. */
export interface Target {
  subject: Subject;
  sample: Sample;
  /** Frames to be damaged: those of the sample, then of real sensors. */
  frames: readonly Uint8Array[];
}

export interface Corpus {
  /** How many there are. */
  drivers: number;
  targets: readonly Target[];
  /** Each device and total that undamaged streams tell of. */
  identities: ReadonlySet<number>;
  /** Files of real samples. */
  files: number;
}

export function createCorpus(drivers: Iterable<Driver>): Corpus {
  const identities = new Set<number>();
  const sink = new CheckedSink();
  sink.arrival = Number.MAX_SAFE_INTEGER;
  sink.onIdentity = (identity) => identities.add(identity);
  const real = realSamples();
  const targets = [...drivers].flatMap(subjectsOf).map((subject): Target => {
    const sample = hear(subject, { events: EVENTS, seed: SEED, sink });
    const extra = real.get(subject.driver.name) ?? [];
    const decoder = subject.driver.createDecoder(subject.options);
    for (const bytes of extra) decoder.push(bytes, sink.arrival, sink);
    return { subject, sample, frames: [...sample.chunks.map(({ bytes }) => bytes), ...extra] };
  });
  const kinds = new Set(targets.map(({ subject }) => subject.driver));
  return { drivers: kinds.size, targets, identities, files: countFiles() };
}

function realSamples(): ReadonlyMap<string, Uint8Array[]> {
  const lines = filesOf('serial-format-samples', '.txt').filter((bytes) => bytes.includes('|'));
  const captures = filesOf('radiotap-vectors', '.pcap');
  if (lines.length + captures.length === 0) return new Map();
  return new Map([
    ['wifi-lines', lines.flatMap(splitLines)],
    ['wifi-pcap', captures],
    ['wifi-monitor', captures],
  ]);
}

function countFiles(): number {
  return filesOf('serial-format-samples', '.txt').length + filesOf('radiotap-vectors', '.pcap').length;
}

function filesOf(folder: string, ending: string): Buffer[] {
  const path = new URL(`${folder}/`, DATA);
  if (!existsSync(path)) return [];
  const names = readdirSync(path).filter((name) => name.endsWith(ending) && name !== 'SOURCE.txt');
  return names.sort().map((name) => readFileSync(new URL(name, path)));
}

function splitLines(bytes: Buffer): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start);
    const next = end < 0 ? bytes.length : end + 1;
    lines.push(bytes.subarray(start, next));
    start = next;
  }
  return lines;
}
