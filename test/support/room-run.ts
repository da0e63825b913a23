/** A room's day driven through ptys into `footfall run`, mosquitto and `footfall collect`, with or without kills. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Fold } from '../../agent/analytics/fold.ts';
import type { StatusDocument } from '../../agent/local/document.ts';
import { InputKind } from '../../agent/readings.ts';
import { decodeRows } from '../../agent/storage/columns.ts';
import { freePort } from '../../agent/uplink/brokers.ts';
import { Broker } from './broker.ts';
import { Collector, Gateway, type GatewaySettings } from './gateway.ts';
import { countBatches, type Ledger, readLedger } from './ledger.ts';
import { until } from './processes.ts';
import { Pty } from './pty.ts';
import type { Step } from './room.ts';

export interface KillPlan {
  kills: number;
  seed: number;
}

export interface RoomRunOptions {
  directory: string;
  steps: Step[];
  startMs: number;
  /** Time to move on to after the last byte, so that the day is settled. */
  endMs: number;
  settings?: Partial<GatewaySettings>;
  /** The program run in place of the product's, to plant a fault. */
  entry?: string;
  kills?: KillPlan;
  /** How long to wait for the last acknowledgement: a batch that met a dead collector is sent again within two minutes. A planted fault never gets there. */
  drainMs?: number;
}

export interface KillReport {
  victim: 'daemon' | 'broker' | 'collector';
  atMs: number;
  /** Probe requests sent in the last commit interval and step before a daemon's kill: the most that may be lost. */
  atRisk: number;
  /** Probe requests sent after the last row that the killed daemon's database holds. */
  lost: number;
  /** Longest stall of the daemon's loop up to the kill, milliseconds. */
  stallMs: number;
}

export interface RoomRun {
  ledger: Ledger;
  sealedThrough: number;
  held: number;
  kills: KillReport[];
  /** Resident memory and heap of the daemon, sampled over the run. */
  memory: { rss: number; heap: number }[];
  longestStallMs: number;
  status: StatusDocument;
  printed: string;
}

/** Small, fast and good enough to spread kills: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const COMMIT_MS = 5_000;
const STEP_MS = 5_000;

export async function runRoom(options: RoomRunOptions): Promise<RoomRun> {
  const { directory, steps, startMs, endMs } = options;
  const broker = new Broker(directory, await freePort());
  await broker.start();
  const collector = new Collector(join(directory, 'collector.db'), broker.url);
  collector.start();
  const wifi = await Pty.open(join(directory, 'wifi'));
  const door = await Pty.open(join(directory, 'door'));
  const gateway = new Gateway(
    {
      directory: join(directory, 'gateway'),
      brokerUrl: broker.url,
      wifiPort: wifi.path,
      doorPort: door.path,
      ...options.settings,
    },
    options.entry,
  );
  const kills: KillReport[] = [];
  const memory: RoomRun['memory'] = [];
  let longestStallMs = 0;
  const random = seeded(options.kills?.seed ?? 0);
  const plan = planKills(options, random);

  const restartDaemon = async (index: number): Promise<void> => {
    await wifi.drop();
    await door.drop();
    await gateway.start(steps[index].timeMs);
  };

  try {
    await gateway.start(startMs);
    for (const [index, step] of steps.entries()) {
      const victim = plan.get(index);
      const stallMs = victim === 'daemon' ? (await gateway.status()).process.longest_stall_ms : 0;
      const advanced = sendStep(gateway, wifi, door, step);
      if (victim === undefined) {
        await advanced;
      } else {
        advanced.catch(() => undefined);
        await sleep(random() * 12);
        const report = { victim, atMs: step.timeMs, atRisk: 0, lost: 0, stallMs };
        // What the kill before this one cost is not lost again.
        const before = kills.findLast((kill) => kill.victim === 'daemon')?.atMs ?? 0;
        kills.push(report);
        if (victim === 'daemon') {
          await gateway.end('SIGKILL');
          await advanced.catch(() => undefined);
          report.atRisk = framesAfter(steps, index, step.timeMs - COMMIT_MS - STEP_MS);
          report.lost = framesAfter(steps, index, Math.max(before, lastDurable(gateway.databasePath)));
          await restartDaemon(index);
        } else if (victim === 'broker') {
          await broker.kill();
          await broker.start();
          await advanced;
        } else {
          await collector.end('SIGKILL');
          collector.start();
          await advanced;
        }
      }
      if (index % 200 === 0) {
        const status = await gateway.status();
        memory.push({ rss: status.process.rss_bytes, heap: status.process.heap_bytes });
        longestStallMs = Math.max(longestStallMs, status.process.longest_stall_ms);
      }
    }
    for (let at = steps[steps.length - 1].timeMs; at < endMs; ) {
      at = Math.min(at + 60_000, endMs);
      await gateway.advance(at);
    }
    const status = await settled(gateway, collector, options.drainMs ?? 150_000);
    const ledger = readLedger(collector.database, status.buffer.sealed_through);
    const held = status.buffer.held;
    await gateway.end('SIGTERM');
    await collector.end('SIGTERM');
    const printed = `${gateway.printed}\n${collector.child?.output ?? ''}`;
    return {
      ledger,
      sealedThrough: status.buffer.sealed_through,
      held,
      kills,
      memory,
      longestStallMs,
      status,
      printed,
    };
  } finally {
    await gateway.end('SIGKILL');
    await collector.end('SIGKILL');
    await broker.kill();
    await wifi.close();
    await door.close();
  }
}

/** Time moves on first, then the bytes are sent and taken in: so they arrive at exactly the step's time. */
async function sendStep(gateway: Gateway, wifi: Pty, door: Pty, step: Step): Promise<void> {
  await gateway.advance(step.timeMs);
  await wifi.write(step.wifi);
  await door.write(step.door);
  await gateway.advance(step.timeMs, { ceiling: wifi.written, entrance: door.written });
}

