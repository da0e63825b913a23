/** `npm run fault:storm`: a fleet that reconnects after an outage, all of it at once, and a ledger of what was stored. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { MOSQUITTO } from '../../test/support/broker.ts';
import { type Bin, expectedSpread, peakAllowed, spreadOf } from '../../test/support/fleet-jitter.ts';
import { FLEET_PLANTS } from '../../test/support/fleet-plants.ts';
import { ledgerFaults, runStorm, type Storm, type StormOptions } from '../../test/support/fleet-storm.ts';
import { POSTGRES_MISSING } from '../../test/support/postgres.ts';
import { explain } from '../explain.ts';

const PLANTS = [...FLEET_PLANTS, 'no-unique-key'] as const;

const HELP = `Usage: npm run fault:storm -- [--gateways N] [--collector postgres|sqlite] [--outage SECONDS] [--kill-collector]
                                 [--seed S] [--plant FAULT] [--json]

Connects N simulated gateways (footfall simulate --fleet) to a real mosquitto with one collector behind it, kills the broker
while windows go on closing, and starts it again. Every sealed batch must be stored once, counted from the bytes in the
database, and the reconnects must be spread over time as full jitter spreads them.

  --gateways N      (default 1000)
  --collector NAME  postgres, a throw-away cluster on a real disk (default), or sqlite
  --outage SECONDS  so long the broker is away (default 30)
  --kill-collector  it dies with the broker
  --seed S          of what is counted and of the jitter (default: drawn, and printed)
  --plant FAULT     plant a fault, to see it told: ${PLANTS.join(', ')}
                    (no-unique-key with sqlite)
  --json            print the ledger as JSON in the end
  -h, --help        print this

Exit codes: 0 everything was stored once and spread over time, 1 something was not, 64 wrong use.

Examples:
  npm run fault:storm -- --gateways 200 --outage 10
  npm run fault:storm -- --gateways 200 --outage 10 --plant no-jitter
`;

/** Windows that close during the outage, and as many about it as are needed to see them go through. */
const WINDOWS_IN_OUTAGE = 6;
const WINDOWS_ABOUT = 4;
const BAR = 50;
const MOST_BARS = 24;

