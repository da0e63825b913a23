/** `npm run fault:outage`: an outage that outlasts the buffer, and a ledger of every sequence that was sealed in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { MOSQUITTO } from '../../test/support/broker.ts';
import { failuresOf, ledgerLines } from '../../test/support/outage-ledger.ts';
import { type OutageOptions, runOutage } from '../../test/support/outage-run.ts';
import { SOCAT } from '../../test/support/pty.ts';
import { explain } from '../explain.ts';

const entryOf = (name: string): string =>
  fileURLToPath(new URL(`../../test/support/outage-${name}/main.ts`, import.meta.url));
const PLANTS: Readonly<Record<string, string>> = {
  'forgotten-gap': entryOf('forgotten-gap'),
  unbounded: entryOf('unbounded'),
};

const HELP = `Usage: npm run fault:outage -- [--days N] [--window-minutes N] [--buffer-mib N] [--kills N] [--seed S] [--plant FAULT]

Runs the daemon on a virtual clock for days without a broker, with a door and phones about and a buffer that is too small,
and kills it now and then. Then the broker and the collector come. Every sequence that was sealed must be stored once, with
the bytes that were held, or be told as gone by a gap record, and the collector's report must say the same. A day takes
10 s to 45 s, as busy as the machine is. Needs mosquitto and socat.

  --days N            without a broker; also a part of a day (default 30)
  --window-minutes N  of a window; shorter ones are more batches (default 15)
  --buffer-mib N      what the buffer holds (default 4)
  --kills N           of the daemon, at random windows (default 10)
  --seed S            of the random choices (default: drawn, and printed)
  --plant FAULT       plant a fault, to see it told: ${Object.keys(PLANTS).join(', ')}
  -h, --help          print this

Exit codes: 0 every sequence is accounted for, 1 one is not or the run failed, 64 wrong use.

Examples:
  npm run fault:outage -- --days 30 --buffer-mib 4
  npm run fault:outage -- --days 0.5 --window-minutes 1 --buffer-mib 1 --plant forgotten-gap
`;

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'fault:outage');
  const missing = (MOSQUITTO === null ? 'mosquitto' : null) ?? (SOCAT === null ? 'socat' : null);
  if (missing !== null) {
    process.stderr.write(`needs ${missing}, and found none; install it with apt-get\n`);
    return 1;
  }
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  tell(`seed ${options.seed}`);
  const directory = mkdtempSync(join(tmpdir(), 'footfall-outage-'));
  try {
    const run = await runOutage({ ...options, directory, tell });
    const failures = failuresOf(run);
    tell(ledgerLines(run).join('\n'));
    for (const failure of failures) tell(`WRONG: ${failure}`);
    tell(failures.length === 0 ? 'every sequence is accounted for' : `something is wrong: --seed ${options.seed}`);
    return failures.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\nRepeat with --seed ${options.seed}\n`);
    return 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The options, null for help, or what is wrong with them. */
function readOptions(args: string[]): Omit<OutageOptions, 'directory'> | null | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        days: { type: 'string', default: '30' },
        'window-minutes': { type: 'string', default: '15' },
        'buffer-mib': { type: 'string', default: '4' },
        kills: { type: 'string', default: '10' },
        seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 32)}` },
        plant: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const { plant } = values;
    const entry = plant === undefined ? undefined : PLANTS[plant];
    if (plant !== undefined && entry === undefined) {
      return `expected --plant to be one of ${Object.keys(PLANTS).join(', ')}, found "${plant}"`;
    }
    const days = Number(values.days);
    if (!(days > 0 && days <= 400)) return `expected --days to be above 0 and at most 400, found "${values.days}"`;
    const whole = { 'window-minutes': 1, 'buffer-mib': 1, kills: 0, seed: 0 };
    for (const [name, least] of Object.entries(whole)) {
      const text = values[name as keyof typeof whole];
      if (Number.isSafeInteger(Number(text)) && Number(text) >= least) continue;
      return `expected --${name} to be a whole number from ${least} on, found "${text}"`;
    }
    return {
      days,
      windowMinutes: Number(values['window-minutes']),
      bufferMib: Number(values['buffer-mib']),
      kills: Number(values.kills),
      seed: Number(values.seed),
      ...(entry === undefined ? {} : { entry, patienceMs: 20_000 }),
    };
  } catch (error) {
    return reasonOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
