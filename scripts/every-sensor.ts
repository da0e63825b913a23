/** `npm run every-sensor`: a store with every kind of sensor for hours, and the ledger of what became of each frame. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../agent/errors.ts';
import { MOSQUITTO } from '../test/support/broker.ts';
import { runEverySensor } from '../test/support/every-sensor.ts';
import { failuresOf, tableOf } from '../test/support/every-sensor-ledger.ts';
import { explain } from './explain.ts';

const HELP = `Usage: npm run every-sensor -- [--hours N] [--seed N] [--json]

Runs a simulated store with two sensors of every driver through the daemon, a
broker (mosquitto) and the collector, and sets what each sensor sent against
what the acknowledged records hold. Ten hours take about a minute.

  --hours N   simulated hours, 2 or more (default 10)
  --seed N    the same seed gives the same day (default 1)
  --json      print the ledger as JSON
  -h, --help  print this

Exit codes: 0 nothing was lost, 1 something was or the run failed, 64 wrong use.

Examples:
  npm run every-sensor -- --hours 10 --seed 7
`;

const LEAST_HOURS = 2;

interface Options {
  hours: number;
  seed: number;
  json: boolean;
}

function optionsOf(args: string[]): Options | string | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        hours: { type: 'string', default: '10' },
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const [hours, seed] = [Number(values.hours), Number(values.seed)];
    if (!(hours >= LEAST_HOURS && hours < Number.POSITIVE_INFINITY)) {
      return `expected --hours ${LEAST_HOURS} or more, received "${values.hours}"`;
    }
    if (!Number.isSafeInteger(seed)) return `expected a whole number for --seed, received "${values.seed}"`;
    return { hours, seed, json: values.json };
  } catch (error) {
    return reasonOf(error);
  }
}

async function main(args: string[]): Promise<number> {
  const options = optionsOf(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'every-sensor');
  if (MOSQUITTO === null) {
    process.stderr.write('expected mosquitto on this machine, found none; install it: apt-get install mosquitto\n');
    return 1;
  }
  const { hours, seed, json } = options;
  const directory = mkdtempSync(join(tmpdir(), 'footfall-every-sensor-'));
  const began = performance.now();
  try {
    const ledger = await runEverySensor({ directory, hours, seed });
    const failures = failuresOf(ledger);
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const verdict = failures.length === 0 ? 'nothing was lost or counted twice' : `${failures.length} failures`;
    const lines = json
      ? [JSON.stringify({ hours, seed, failures, ...ledger }, null, 2)]
      : [...tableOf(ledger), ...failures, `${hours} hours with seed ${seed} in ${seconds} s: ${verdict}`];
    process.stdout.write(`${lines.join('\n')}\n`);
    return failures.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
