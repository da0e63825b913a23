/** `npm run bench`: what the product costs, beside what a naive one would, in one run on one machine. */
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import type { PipelineBenchOptions } from './pipeline.ts';

const HELP = `Usage: npm run bench -- pipeline [--rounds N] [--seconds N] [--json]

Measures sightings a core-second end to end, from a sensor's bytes to sealed batches in the outbox on a real disk,
against an agent as one writes it first. Rounds of all variants alternate, each in a process of its own.

  --rounds N    rounds of each variant (default 5)
  --seconds N   least length of the measured part of a round (default 2); one window is closed at least
  --json        print the figures as JSON
  -h, --help    print this

The database is in the system's directory for temporary files (TMPDIR): choose a real disk. Ratios can be compared between
machines; times cannot.

Exit codes: 0 measured, 1 failed, 2 wrong use, 130 stopped by Ctrl-C (nothing is left behind).
`;

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') {
    process.stderr.write(`${options}\nSee: npm run bench -- --help\n`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const { benchPipeline } = await import('./pipeline.ts');
  try {
    return await benchPipeline(options);
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  }
}

/** The options of `pipeline`, null for help, or what is wrong with them. */
function readOptions(args: string[]): PipelineBenchOptions | null | string {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '2' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    if (positionals.length !== 1 || positionals[0] !== 'pipeline') {
      return `expected the benchmark "pipeline", received ${JSON.stringify(positionals.join(' '))}`;
    }
    const rounds = Number(values.rounds);
    const seconds = Number(values.seconds);
    if (!Number.isInteger(rounds) || rounds < 1)
      return `expected a whole number of --rounds, received "${values.rounds}"`;
    if (!(seconds > 0 && seconds < Infinity)) return `expected --seconds above 0, received "${values.seconds}"`;
    return { rounds, seconds, json: values.json };
  } catch (error) {
    return (error as Error).message;
  }
}

process.exitCode = await main(process.argv.slice(2));
