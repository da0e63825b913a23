/** The figures of all rounds, and the table of them. */
import { formatBytes, formatCount } from '../../agent/cli/view/format.ts';
import { painter } from '../../agent/cli/view/style.ts';
import { type Cell, renderTable } from '../../agent/cli/view/table.ts';
import type { RoundResult } from './round.ts';
import { RATE } from './stream.ts';

export interface VariantRounds {
  name: string;
  agent: 'footfall' | 'naive';
  rounds: RoundResult[];
}

/** Of all rounds. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

export interface VariantReport {
  name: string;
  agent: 'footfall' | 'naive';
  /** CPU microseconds of all threads a sighting. */
  cpu_us: Spread;
  /** Sightings a second of CPU time. */
  per_core_second: Spread;
  /** Octets written to the disk a sighting. */
  disk_bytes: Spread;
  peak_rss_bytes: Spread;
  /** Part of peak_rss_bytes that only holds the benchmark's input. */
  input_bytes: number;
  sightings: number;
  /** Windows sealed into the outbox, over all rounds. */
  windows: number;
  /** Sightings a core-second over those of the naive agent in the same round; absent for itself. */
  ratio?: Spread;
}

export interface Setting {
  source: string;
  /** Different sightings that are repeated. */
  templates: number;
  disk: string;
  machine: string;
  seconds: number;
}

export interface PipelineReport extends Setting {
  rounds: number;
  variants: VariantReport[];
}

export function summarise(variants: readonly VariantRounds[], setting: Setting): PipelineReport {
  const naive = variants.find(({ agent }) => agent === 'naive');
  return {
    ...setting,
    rounds: variants[0]?.rounds.length ?? 0,
    variants: variants.map(({ name, agent, rounds }) => ({
      name,
      agent,
      cpu_us: spread(rounds.map(cpuOf)),
      per_core_second: spread(rounds.map((round) => 1e6 / cpuOf(round))),
      disk_bytes: spread(rounds.map(({ diskBytes, sightings }) => diskBytes / sightings)),
      peak_rss_bytes: spread(rounds.map(({ peakRssBytes }) => peakRssBytes)),
      input_bytes: Math.max(...rounds.map(({ inputBytes }) => inputBytes)),
      sightings: sum(rounds.map(({ sightings }) => sightings)),
      windows: sum(rounds.map(({ windows }) => windows)),
      ...(agent === 'naive' || naive === undefined
        ? {}
        : { ratio: spread(rounds.map((round, index) => cpuOf(naive.rounds[index]) / cpuOf(round))) }),
    })),
  };
}

/** For each variant a line of medians and a line of the lowest and highest; 80 columns are enough. */
export function renderReport(report: PipelineReport, terminal: { width: number; colour: boolean }): string {
  const paint = painter(terminal.colour);
  const titles = ['CPU us', 'k/core-second', 'disk B', 'RSS MiB', 'x naive'];
  const columns = [{ title: '' }, ...titles.map((title) => ({ title, align: 'right' as const }))];
  const rows = report.variants.flatMap((variant): Cell[][] => {
    const figures: [Spread | undefined, (value: number) => string][] = [
      [variant.cpu_us, (value) => value.toFixed(2)],
      [variant.per_core_second, (value) => formatCount(value / 1000)],
      [variant.disk_bytes, formatCount],
      [variant.peak_rss_bytes, (value) => formatCount(value / 2 ** 20)],
      [variant.ratio, (value) => value.toFixed(0)],
    ];
    return [
      [variant.name, ...figures.map(([spread, format]) => (spread === undefined ? '' : format(spread.median)))],
      ['', ...figures.map(([spread, format]) => rangeCell(spread, format))],
    ];
  });
  const input = formatBytes(Math.max(...report.variants.map(({ input_bytes: bytes }) => bytes)));
  const notes = [
    'CPU of all threads, kernel included, a sighting; thousands of sightings a second',
    `of it. Median, and min..max, of ${report.rounds} interleaved rounds of at least ${report.seconds} s.`,
    'Disk: write_bytes of /proc/self/io a sighting, synchronous=FULL everywhere:',
    'footfall commits each 5 s (door: 1 s), the naive agent each sighting.',
    `RSS: the peak, up to ${input} of input held for the benchmark included.`,
    'Half new: each second sighting has a random address never seen before.',
    `Source: ${report.source},`,
    `${formatCount(report.templates)} sightings, repeated at ${RATE} a virtual second.`,
    `Database: ${report.disk}. Machine: ${report.machine}.`,
  ];
  const table = renderTable(columns, rows, { width: terminal.width, paint });
  return `${[...table, '', ...notes.map((note) => paint('dim', note))].join('\n')}\n`;
}

function rangeCell(spread: Spread | undefined, format: (value: number) => string): Cell {
  return { text: spread === undefined ? '' : `${format(spread.min)}..${format(spread.max)}`, tone: 'dim' };
}

function cpuOf({ cpuUs, sightings }: RoundResult): number {
  return cpuUs / sightings;
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
