/** `npm run fault:storage`: disks that are full, read-only, failing and damaged under the daemon, and a ledger of each. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { freePort } from '../../agent/uplink/brokers.ts';
import { Broker, MOSQUITTO } from '../../test/support/broker.ts';
import { Collector } from '../../test/support/gateway.ts';
import { until } from '../../test/support/processes.ts';
import { SOCAT } from '../../test/support/pty.ts';
import { FAULT_KINDS } from '../../test/support/storage-faults-kinds.ts';
import { failuresOf, ledgerLine } from '../../test/support/storage-faults-ledger.ts';
import { type FaultLedger, strike } from '../../test/support/storage-faults-run.ts';
import { explain } from '../explain.ts';

const KINDS = Object.keys(FAULT_KINDS);

const entryOf = (name: string): string => fileURLToPath(new URL(`../../test/support/${name}/main.ts`, import.meta.url));
const PLANTS: Readonly<Record<string, string>> = {
  dying: entryOf('storage-faults-dying'),
  'forgotten-gap': entryOf('outage-forgotten-gap'),
};

const HELP = `Usage: npm run fault:storage -- [--seeds N] [--seed S] [--kind NAME] [--jobs N]
                               [--plant FAULT]

Has the storage of a daemon fail while people pass its door, on a virtual clock: each seed one fault, kind after kind. The
daemon must not end by itself, must set a damaged database aside, tell it, go on counting and work again without a restart;
every sequence must be stored or told as gone by a gap record, and nobody who was committed may be missing. Kinds that need
to mount a file system are skipped where this user may not. Needs mosquitto and socat; a seed takes some seconds.

  --seeds N      so many (default 100)
  --seed S       the first of them (default: drawn, and printed)
  --kind NAME    this one alone: ${KINDS.slice(0, 5).join('; ')};
                 ${KINDS.slice(5, 9).join('; ')};
                 ${KINDS.slice(9).join('; ')}
  --jobs N       at once (default 1)
  --plant FAULT  plant a fault, to see it told: ${Object.keys(PLANTS).join(', ')}
  -h, --help     print this

Exit codes: 0 nothing is wrong, 1 something is or the run failed, 64 wrong use.

Examples:
  npm run fault:storage -- --seeds 100
  npm run fault:storage -- --kind "log cut, down" --seed 7 --seeds 1
`;

interface Options {
  seeds: number;
  seed: number;
  kinds: string[];
  jobs: number;
  /** The program in place of the product's. */
  entry: string | undefined;
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'fault:storage');
  const missing = (MOSQUITTO === null ? 'mosquitto' : null) ?? (SOCAT === null ? 'socat' : null);
  if (missing !== null) {
    process.stderr.write(`needs ${missing}, and found none; install it with apt-get\n`);
    return 1;
  }
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  tell(`seed ${options.seed}`);
  const kinds = options.kinds.filter((name) => {
    const reason = FAULT_KINDS[name].missing();
    if (reason !== null) tell(`skipped: ${name}: ${reason}`);
    return reason === null;
  });
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'footfall-faults-'));
  try {
    return await strikeAll(directory, { ...options, kinds }, tell);
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\nRepeat with --seed ${options.seed}\n`);
    return 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function strikeAll(directory: string, options: Options, tell: (line: string) => void): Promise<number> {
  const { seeds, seed: first, kinds, jobs, entry } = options;
  const broker = new Broker(directory, await freePort());
  const collector = new Collector(join(directory, 'collector.db'), broker.url);
  const ledgers: FaultLedger[] = [];
  let wrong = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < seeds) {
      const number = next++;
      const seed = first + number;
      const kind = kinds[number % kinds.length];
      const place = { directory, brokerUrl: broker.url, database: collector.database };
      const ledger = await strike({ ...place, kind, seed, ...(entry === undefined ? {} : { entry }) });
      const failures = failuresOf(ledger);
      ledgers.push(ledger);
      tell(ledgerLine(ledger));
      for (const failure of failures) tell(`  WRONG: ${failure} (--kind "${kind}" --seed ${seed} --seeds 1)`);
      if (failures.length > 0) wrong++;
    }
  };
  try {
    await broker.start();
    collector.start();
    await until('the collector to subscribe', () => collector.child?.output.includes('"Connected"'));
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    await collector.end('SIGKILL');
    await broker.kill();
  }
  const sum = (of: (ledger: FaultLedger) => number): number => ledgers.reduce((total, ledger) => total + of(ledger), 0);
  tell(
    `${ledgers.length} faults: ${sum(({ exits }) => exits)} exits, ${sum(({ quarantines }) => quarantines)} databases set aside; ` +
      `sealed ${sum(({ sealed }) => sealed)}, stored ${sum(({ stored }) => stored)}, told as gone ${sum(({ gone }) => gone)}, ` +
      `missing ${sum(({ missing }) => missing.length)}, double ${sum(({ double }) => double)}; people ` +
      `${sum(({ people }) => people.stored)} of ${sum(({ people }) => people.came)}, ` +
      `${sum(({ people }) => people.gone)} in batches told as gone, ${sum(({ people }) => people.open)} in windows that were open, ` +
      `${sum(({ people }) => people.lost)} lost, ${sum(({ people }) => people.again)} again`,
  );
  tell(wrong === 0 ? 'nothing is wrong' : `something is wrong in ${wrong} of ${ledgers.length}`);
  return wrong === 0 ? 0 : 1;
}

/** The options, null for help, or what is wrong with them. */
function readOptions(args: string[]): Options | null | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seeds: { type: 'string', default: '100' },
        seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
        kind: { type: 'string' },
        jobs: { type: 'string', default: '1' },
        plant: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const { kind, plant } = values;
    const entry = plant === undefined ? undefined : PLANTS[plant];
    if (plant !== undefined && entry === undefined) {
      return `expected --plant to be one of ${Object.keys(PLANTS).join(', ')}, found "${plant}"`;
    }
    if (kind !== undefined && FAULT_KINDS[kind] === undefined) {
      return `expected --kind to be one of ${KINDS.map((name) => `"${name}"`).join(', ')}, found "${kind}"`;
    }
    for (const [name, least] of [
      ['seeds', 1],
      ['seed', 0],
      ['jobs', 1],
    ] as const) {
      if (Number.isSafeInteger(Number(values[name])) && Number(values[name]) >= least) continue;
      return `expected --${name} to be a whole number from ${least} on, found "${values[name]}"`;
    }
    const numbers = { seeds: Number(values.seeds), seed: Number(values.seed), jobs: Number(values.jobs) };
    return { ...numbers, entry, kinds: kind === undefined ? KINDS : [kind] };
  } catch (error) {
    return reasonOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
