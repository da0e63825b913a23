/** `npm run fuzz`: damaged bytes into every decoder. */
import { parseArgs } from 'node:util';
import { DRIVERS } from '../../drivers/registry.ts';
import { explain } from '../explain.ts';
import { fuzz } from './fuzz.ts';
import { reportText } from './report.ts';

const HELP = `Usage: npm run fuzz -- [--seconds N] [--seed S] [--driver NAME] [--from I] [--cases N]

Damages the streams of all simulated sensors, and of real samples where they are
there, and decodes them: no decoder may throw, spin, grow, lose count, read what
cannot be, or fail to read on after the damage.

  --seconds N    how long (default 60)
  --seed S       whole number that the cases follow from (default: drawn)
  --driver NAME  this driver alone
  --from I       the first case; a failure names the one to begin with
  --cases N      end after so many, if the time is not over before
  -h, --help     print this

A phantom is a reading of a device or total that no undamaged stream tells of:
a format without a checksum cannot avoid them, one with has next to none.

Exit codes: 0 nothing found, 1 a fault was found, 64 wrong use.

Examples:
  npm run fuzz -- --seconds 300
  npm run fuzz -- --seed 7 --driver wifi-pcap --from 123 --cases 1
`;

interface Arguments {
  seconds: number;
  seed: number;
  from: number;
  cases?: number;
  driver?: string;
}

function main(args: string[]): number {
  const options = readArguments(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'fuzz');
  const tell = (line: string) => void process.stdout.write(`${line}\n`);
  tell(`seed ${options.seed}`);
  const report = fuzz({ ...options, drivers: DRIVERS.values(), tell });
  tell(`\n${reportText(report)}`);
  const { failure } = report;
  if (failure === undefined) return 0;
  const { iteration, subject, driver, reason } = failure;
  const only = driver === '' ? '' : ` --driver ${driver}`;
  process.stderr.write(`\n${subject}, case ${iteration}: ${reason}\n`);
  process.stderr.write(`Repeat: npm run fuzz -- --seed ${options.seed}${only} --from ${iteration}\n`);
  return 1;
}

/** The arguments, null for help, or what is wrong with them. */
function readArguments(args: string[]): Arguments | null | string {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string' },
        seed: { type: 'string' },
        driver: { type: 'string' },
        from: { type: 'string' },
        cases: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (values.help === true) return null;
  const { driver } = values;
  if (driver !== undefined && (typeof driver !== 'string' || !DRIVERS.has(driver))) {
    return `expected --driver to be one of ${[...DRIVERS.keys()].join(', ')}, found "${String(driver)}"`;
  }
  const seconds = Number(values.seconds ?? 60);
  if (!(seconds > 0 && seconds < 1e6)) return `expected --seconds above 0, found "${values.seconds}"`;
  const whole = { seed: Math.floor(Math.random() * 2 ** 31), from: 0, cases: 0 };
  for (const name of ['seed', 'from', 'cases'] as const) {
    const value = Number(values[name] ?? whole[name]);
    if (!Number.isSafeInteger(value) || value < 0)
      return `expected a whole number of --${name}, found "${values[name]}"`;
    whole[name] = value;
  }
  const { seed, from, cases } = whole;
  return { seconds, seed, from, ...(cases > 0 && { cases }), ...(driver !== undefined && { driver }) };
}

process.exitCode = main(process.argv.slice(2));
