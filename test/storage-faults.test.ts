import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../agent/uplink/brokers.ts';
import { Broker, MOSQUITTO } from './support/broker.ts';
import { Collector } from './support/gateway.ts';
import { until } from './support/processes.ts';
import { SOCAT } from './support/pty.ts';
import { FAULT_KINDS } from './support/storage-faults-kinds.ts';
import { failuresOf, ledgerLine } from './support/storage-faults-ledger.ts';
import { type FaultLedger, strike } from './support/storage-faults-run.ts';

const missing = (MOSQUITTO === null ? 'needs mosquitto' : null) ?? (SOCAT === null ? 'needs socat' : null);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const repeat = `repeat with SEED=${seed}`;
const PATIENCE = 180_000;

const entryOf = (name: string): string => fileURLToPath(new URL(`./support/${name}/main.ts`, import.meta.url));

describe.skipIf(missing !== null)(`storage that fails${missing === null ? '' : ` (${missing})`}`, () => {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'footfall-faults-'));
  let broker: Broker;
  let collector: Collector;

  beforeAll(async () => {
    broker = new Broker(directory, await freePort());
    collector = new Collector(join(directory, 'collector.db'), broker.url);
    await broker.start();
    collector.start();
    await until('the collector to subscribe', () => collector.child?.output.includes('"Connected"'));
  }, PATIENCE);
  afterAll(async () => {
    await collector.end('SIGKILL');
    await broker.kill();
    rmSync(directory, { recursive: true, force: true });
  });

  async function struck(kind: string, planted?: { entry: string; delivered: boolean }): Promise<FaultLedger> {
    const place = { directory, brokerUrl: broker.url, database: collector.database };
    // A planted fault is struck beside the sound box: a gateway of its own.
    return strike({ ...place, kind, ...(planted === undefined ? { seed } : { seed: seed + 1, ...planted }) });
  }

  it.concurrent.for(['pages, down', 'pages, running', 'log cut, down', 'zero length, down', 'full tmpfs', 'read-only'])(
    'nothing is lost in silence: %s',
    { timeout: PATIENCE },
    async (kind, { skip }) => {
      const reason = FAULT_KINDS[kind].missing();
      if (reason !== null) skip(reason);
      const ledger = await struck(kind);
      expect(failuresOf(ledger), `${ledgerLine(ledger)}\n${repeat}`).toEqual([]);
    },
  );

  it.concurrent('a planted fault is told: a gap that nobody tells of', { timeout: PATIENCE }, async () => {
    const failures = failuresOf(
      await struck('zero length, down', { entry: entryOf('outage-forgotten-gap'), delivered: false }),
    ).join('\n');
    expect(failures, repeat).toMatch(/expected 0 sequences neither stored nor told, found [1-9]/);
  });

  it.concurrent('a planted fault is told: a daemon that ends', { timeout: PATIENCE }, async ({ skip }) => {
    const reason = FAULT_KINDS['read-only'].missing();
    if (reason !== null) skip(reason);
    const failures = failuresOf(
      await struck('read-only', { entry: entryOf('storage-faults-dying'), delivered: false }),
    ).join('\n');
    expect(failures, repeat).toMatch(/expected 0 exits, found [1-9]/);
  });
});
