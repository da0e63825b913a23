/**
 * An outage that outlasts the buffer: a gateway with no broker for many days of its virtual clock, killed now and then, and
 * then the broker and a collector. What was sealed must be stored once or told as gone, to the last sequence.
 */
import { join } from 'node:path';
import { openReport } from '../../agent/collector/report.ts';
import { freePort } from '../../agent/uplink/brokers.ts';
import { Random } from '../../drivers/simulator/random.ts';
import { Broker } from './broker.ts';
import { Collector } from './gateway.ts';
import { type Account, readAccount } from './outage-account.ts';
import { GATEWAY, OutageBox, type Sizes, TENANT } from './outage-box.ts';
import { until } from './processes.ts';

const START_MS = Date.UTC(2026, 2, 2);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const SAMPLES = 30;
/** A kill is this far into a step at most; some come before the close, some behind it. */
const LATEST_KILL_MS = 40;
/** Each full buffer of messages that the collector has to take and commit. */
const PATIENCE_MS_A_MIB = 10_000;

export interface OutageOptions {
  /** Scratch directory. */
  directory: string;
  days: number;
  windowMinutes: number;
  bufferMib: number;
  kills: number;
  seed: number;
  entry?: string;
  /** How long delivery may take; a planted fault never gets there. */
  patienceMs?: number;
  tell?: (line: string) => void;
}

export interface OutageRun {
  options: OutageOptions;
  /** At the end of the outage. */
  held: Map<number, string>;
  dropped: number;
  samples: Sizes[];
  /** In the end. */
  sealed: number;
  left: number;
  deadLetters: number;
  account: Account;
  /** By the collector's own report. */
  report: { awaited: number; lost: number; told: number };
  seconds: { outage: number; delivery: number };
}

export async function runOutage(options: OutageOptions): Promise<OutageRun> {
  const { directory, days, windowMinutes, bufferMib, kills, seed, entry, tell = () => undefined } = options;
  const windowMs = windowMinutes * MINUTE;
  const windows = Math.round((days * DAY) / windowMs);
  const random = new Random(seed);
  const killedIn = new Set(Array.from({ length: kills }, () => random.integer(1, windows - 1)));
  const broker = new Broker(directory, await freePort());
  const collector = new Collector(join(directory, 'collector.db'), broker.url);
  const box = await OutageBox.open({
    ...{ directory: join(directory, 'gateway'), brokerUrl: broker.url, windowMinutes, bufferMib, seed },
    startMs: START_MS,
    ...(entry === undefined ? {} : { entry }),
  });
  const samples: Sizes[] = [];
  const began = performance.now();
  try {
    await box.start();
    for (let window = 0; window < windows; window++) {
      const middle = START_MS + window * windowMs + windowMs / 2;
      if (killedIn.has(window)) await box.killOnTheWay(middle, random.uniform(0, LATEST_KILL_MS));
      else await box.advance(middle);
      await box.visit();
      if (window % Math.ceil(windows / SAMPLES) === 0 || window === windows - 1) {
        const sizes = box.sizes();
        samples.push(sizes);
        tell(sizesLine(((window + 1) * windowMs) / DAY, sizes));
      }
    }
    const { batches: held, dropped } = box.held();
    const outage = (performance.now() - began) / 1_000;

    // What it sent before anybody subscribes would come again after a minute.
    box.pause();
    await broker.start();
    collector.start();
    await until('the collector to subscribe', () => collector.child?.output.includes('"Connected"'));
    await box.goOn();
    const patienceMs = options.patienceMs ?? 60_000 + bufferMib * PATIENCE_MS_A_MIB;
    await delivered(box, patienceMs);
    // What the last closes dropped is told with the next.
    await box.advance(box.atMs + windowMs);
    await delivered(box, patienceMs);
    const { buffer } = await box.gateway.status();
    // An end in order says goodbye with a last state: the report goes by what that tells.
    await box.gateway.end('SIGTERM');
    await collector.end('SIGTERM');
    const { gateways } = await openReport(collector.database, Date.now());
    const report = gateways.find(({ gateway }) => gateway === GATEWAY) ?? { awaited: -1, lost: -1, told: -1 };
    const account = readAccount(collector.database, TENANT, GATEWAY);
    return {
      ...{ options, held, dropped, samples, account, report },
      sealed: buffer.sealed_through,
      left: buffer.held,
      deadLetters: buffer.dead_letters,
      seconds: { outage, delivery: (performance.now() - began) / 1_000 - outage },
    };
  } finally {
    await box.close();
    await collector.end('SIGKILL');
    await broker.kill();
  }
}

/** Waits until the box holds nothing, or for as long as is reasonable: what is left is told in the ledger. */
async function delivered(box: OutageBox, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  await until(
    'the last acknowledgement',
    async () => (await box.gateway.status()).buffer.held === 0 || performance.now() > deadline,
    patienceMs + 60_000,
    50,
  );
}

export function sizesLine(day: number, sizes: Sizes): string {
  const mib = (bytes: number): string => (bytes / 1_048_576).toFixed(2);
  const { heldBytes, databaseBytes, logBytes, allBytes, historyBytes } = sizes;
  return (
    `day ${day.toFixed(2)}: held ${mib(heldBytes)} MiB; database ${mib(databaseBytes)} MiB, of it history ` +
    `${mib(historyBytes)}; log ${mib(logBytes)}; all files ${mib(allBytes)}`
  );
}
