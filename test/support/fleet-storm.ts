/**
 * A fleet that loses its broker while its windows go on closing, and comes back: a real mosquitto, the real collector, the real
 * `footfall simulate --fleet`, each a process of its own. What came of it is counted from the collector's database.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FleetCounts } from '../../agent/cli/fleet/fleet.ts';
import type { FleetLedger } from '../../agent/cli/fleet/tell.ts';
import { openReport } from '../../agent/collector/report.ts';
import { freePort } from '../../agent/uplink/brokers.ts';
import { Broker } from './broker.ts';
import { auditFleet, type FleetAudit } from './fleet-audit.ts';
import type { ChildRequest } from './fleet-child.ts';
import type { Bin } from './fleet-jitter.ts';
import type { FleetPlant } from './fleet-plants.ts';
import { Postgres } from './postgres.ts';
import { Child, until } from './processes.ts';

export interface StormOptions {
  gateways: number;
  collector: 'postgres' | 'sqlite';
  /** The collector dies with the broker and is started again after it. */
  killCollector: boolean;
  outageMs: number;
  /** Windows that each gateway seals, about two of them before the outage. */
  windows: number;
  everyMs: number;
  staggerMs: number;
  seed: number;
  /** Times by which the fleet's clock is fast; the milliseconds above are those of the fleet. */
  haste: number;
  plant: FleetPlant | 'no-unique-key' | null;
  /** For databases and settings. */
  folder: string;
  tell: (line: string) => void;
}

export type Progress = FleetCounts & { at_ms: number; resident_mib: number };

export interface Storm {
  ledger: FleetLedger;
  audit: FleetAudit;
  /** Sequences that the collector's own report misses, by state. */
  reported: Record<string, number>;
  /** Sealed by the fleet when the broker died, and when it was back. */
  sealedBefore: number;
  sealedAfter: number;
  /** Since the broker was back, in milliseconds of the fleet. */
  reconnects: Bin[];
  published: Bin[];
  /** UTC milliseconds at which the broker was back. */
  backMs: number;
  /** For so long it was away, in milliseconds of the fleet. */
  outageMs: number;
  /** Core seconds from then to the end, by process. */
  cpu: Record<string, number>;
  /** Wall seconds of the same. */
  seconds: number;
  fleetExit: number | null;
}

const MAIN = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
const CHILD = fileURLToPath(new URL('./fleet-child.ts', import.meta.url));
const NO_KEY = fileURLToPath(new URL('../../scripts/chaos/plants/no-unique-key.ts', import.meta.url));
const TICKS_A_SECOND = 100;
const PATIENCE_MS = 120_000;
const WAIT_S = 900;

