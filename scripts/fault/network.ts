/** `npm run fault:network`: a gateway delivers over a line that loses, slows and cuts, in network namespaces, and a ledger. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { MOSQUITTO } from '../../test/support/broker.ts';
import { missingForNetworks } from '../../test/support/netns-link.ts';
import { PHASE_NAMES, type PhaseName } from '../../test/support/netns-phases.ts';
import { runNetwork, totalLine } from '../../test/support/netns-run.ts';
import { SOCAT } from '../../test/support/pty.ts';
import { explain } from '../explain.ts';

const HELP = `Usage: npm run fault:network -- [--seconds S] [--loss P] [--phase NAME]... [--seed N] [--plant puback] [--json]

A real daemon in one network namespace, a real mosquitto and footfall collect in another, and the line between them
disturbed in one way after the other while windows are sealed all the time. Everything must be stored once, the uplink must
come back by itself each time, and status must name what is wrong. Needs root, mosquitto, socat, ip and nft.

  --seconds S     the line is cut for so long; most other faults last a quarter of it (default 240: some 10 minutes in all).
                  From 220 on every fault outlasts the keepalive, and must be named
  --loss P        percent of packets lost, each way (default 20)
  --phase NAME    this one alone; may be repeated: ${PHASE_NAMES.join(', ')}
  --seed N        of when the faults begin, and of the people (default: drawn, and printed)
  --plant puback  plant a fault, to see it told: a sender that deletes on the word of the broker
  --json          print the ledger as JSON in the end
  -h, --help      print this

Ctrl-C ends the fault under way, lets the rest arrive, and prints the ledger so far.

Exit codes: 0 nothing was lost and everything was named, 1 something was not, 64 wrong use, 77 this machine or user cannot
run it, 130 ended by Ctrl-C with nothing wrong so far.
`;

/** As test harnesses read it: skipped. */
const CANNOT_RUN = 77;
const INTERRUPTED = 130;
const PATIENCE_MS = 180_000;
/** The broker's restart takes no longer in a long run. */
const RESTART_S = 5;

interface Options {
  seconds: number;
  loss: number;
  seed: number;
  phases: readonly PhaseName[];
  plant: 'puback' | undefined;
  json: boolean;
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'fault:network');
  const missing = MOSQUITTO === null ? 'needs mosquitto' : SOCAT === null ? 'needs socat' : missingForNetworks();
  if (missing !== null) {
    process.stderr.write(`not run: ${missing}\n`);
    return CANNOT_RUN;
  }
  const { seconds, loss, seed, phases, plant, json } = options;
  const tell = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  tell(`seed ${seed}`);
  const directory = mkdtempSync(join(tmpdir(), 'footfall-network-'));
  const interrupt = new AbortController();
  const onSignal = (): void => {
    tell('ending after this fault');
    interrupt.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const { ledger, failures, interrupted } = await runNetwork({
      phases: phases.map((name) => [name, lengthOf(name, seconds)]),
      ...{ lossPercent: loss, seed, directory, patienceMs: PATIENCE_MS, tell, signal: interrupt.signal },
      ...(plant !== undefined && { ack: plant }),
    });
    if (json) process.stdout.write(`${JSON.stringify({ ...ledger, failures, interrupted }, null, 2)}\n`);
    tell(totalLine(ledger));
    for (const failure of failures) tell(`WRONG: ${failure}`);
    tell(
      failures.length === 0 ? 'everything arrived once, and the uplink always came back' : `repeat with --seed ${seed}`,
    );
    return failures.length > 0 ? 1 : interrupted ? INTERRUPTED : 0;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\nRepeat with --seed ${seed}\n`);
    return 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function lengthOf(name: PhaseName, cutSeconds: number): number {
  if (name === 'restart') return RESTART_S;
  return name === 'cut' ? cutSeconds : Math.ceil(cutSeconds / 4);
}

/** The options, null for help, or what is wrong with them. */
function readOptions(args: string[]): Options | null | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string', default: '240' },
        loss: { type: 'string', default: '20' },
        seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 32)}` },
        phase: { type: 'string', multiple: true },
        plant: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const phases: PhaseName[] = [];
    for (const asked of values.phase ?? PHASE_NAMES) {
      const name = PHASE_NAMES.find((known) => known === asked);
      if (name === undefined) return `expected --phase to be one of ${PHASE_NAMES.join(', ')}, found "${asked}"`;
      phases.push(name);
    }
    const { plant } = values;
    if (plant !== undefined && plant !== 'puback') return `expected --plant to be puback, found "${plant}"`;
    const bounds = { seconds: [1, 86_400], loss: [1, 90], seed: [0, Number.MAX_SAFE_INTEGER] } as const;
    const numbers = { seconds: 0, loss: 0, seed: 0 };
    for (const name of ['seconds', 'loss', 'seed'] as const) {
      numbers[name] = Number(values[name]);
      const [least, most] = bounds[name];
      if (Number.isInteger(numbers[name]) && numbers[name] >= least && numbers[name] <= most) continue;
      return `expected --${name} to be a whole number from ${least} to ${most}, found "${values[name]}"`;
    }
    return { ...numbers, phases, plant, json: values.json };
  } catch (error) {
    return reasonOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