/** Waits until everything sealed is at the collector, or for as long as is reasonable, and gives the last status. */
async function settled(gateway: Gateway, collector: Collector, drainMs: number): Promise<StatusDocument> {
  const deadline = performance.now() + drainMs;
  return until(
    'the last acknowledgement',
    async () => {
      const status = await gateway.status();
      const stored = countBatches(collector.database);
      const done = status.buffer.held === 0 && stored >= status.buffer.sealed_through;
      return done || performance.now() > deadline ? status : null;
    },
    drainMs + 10_000,
    50,
  );
}

/** Half of the kills at any step, half at a step that closes a window, where the most can go wrong. */
function planKills(options: RoomRunOptions, random: () => number): Map<number, KillReport['victim']> {
  const plan = new Map<number, KillReport['victim']>();
  const { kills, steps } = options;
  if (kills === undefined) return plan;
  const victims = ['daemon', 'broker', 'collector'] as const;
  const closing = steps.flatMap((step, index) => ((step.timeMs - 10_000) % 60_000 === 0 ? [index] : []));
  while (plan.size < kills.kills) {
    const any = Math.floor(random() * steps.length);
    const index = plan.size % 2 === 0 ? any : closing[Math.floor(random() * closing.length)];
    if (!plan.has(index)) plan.set(index, victims[plan.size % victims.length]);
  }
  return plan;
}

function framesAfter(steps: Step[], index: number, afterMs: number): number {
  let frames = 0;
  for (let back = index; back >= 0 && steps[back].timeMs > afterMs; back--) frames += steps[back].frames;
  return frames;
}

/** When the last sighting that a database holds, in its journal or its snapshot, was taken in. */
function lastDurable(path: string): number {
  const database = new Database(path, { readonly: true });
  try {
    const snapshot = database.prepare('SELECT body FROM snapshot').get() as { body: Uint8Array } | undefined;
    const journal = database.prepare('SELECT body FROM journal ORDER BY first_ordinal').all() as { body: Uint8Array }[];
    // Time is moved to a step before its bytes are sent: a snapshot, or a report, of that time does not hold them.
    let last = snapshot === undefined ? 0 : Fold.restore(snapshot.body).at - 1;
    for (const { body } of journal) {
      const rows = decodeRows(body);
      for (let row = 0; row < rows.length; row++) {
        if (rows.kind[row] === InputKind.sighting) last = Math.max(last, rows.at[row]);
      }
    }
    return last;
  } finally {
    database.close();
  }
}