export async function runStorm(options: StormOptions): Promise<Storm> {
  const { collector: kind, folder, haste, outageMs, gateways, tell } = options;
  const broker = new Broker(folder, await freePort());
  const endings: (() => Promise<unknown>)[] = [() => broker.kill()];
  try {
    await broker.start();
    const postgres = kind === 'postgres' ? await Postgres.start({ parent: tmpdir() }) : null;
    if (postgres !== null) endings.push(() => postgres.stop());
    const database = postgres?.url() ?? join(folder, 'collector.db');
    const startCollector = async (): Promise<Child> => {
      const child = collectorOf(options, broker.url, database);
      endings.push(() => child.end('SIGKILL'));
      await until('the collector to subscribe', () => {
        if (!child.running) throw new Error(child.output);
        return child.output.includes('"Connected"');
      });
      return child;
    };
    let collector = await startCollector();
    const fleet = new FleetProcess(options, broker.url);
    endings.push(() => fleet.child.end('SIGKILL'));
    await fleet.when('every gateway to be connected and two windows to be sealed', (now) => {
      return now.connected === gateways && now.sealed >= 2 * gateways;
    });
    tell(`all ${gateways} gateways connected, ${fleet.last?.sealed} batches sealed: the broker dies`);
    const diedMs = Date.now();
    await broker.kill();
    if (options.killCollector) await collector.end('SIGKILL');
    const sealedBefore = fleet.last?.sealed ?? 0;
    await sleep(Math.max(0, outageMs / haste - (Date.now() - diedMs)));
    await broker.start();
    if (options.killCollector) collector = await startCollector();
    const backMs = Date.now();
    const sealedAfter = fleet.last?.sealed ?? 0;
    const pids = (): Record<string, number[]> => ({
      fleet: [fleet.child.pid],
      broker: [broker.child?.pid ?? 0],
      collector: [collector.pid],
      ...(postgres === null ? {} : { postgres: [postgres.pid, ...childrenOf(postgres.pid)] }),
    });
    const before = cpuOf(pids());
    tell(`the broker is back after ${((backMs - diedMs) / 1_000).toFixed(1)} s; ${sealedAfter} sealed meanwhile`);
    const cpu = { ...before };
    const watching = setInterval(() => {
      // What has ended meanwhile tells nothing any more.
      for (const [name, used] of Object.entries(cpuOf(pids()))) cpu[name] = Math.max(cpu[name], used);
    }, 500);
    const { code } = await fleet.child.ended.finally(() => clearInterval(watching));
    const seconds = (Date.now() - backMs) / 1_000;
    collector.process.kill('SIGINT');
    await collector.ended;
    const { ledger } = fleet;
    if (ledger === null) throw new Error(`expected a ledger of the fleet, found: ${fleet.child.output}`);
    const { gaps } = await openReport(database, Date.now());
    const reported: Record<string, number> = {};
    for (const { state, first, last } of gaps) reported[state] = (reported[state] ?? 0) + last - first + 1;
    return {
      ledger,
      audit: await auditFleet(database, gateways, ledger.sealed / gateways),
      ...{ reported, sealedBefore, sealedAfter, backMs, seconds, fleetExit: code },
      outageMs: (backMs - diedMs) * haste,
      reconnects: fleet.binsOf(backMs, haste, ({ connects }) => connects),
      published: fleet.binsOf(backMs, haste, ({ published, resent }) => published + resent),
      cpu: Object.fromEntries(Object.entries(cpu).map(([name, used]) => [name, used - before[name]])),
    };
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

/** What is wrong; nothing where all was stored once. */
export function ledgerFaults({ ledger, audit, reported, sealedBefore, sealedAfter, fleetExit }: Storm): string[] {
  const faults: string[] = [];
  const expect = (what: string, expected: number, found: number): void => {
    if (expected !== found) faults.push(`expected ${expected} ${what}, found ${found}`);
  };
  expect('batches stored, as many as were sealed', ledger.sealed, audit.stored);
  expect('stored twice', 0, audit.double);
  expect('missing', 0, audit.missing);
  expect('of somebody else', 0, audit.strange);
  expect('refused by the collector', 0, audit.refused);
  expect('held by the fleet in the end', 0, ledger.held);
  expect('rejected or dropped', 0, ledger.rejected + ledger.dropped);
  expect('acknowledged, as many as were sealed', ledger.sealed, ledger.acknowledged);
  expect('people through the doors, as the fleet counted', ledger.entries, audit.entries);
  for (const [state, count] of Object.entries(reported)) expect(`${state} in the collector's report`, 0, count);
  expect('as exit code of the fleet', 0, fleetExit ?? -1);
  if (sealedAfter <= sealedBefore) faults.push('expected windows to close during the outage, found none');
  if (ledger.lost < ledger.gateways) faults.push(`expected every gateway to lose its connection, found ${ledger.lost}`);
  return faults;
}

function collectorOf({ plant }: StormOptions, url: string, database: string): Child {
  const words = ['collect', '--broker', url, '--database', database, '--json'];
  return new Child('collector', process.execPath, [plant === 'no-unique-key' ? NO_KEY : MAIN, ...words]);
}

/** The fleet's process, with what it told. */
class FleetProcess {
  readonly child: Child;
  readonly #progress: Progress[] = [];
  ledger: FleetLedger | null = null;
  #rest = '';

  constructor(options: StormOptions, url: string) {
    this.child = new Child('fleet', process.execPath, wordsOf(options, url));
    this.child.process.stdout?.on('data', (text: string) => this.#read(text));
  }

  get last(): Progress | undefined {
    return this.#progress.at(-1);
  }

  async when(what: string, met: (now: Progress) => boolean): Promise<void> {
    await until(
      what,
      () => {
        if (!this.child.running) throw new Error(`the fleet ended: ${this.child.output}`);
        return this.last !== undefined && met(this.last);
      },
      PATIENCE_MS,
    );
  }

  /** How a count grew from `fromMs` on, in times of the fleet. */
  binsOf(fromMs: number, haste: number, countOf: (progress: Progress) => number): Bin[] {
    const bins: Bin[] = [];
    for (const [index, now] of this.#progress.entries()) {
      const before = this.#progress[index - 1];
      if (before === undefined || now.at_ms <= fromMs) continue;
      const count = countOf(now) - countOf(before);
      const [from, to] = [Math.max(before.at_ms, fromMs), now.at_ms].map((ms) => (ms - fromMs) * haste);
      bins.push({ fromMs: from, toMs: to, count });
    }
    return bins;
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const { message, level: _level, ...told } = JSON.parse(line) as { message: string; level: string };
      if (message === 'Progress') this.#progress.push(told as Progress);
      if (message === 'Ledger') this.ledger = told as FleetLedger;
    }
  }
}

function wordsOf({ gateways, windows, everyMs, staggerMs, seed, haste, plant }: StormOptions, url: string): string[] {
  const times = { every: everyMs / 1_000, stagger: staggerMs / 1_000, wait: WAIT_S };
  const own = plant === 'no-unique-key' ? 'twice' : plant;
  if (haste !== 1 || own !== null) {
    const options = { fleet: gateways, broker: url, tenant: 'fleet', windows, ...times, seed, json: true };
    const request: ChildRequest = { options, haste, plant: own };
    return [CHILD, JSON.stringify(request)];
  }
  const named = { fleet: gateways, broker: url, windows, ...times, seed };
  return [MAIN, 'simulate', '--json', ...Object.entries(named).flatMap(([name, value]) => [`--${name}`, `${value}`])];
}

/** Core seconds of processes so far, by what they are. */
function cpuOf(pids: Record<string, number[]>): Record<string, number> {
  const one = (pid: number): number => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
    } catch {
      return 0;
    }
  };
  return Object.fromEntries(
    Object.entries(pids).map(([name, list]) => [name, list.reduce((sum, pid) => sum + one(pid), 0)]),
  );
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });
}
