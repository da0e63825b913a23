/** `npm run chaos`: daemon, broker and collector killed hundreds of times, and a ledger of what became of every batch. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { SOCAT } from '../../test/support/pty.ts';
import { explain } from '../explain.ts';
import { BROKER_KINDS, type BrokerKind, missingServer } from './brokers.ts';
import { ledgerLines } from './ledger.ts';
import { PLANT_NAMES, PLANTS, type Plant } from './plants.ts';
import { runChaos } from './run.ts';

const HELP = `Usage: npm run chaos -- [--kills N] [--seed S] [--from K] [--broker NAME] [--gateways N] [--keep DIR] [--plant FAULT]
                           [--json]

Kills the daemon, the broker and the collector, each a process of its own, at random moments, during their start too. Some
are stopped for a while and go on; connections are cut, swallowed, left half open or slowed. Meanwhile people pass the
doors of simulated stores and phones are heard, over terminals, on a virtual clock with windows of a minute. In the end
every sealed batch must be stored once, and the totals must be those of the simulation: of a counter with running totals
everybody, of a sensor that reports one by one everybody who was durable when a daemon was killed. Needs socat.

  --kills N      end after so many (default 200)
  --seed S       of the random choices (default: drawn, and printed)
  --from K       the first round of the seed; a round kills one of the three, now and then twice (default 0)
  --broker NAME  ${BROKER_KINDS.join(', ')} (default mosquitto).
                 mosquitto forgets all when it is killed; -persists keeps what it saved; -drops has queues so short that
                 it drops in silence what it has acknowledged; nats is a cluster of three, one killed at a time, with a
                 proxy in front that goes to a node that lives, as a load balancer does
  --gateways N   daemons, each with a store of its own (default 1)
  --keep DIR     databases and settings are there and stay; a run that was ended goes on from them with the seed and the
                 round that it named
  --plant FAULT  plant a fault, to see it told: ${PLANT_NAMES.slice(0, 3).join(', ')},
                 ${PLANT_NAMES.slice(3).join(', ')}
  --json         print the ledger as JSON in the end
  -h, --help     print this

Ctrl-C ends the round, then every process, and prints the ledger so far.

Exit codes: 0 nothing was lost or doubled, 1 something was or the run failed, 64 wrong use, 130 ended by Ctrl-C with
nothing lost so far.

Examples:
  npm run chaos -- --kills 1000
  npm run chaos -- --kills 50 --broker nats --seed 7
  npm run chaos -- --kills 60 --plant puback
`;

const INTERRUPTED = 130;
const APART = 'FOOTFALL_CHAOS_APART';

interface Options {
  kills: number;
  seed: number;
  from: number;
  gateways: number;
  broker: BrokerKind;
  keep: string | undefined;
  plant: Plant | undefined;
  json: boolean;
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'chaos');
  const { broker, seed, from, keep, plant, json } = options;
  const missing = missingServer(broker) ?? (SOCAT === null ? 'needs socat' : null);
  if (missing !== null) {
    process.stderr.write(`${missing}, and found none; install it with apt-get\n`);
    return 1;
  }
  const tell = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  tell(`seed ${seed}, ${broker}`);
  const directory = keep === undefined ? mkdtempSync(join(tmpdir(), 'footfall-chaos-')) : resolve(keep);
  mkdirSync(directory, { recursive: true });
  const interrupt = new AbortController();
  const onSignal = (): void => {
    tell('ending after this round');
    interrupt.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const { kills, gateways } = options;
    const parts = plant === undefined ? {} : { parts: PLANTS[plant], patienceMs: { alone: 1_000, helped: 15_000 } };
    const outcome = await runChaos({
      ...{ kills, from, seed, broker, gateways, directory, tell },
      ...parts,
      signal: interrupt.signal,
    });
    const { ledger, failures, interrupted } = outcome;
    if (json) process.stdout.write(`${JSON.stringify({ ...ledger, failures, interrupted }, null, 2)}\n`);
    else tell(ledgerLines(ledger).join('\n'));
    for (const failure of failures) tell(`WRONG: ${failure}`);
    if (keep !== undefined) tell(`go on: --keep ${keep} --seed ${seed} --from ${ledger.next} --broker ${broker}`);
    tell(
      failures.length === 0
        ? 'nothing was lost, nothing counted twice'
        : `something is wrong: --seed ${seed} --from ${from}`,
    );
    return failures.length > 0 ? 1 : interrupted ? INTERRUPTED : 0;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\nRepeat with --seed ${seed} --from ${from} --broker ${broker}\n`);
    return 1;
  } finally {
    if (keep === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

/** The options, null for help, or what is wrong with them. */
function readOptions(args: string[]): Options | null | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        kills: { type: 'string', default: '200' },
        seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 32)}` },
        from: { type: 'string', default: '0' },
        broker: { type: 'string', default: 'mosquitto' },
        gateways: { type: 'string', default: '1' },
        keep: { type: 'string' },
        plant: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const broker = BROKER_KINDS.find((kind) => kind === values.broker);
    if (broker === undefined)
      return `expected --broker to be one of ${BROKER_KINDS.join(', ')}, found "${values.broker}"`;
    const plant = PLANT_NAMES.find((name) => name === values.plant);
    if (values.plant !== undefined && plant === undefined) {
      return `expected --plant to be one of ${PLANT_NAMES.join(', ')}, found "${values.plant}"`;
    }
    const least = { kills: 1, seed: 0, from: 0, gateways: 1 };
    const numbers = { kills: 0, seed: 0, from: 0, gateways: 0 };
    for (const name of ['kills', 'seed', 'from', 'gateways'] as const) {
      numbers[name] = Number(values[name]);
      if (Number.isSafeInteger(numbers[name]) && numbers[name] >= least[name]) continue;
      return `expected --${name} to be a whole number from ${least[name]} on, found "${values[name]}"`;
    }
    return { ...numbers, broker, plant, keep: values.keep, json: values.json };
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Ctrl-C in a terminal goes to every process of it, terminals' helpers too: the run is in a session of its own, and is told
 * by this process alone.
 */
function apart(args: string[]): Promise<number> {
  const env = { ...process.env, [APART]: '1' };
  const words = [fileURLToPath(import.meta.url), ...args];
  const child = spawn(process.execPath, words, { detached: true, stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const run = process.env[APART] === undefined ? apart : main;
process.exitCode = await run(process.argv.slice(2));