interface Options
  extends Pick<StormOptions, 'gateways' | 'collector' | 'outageMs' | 'seed' | 'plant' | 'killCollector'> {
  json: boolean;
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || typeof options === 'string') return explain(options, HELP, 'fault:storm');
  const { json, gateways, outageMs, seed, collector } = options;
  const missing = MOSQUITTO === null ? 'needs mosquitto' : collector === 'postgres' ? POSTGRES_MISSING : null;
  if (missing !== null) {
    process.stderr.write(`${missing}, and found none; install it with apt-get\n`);
    return 1;
  }
  const tell = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  tell(`seed ${seed}, ${gateways} gateways, ${collector}`);
  const folder = mkdtempSync(join(tmpdir(), 'footfall-storm-'));
  try {
    const everyMs = outageMs / WINDOWS_IN_OUTAGE;
    const windows = WINDOWS_IN_OUTAGE + WINDOWS_ABOUT;
    const storm = await runStorm({ ...options, windows, everyMs, staggerMs: 0, haste: 1, folder, tell });
    const expected = expectedSpread(storm.outageMs, seed);
    const found = spreadOf(storm.reconnects, gateways);
    const allowed = peakAllowed(expected, gateways);
    const faults = ledgerFaults(storm);
    if (found.peak > allowed) {
      faults.push(`expected at most ${share(allowed)} of the fleet back in one second, found ${share(found.peak)}`);
    }
    const spread = { expected, found, allowed };
    if (json) process.stdout.write(`${JSON.stringify({ ...summaryOf(storm), spread, faults }, null, 2)}\n`);
    else for (const line of linesOf(storm)) tell(line);
    tell(
      `busiest second: ${share(found.peak)} of the fleet; full jitter makes ${share(expected.peak)}, allowed ${share(allowed)}`,
    );
    tell(`99 of 100 are back after ${time(found.mostMs)}; full jitter makes ${time(expected.mostMs)}`);
    for (const fault of faults) tell(`WRONG: ${fault}`);
    tell(faults.length === 0 ? 'everything was stored once' : `something is wrong: --seed ${seed}`);
    return faults.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\nRepeat with --seed ${seed}\n`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function summaryOf({ ledger, audit, cpu, seconds, reported }: Storm) {
  const { receivedMs: _receivedMs, ...stored } = audit;
  return { fleet: ledger, stored, reported, cpu_seconds: cpu, seconds };
}

function linesOf(storm: Storm): string[] {
  const { ledger, audit, reconnects, published, cpu, seconds, backMs } = storm;
  const { failures, ...counts } = ledger;
  const { receivedMs, ...stored } = audit;
  const row = ([name, value]: [string, number]): string => `  ${name.padEnd(14)}${String(value).padStart(10)}`;
  const load = Object.entries(cpu).map(([name, used]) => `${name} ${Math.round((used / seconds) * 100)} %`);
  return [
    'the fleet',
    ...Object.entries(counts).map(row),
    ...Object.entries(failures).map(([reason, count]) => `  ${count} times: ${reason}`),
    'the database',
    ...Object.entries(stored).map(row),
    'reconnects a second, since the broker was back',
    ...histogram(reconnects),
    'published a second',
    ...histogram(published),
    'committed a second',
    ...histogram(binsOf(receivedMs, backMs)),
    `CPU, of one core, over ${seconds.toFixed(0)} s: ${load.join(', ')}`,
  ];
}

/** By second, from when the broker was back. */
function binsOf(timesMs: readonly number[], fromMs: number): Bin[] {
  const bins: Bin[] = [];
  for (const ms of timesMs) {
    if (ms < fromMs) continue;
    const second = Math.floor((ms - fromMs) / 1_000);
    while (bins.length <= second) bins.push({ fromMs: bins.length * 1_000, toMs: (bins.length + 1) * 1_000, count: 0 });
    bins[second].count++;
  }
  return bins;
}

/** Bars of counts, several bins a bar where there are many; the empty end is left out. */
function histogram(bins: readonly Bin[]): string[] {
  const last = bins.findLastIndex(({ count }) => count > 0) + 1;
  const each = Math.max(1, Math.ceil(last / MOST_BARS));
  const rows: { fromMs: number; rate: number }[] = [];
  for (let at = 0; at < last; at += each) {
    const group = bins.slice(at, at + each);
    const count = group.reduce((sum, bin) => sum + bin.count, 0);
    const [from, to] = [group[0].fromMs, group[group.length - 1].toMs];
    rows.push({ fromMs: from, rate: count / Math.max(0.001, (to - from) / 1_000) });
  }
  const most = Math.max(1, ...rows.map(({ rate }) => rate));
  return rows.map(({ fromMs, rate }) => {
    const bar = '#'.repeat(Math.round((rate / most) * BAR));
    return `  ${time(fromMs).padStart(8)} ${rate.toFixed(1).padStart(8)} ${bar}`.trimEnd();
  });
}

const share = (part: number): string => `${(part * 100).toFixed(1)} %`;
const time = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** The options, null for help, or what is wrong with them. */
function readOptions(args: string[]): Options | null | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        gateways: { type: 'string', default: '1000' },
        collector: { type: 'string', default: 'postgres' },
        outage: { type: 'string', default: '30' },
        'kill-collector': { type: 'boolean', default: false },
        seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 32)}` },
        plant: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const { collector, json, 'kill-collector': killCollector } = values;
    const [gateways, outage, seed] = [values.gateways, values.outage, values.seed].map(Number);
    if (!Number.isSafeInteger(gateways) || gateways < 1) {
      return `expected --gateways to be a whole number from 1 on, found "${values.gateways}"`;
    }
    if (!(outage >= 1 && outage <= 3_600)) return `expected --outage from 1 to 3600 seconds, found "${values.outage}"`;
    if (!Number.isSafeInteger(seed) || seed < 0) return `expected --seed to be a whole number, found "${values.seed}"`;
    if (collector !== 'postgres' && collector !== 'sqlite') {
      return `expected --collector to be postgres or sqlite, found "${collector}"`;
    }
    const plant = PLANTS.find((name) => name === values.plant) ?? null;
    if (values.plant !== undefined && plant === null) {
      return `expected --plant to be one of ${PLANTS.join(', ')}, found "${values.plant}"`;
    }
    if (plant === 'no-unique-key' && collector !== 'sqlite') return 'expected --collector sqlite with that fault';
    return { gateways, collector, outageMs: outage * 1_000, killCollector, seed, plant, json };
  } catch (error) {
    return reasonOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
