/** `npm run bench pipeline`: rounds of each variant in turn, each in a process of its own, and what became of them. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { terminalOf } from '../../agent/cli/view/style.ts';
import { fileSystemOf } from './meter.ts';
import { loadProbes, type Probes } from './probes.ts';
import { type PipelineReport, renderReport, summarise, type VariantRounds } from './report.ts';
import type { RoundOptions, RoundResult } from './round.ts';
import { type Format, writeTemplates } from './templates.ts';

export interface PipelineBenchOptions {
  rounds: number;
  /** Least wall time of each round that is measured. */
  seconds: number;
  json: boolean;
}

interface Variant {
  name: string;
  agent: RoundOptions['agent'];
  format: Format;
  newEach: number;
}

const VARIANTS: Variant[] = [
  { name: 'pcap', agent: 'footfall', format: 'pcap', newEach: 0 },
  { name: 'pcap half new', agent: 'footfall', format: 'pcap', newEach: 2 },
  { name: 'lines', agent: 'footfall', format: 'lines', newEach: 0 },
  { name: 'naive JSON', agent: 'naive', format: 'json', newEach: 0 },
];
const ROUND = new URL('./round.ts', import.meta.url);

/** Returns the exit code: 0, or 130 after Ctrl-C. Leaves no file behind. */
export async function benchPipeline(options: PipelineBenchOptions): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'footfall-bench-'));
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    const probes = loadProbes();
    if (probes.missing !== null) process.stderr.write(`${probes.missing}\n`);
    const report = await runAll(options, probes, scratch, stop.signal);
    if (report === null) return 130;
    if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else process.stdout.write(renderReport(report, terminalOf(process.stdout, process.env)));
    return 0;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, onSignal);
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Null when it was told to stop. */
async function runAll(
  { rounds, seconds }: PipelineBenchOptions,
  { source, probes }: Probes,
  scratch: string,
  stop: AbortSignal,
): Promise<PipelineReport | null> {
  const templatesOf = (format: Format): string => join(scratch, `${format}.templates`);
  for (const format of ['pcap', 'lines', 'json'] as const) writeTemplates(templatesOf(format), format, probes);
  const variants: VariantRounds[] = VARIANTS.map(({ name, agent }) => ({ name, agent, rounds: [] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { name, agent, format, newEach }] of VARIANTS.entries()) {
      showProgress(`round ${round} of ${rounds}: ${name}`);
      const directory = join(scratch, 'round');
      mkdirSync(directory);
      const result = await runRound(
        { agent, format, newEach, templates: templatesOf(format), directory, seconds },
        stop,
      );
      rmSync(directory, { recursive: true });
      if (result === null) {
        showProgress('');
        return null;
      }
      variants[index].rounds.push(result);
    }
  }
  showProgress('');
  return summarise(variants, {
    source,
    templates: probes.length,
    disk: `${tmpdir()} (${fileSystemOf(tmpdir())})`,
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`,
    seconds,
  });
}

function runRound(options: RoundOptions, stop: AbortSignal): Promise<RoundResult | null> {
  return new Promise((resolve, reject) => {
    let result: RoundResult | null = null;
    const child: ChildProcess = fork(ROUND, [JSON.stringify(options)]);
    const kill = (): void => {
      child.kill('SIGKILL');
    };
    if (stop.aborted) kill();
    stop.addEventListener('abort', kill);
    child.on('message', (message) => {
      result = message as RoundResult;
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      stop.removeEventListener('abort', kill);
      if (stop.aborted) resolve(null);
      else if (code === 0 && result !== null) resolve(result);
      else reject(new Error(`a round of ${options.agent} on ${options.format} ended with ${signal ?? `code ${code}`}`));
    });
  });
}

function showProgress(text: string): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[K${text}`);
}
