/** `npm run bench:drain`: how fast a full buffer reaches a committing collector, beside a broker on the box that bridges. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { MOSQUITTO } from '../../test/support/broker.ts';
import { explain } from '../explain.ts';
import { type Drained, type DrainOptions, drainBridge, drainOurs } from './drain-ways.ts';
import { fileSystemOf } from './meter.ts';

const HELP = `Usage: npm run bench:drain [-- --batches N] [--rounds N] [--window N] [--kill] [--autosave S] [--json]

The same sealed batches of about 6 KB, held on the box, go (a) from our outbox through our uplink and (b) from a mosquitto on
the box, which stores and bridges them, through a central mosquitto into the reference collector, which commits to SQLite.
Rounds of both take turns. With --kill the side of the gateway is killed at the collector's first commit, and
started again: a bridge is rid of what it holds long before the collector has committed it.

  --batches N   held at first (default 20000)
  --rounds N    of each (default 3; with --kill 1)
  --window N    of our uplink: batches under way at once (default 128)
  --kill        kill -9 on the way, and see what is lost
  --autosave S  seconds between two savings of the bridging broker (default: its own default)
  --json        print the figures as JSON
  -h, --help    print this

The files are in the system's directory for temporary files (TMPDIR): choose a real disk. Times cannot be compared between
machines.

Exit codes: 0 measured and ours lost nothing, 1 it lost a batch or a run failed, 64 wrong use.
`;

/** Also an epoch. */
const BRIDGED_EPOCH = '00000000000000b1';

interface Options extends Omit<DrainOptions, 'killAt'> {
  rounds: number;
  kill: boolean;
  autosave: number | null;
  json: boolean;
}

async function measure(options: Options, tell: (line: string) => void): Promise<Drained[]> {
  const { batches, window, rounds, kill, autosave } = options;
  const drain = { batches, window, killAt: kill ? 1 : null };
  const all: Drained[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const way of [
      (directory: string) => drainOurs(directory, drain),
      (directory: string) => drainBridge(directory, drain, BRIDGED_EPOCH, autosave),
    ]) {
      const directory = mkdtempSync(join(tmpdir(), 'footfall-drain-'));
      try {
        const drained = await way(directory);
        all.push(drained);
        tell(`round ${round}: ${lineOf(drained, batches)}`);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
  }
  return all;
}

const mib = (octets: number): string => (octets / 1_048_576).toFixed(0);

function lineOf({ way, stored, lost, rate, costs, idleRss }: Drained, batches: number): string {
  const parts = Object.entries(costs).map(([name, { cpuUs, rss }]) => {
    const each = stored === 0 ? '-' : (cpuUs / stored).toFixed(0);
    return `${name} ${each} us a batch, ${mib(rss)} MiB`;
  });
  return (
    `${way}: ${Math.round(rate)} batches/s committed; ${stored} of ${batches} stored, ${lost} lost; ` +
    `CPU and most memory: ${parts.join('; ')}${idleRss === null ? '' : ` (gateway before it drained: ${mib(idleRss)} MiB)`}`
  );
}

function medianRate(all: readonly Drained[], way: Drained['way']): number {
  const rates = all.filter((each) => each.way === way).map(({ rate }) => rate);
  return Math.round(rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)]);
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'bench:drain');
  if (MOSQUITTO === null) {
    process.stderr.write('needs mosquitto, and found none; install it with apt-get\n');
    return 1;
  }
  const { json, batches, rounds } = options;
  const tell = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  try {
    const all = await measure(options, tell);
    const octets = all.find(({ way }) => way === 'footfall')?.octets ?? 0;
    tell(
      `${batches} batches of ${octets} octets on ${fileSystemOf(tmpdir())}, median of ${rounds} rounds: ` +
        `footfall ${medianRate(all, 'footfall')} batches/s, bridge ${medianRate(all, 'bridge')} batches/s`,
    );
    if (json) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return all.every(({ way, lost }) => way !== 'footfall' || lost === 0) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  }
}

/** The options, null for help, or what is wrong with them. */
function readOptions(args: string[]): Options | null | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        batches: { type: 'string', default: '20000' },
        rounds: { type: 'string' },
        window: { type: 'string', default: '128' },
        kill: { type: 'boolean', default: false },
        autosave: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const { kill, json, autosave } = values;
    const numbers = {
      batches: Number(values.batches),
      rounds: Number(values.rounds ?? (kill ? 1 : 3)),
      window: Number(values.window),
      ...(autosave === undefined ? {} : { autosave: Number(autosave) }),
    };
    for (const [name, count] of Object.entries(numbers)) {
      if (!Number.isSafeInteger(count) || count < 1) return `expected a whole number of at least 1 for --${name}`;
    }
    return { autosave: null, ...numbers, kill, json };
  } catch (error) {
    return reasonOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
