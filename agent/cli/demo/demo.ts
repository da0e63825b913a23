/** Runs the demo: the real daemon, fed by a simulated store, with a broker and a collector embedded. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedStore } from '../../../drivers/simulator/store.ts';
import { MemoryTransport } from '../../../drivers/transport/stream.ts';
import { SILENT_BOX } from '../../box.ts';
import { startCollector } from '../../collector/collector.ts';
import { Daemon } from '../../daemon.ts';
import { AgentError } from '../../errors.ts';
import { createLogging } from '../../logging.ts';
import { realClock, VirtualClock } from '../../platform/clock.ts';
import { openStorageClient } from '../../storage/client.ts';
import { terminalOf } from '../view/style.ts';
import { startBroker } from './broker.ts';
import { createScreen, type Screen } from './screen.ts';
import { openStore, planDay, settingsFor } from './store-day.ts';
import { renderSummary, summarise } from './summary.ts';

/** Bytes arrive in steps of this length, as a port is read now and then. */
const STEP_MS = 500;
const FRAME_MS = 250;
const DRAIN_MS = 20_000;

export interface DemoRun {
  /** Wall time, seconds. */
  for: number;
  /** Simulated seconds in a second of wall time. */
  speed: number;
  seed: number;
  json?: boolean;
}

interface Live {
  daemon: Daemon;
  store: SimulatedStore;
  screen: Screen;
}

/** Returns the exit code. */
export async function runDemo(options: DemoRun): Promise<number> {
  const day = planDay(options.for * options.speed * 1_000);
  // The day's key belongs on tmpfs, and a demo's database need not wear out a disk.
  const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'footfall-demo-'));
  const cleanUp: (() => Promise<void> | void)[] = [() => rmSync(scratch, { recursive: true, force: true })];
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const networkClock = realClock();
    const broker = await startBroker();
    cleanUp.unshift(() => broker.stop());
    const collectorDatabase = join(scratch, 'collector.db');
    const collector = await startCollector({
      url: broker.url,
      database: collectorDatabase,
      clock: networkClock,
      log: () => undefined,
    });
    cleanUp.unshift(() => collector.stop());
    const store = openStore(day, options.seed);
    const clock = new VirtualClock(day.startMs);
    const lines = new Map<string, MemoryTransport>();
    const run = join(scratch, 'run');
    mkdirSync(run, { mode: 0o700 });
    const settings = settingsFor(store, day, { data: join(scratch, 'data'), run, broker: broker.url });
    const daemon = await Daemon.start({
      settings,
      password: undefined,
      clock,
      networkClock,
      storage: openStorageClient({ path: join(scratch, 'data', 'footfall.db'), machineId: 'demo' }),
      transport: (sensor) => {
        const line = new MemoryTransport();
        lines.set(sensor.id, line);
        return line;
      },
      random: Math.random,
      box: SILENT_BOX,
      logging: createLogging({ log: settings.log }),
    });
    cleanUp.unshift(() => daemon.stop());

    const screen = createScreen(process.stdout, { ...options, day, quiet: options.json === true });
    cleanUp.unshift(() => screen.close());
    const live: Live = { daemon, store, screen };
    const started = performance.now();
    while (clock.wall() < day.endMs && !interrupted) {
      const due = Math.min(day.endMs, day.startMs + (performance.now() - started) * options.speed);
      while (clock.wall() + STEP_MS <= due && !interrupted) {
        const chunks: [string, Uint8Array][] = [];
        const until = clock.wall() + STEP_MS;
        store.advance(until, (sensor, _time, bytes) => chunks.push([sensor, bytes]));
        await clock.advanceTo(until);
        for (const [sensor, bytes] of chunks) lines.get(sensor)?.push(bytes);
        if (screen.due(FRAME_MS)) {
          await draw(live);
          // Lets the broker, the uplink and the collector have the loop, as they would have in processes of their own.
          await sleep(0);
        }
      }
      if (screen.due(FRAME_MS)) await draw(live);
      await sleep(5);
    }
    if (!interrupted) await delivered(daemon, () => interrupted);
    if (interrupted) {
      screen.close();
      process.stderr.write('Stopped before the end of the day; nothing is kept.\n');
      return 130;
    }
    const status = await daemon.freshStatus();
    screen.close();
    const summary = summarise(store.truth, status, collectorDatabase);
    if (options.json === true) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    else process.stdout.write(`${screen.last}\n${renderSummary(summary, terminalOf(process.stdout, process.env))}`);
    return summary.batches.lost === 0 ? 0 : 1;
  } finally {
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
    for (const clean of cleanUp) await clean();
  }
}

async function draw({ daemon, store, screen }: Live): Promise<void> {
  screen.draw(await daemon.freshStatus(), store.truth);
}

/** Waits until the collector has acknowledged all that was sealed. @throws AgentError `demo_undelivered` */
async function delivered(daemon: Daemon, interrupted: () => boolean): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  for (;;) {
    const { buffer } = await daemon.freshStatus();
    if (interrupted() || (buffer.held === 0 && buffer.sealed_through > 0)) return;
    await sleep(50);
    if (performance.now() > deadline) {
      throw new AgentError(
        'demo_undelivered',
        `expected every batch to be acknowledged, found ${buffer.held} held after ${DRAIN_MS / 1000} s`,
        'The machine may be overloaded: try a lower --speed.',
      );
    }
  }
}
