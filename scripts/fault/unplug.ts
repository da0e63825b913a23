/** `npm run fault:unplug`: sensors of every driver unplugged hundreds of times, and a ledger of what became of it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { SOCAT } from '../../test/support/pty.ts';
import { unplugRepeatedly } from '../../test/support/unplugging.ts';
import { faultsOf, ledgerLines } from '../../test/support/unplugging-ledger.ts';
import { SUBJECTS } from '../../test/support/unplugging-subjects.ts';
import { PLANTS, type Plant } from '../../test/support/unplugging-tap.ts';
import { explain } from '../explain.ts';

const NAMES = Object.keys(SUBJECTS);

const HELP = `Usage: npm run fault:unplug -- [--driver NAME] [--count N] [--seed S] [--from K] [--plant FAULT] [--jobs N]

Unplugs a simulated sensor of each driver again and again, at random moments and for random times, with the real
transports, decoders and counting, each driver in a process of its own beside a sensor that nobody touches. Needs socat.

  --driver NAME  this one alone: ${NAMES.slice(0, 6).join(', ')},
                 ${NAMES.slice(6, 11).join(', ')},
                 ${NAMES.slice(11).join(', ')}
  --count N      disconnections of each, quick flaps on top (default 200)
  --seed S       of the random choices (default: drawn, and printed)
  --from K       begin with the Kth disconnection of the seed (default 0)
  --plant FAULT  plant a fault, to see it told: ${PLANTS.join(', ')}
  --jobs N       drivers at once (default 1)
  -h, --help     print this

Exit codes: 0 nothing is wrong, 1 something is, 64 wrong use.
`;

interface Options {
  driver: string | undefined;
  count: number;
  seed: number;
  from: number;
  plant: Plant | undefined;
  jobs: number;
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'fault:unplug');
  if (SOCAT === null) {
    process.stderr.write('expected socat on the PATH, found none; install it: apt-get install socat\n');
    return 1;
  }
  if (options.driver !== undefined) return unplugOne(options.driver, options);
  process.stdout.write(`seed ${options.seed}\n`);
  const waiting = [...NAMES];
  let worst = 0;
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      worst = Math.max(worst, await inProcess(name, options));
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  process.stdout.write(worst === 0 ? 'nothing is wrong\n' : 'something is wrong: see above\n');
  return worst;
}

async function unplugOne(name: string, { count, seed, from, plant }: Options): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-unplug-'));
  try {
    const options = { subjects: [name], count, from, seed, folder, bytesPerSecond: 200_000, measureMs: 1_000 };
    const ledger = await unplugRepeatedly({ ...options, ...(plant && { plant }) });
    const faults = faultsOf(ledger);
    const told = faults.map((fault) => `  WRONG: ${fault} (--seed ${seed})`);
    process.stdout.write(`${[...ledgerLines(ledger), ...told].join('\n')}\n`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A process for each driver: what it holds and uses is its own. */
function inProcess(name: string, { count, seed, from, plant }: Options): Promise<number> {
  const words = ['--driver', name, '--count', `${count}`, '--seed', `${seed}`, '--from', `${from}`];
  const program = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [program, ...words, ...(plant ? ['--plant', plant] : [])], {
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** The options, null for help, or what is wrong with them. */
function readOptions(args: string[]): Options | null | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        driver: { type: 'string' },
        count: { type: 'string', default: '200' },
        seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 32)}` },
        from: { type: 'string', default: '0' },
        plant: { type: 'string' },
        jobs: { type: 'string', default: '1' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const { driver } = values;
    const plant = PLANTS.find((known) => known === values.plant);
    const [count, seed, from, jobs] = [values.count, values.seed, values.from, values.jobs].map(Number);
    if (driver !== undefined && !NAMES.includes(driver)) {
      return `expected --driver to be one of ${NAMES.join(', ')}, found "${driver}"`;
    }
    if (values.plant !== undefined && plant === undefined) {
      return `expected --plant to be one of ${PLANTS.join(', ')}, found "${values.plant}"`;
    }
    for (const [name, value, least] of [
      ['count', count, 1],
      ['seed', seed, 0],
      ['from', from, 0],
      ['jobs', jobs, 1],
    ] as const) {
      if (!Number.isInteger(value) || value < least) return `expected --${name} to be a whole number from ${least} on`;
    }
    return { driver, count, seed, from, plant, jobs };
  } catch (error) {
    return reasonOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
