/**
 * The side of the gateway, each step a process of its own: `fill PATH COUNT` seals batches into a database, `drain PATH URL
 * WINDOW` sends what that holds until nothing is left, `publish URL COUNT EPOCH` gives the same bytes to a broker. Prints
 * one line of JSON.
 */
import { connect } from 'mqtt';
import { topicsOf } from '../../agent/contract/topics.ts';
import { realClock } from '../../agent/platform/clock.ts';
import { openStorageClient } from '../../agent/storage/client.ts';
import type { Storage } from '../../agent/storage/storage.ts';
import { createUplink } from '../../agent/uplink/uplink.ts';
import { VERSION } from '../../agent/version.ts';
import { batchesOf, GATEWAY, TENANT } from './drain-batches.ts';
import { Meter, peakRss } from './meter.ts';

/** So that filling does not take an fsync for each batch: a long outage is not what is measured. */
const BATCHES_A_CLOSE = 100;
const PUBLISHED_AT_ONCE = 500;
const BOUNDS = { bytes: 1024 * 1024 * 1024, windows: 1_000_000 };
const LOOK_MS = 20;

function openStorage(path: string): Storage {
  return openStorageClient({ path, machineId: 'bench', bounds: BOUNDS });
}

async function fill(path: string, count: number): Promise<unknown> {
  const storage = openStorage(path);
  const { epoch } = await storage.open();
  const bytesOf = batchesOf(epoch);
  for (let first = 1; first <= count; first += BATCHES_A_CLOSE) {
    const batches = Array.from({ length: Math.min(BATCHES_A_CLOSE, count - first + 1) }, (_, index) => {
      const sequence = first + index;
      return { sequence, windowOrdinal: sequence, body: bytesOf(sequence) };
    });
    const windowOrdinal = first + batches.length - 1;
    const snapshot = { version: 1, ordinal: windowOrdinal, body: new Uint8Array(1_000) };
    const rest = { sealedAtMs: Date.now(), status: null, gap: null, history: [] };
    await storage.closeWindow({ windowOrdinal, batches, snapshot, ...rest });
  }
  await storage.stop();
  return { epoch, octets: bytesOf(1).length };
}

async function drain(path: string, url: string, window: number): Promise<unknown> {
  const storage = openStorage(path);
  const { epoch } = await storage.open();
  const clock = realClock();
  const uplink = createUplink(
    { url, tenant: TENANT, gateway: GATEWAY, epoch, ack: 'collector', window, staggerSeconds: 0 },
    {
      ...{ outbox: storage, clock, random: Math.random, log: () => undefined },
      facts: async () => {
        const { sealedThrough, oldestOfEpoch: oldestHeld } = await storage.state();
        const rest = { previous: null, config: null, parameters: 'bench', version: VERSION, sensors: [] };
        return { firstSequence: 1, sealedThrough, oldestHeld, ...rest };
      },
    },
  );
  const meter = new Meter();
  const { held } = await storage.state();
  const idleRss = process.memoryUsage.rss();
  await meter.measure(async () => {
    uplink.start();
    while ((await storage.state()).held > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  });
  const { acknowledged, resent } = uplink.state();
  await uplink.stop();
  await storage.stop();
  return { held, acknowledged, resent, ms: meter.wallMs, cpuUs: meter.cpuUs, idleRss, rss: peakRss() };
}

/** The thinnest of publishers: what it is told PUBACK of is the broker's. */
async function publish(url: string, count: number, epoch: string): Promise<unknown> {
  const bytesOf = batchesOf(epoch);
  const { batch } = topicsOf(TENANT, GATEWAY);
  const client = connect(url, { reconnectPeriod: 0, clean: true });
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  for (let first = 1; first <= count; first += PUBLISHED_AT_ONCE) {
    const length = Math.min(PUBLISHED_AT_ONCE, count - first + 1);
    const sequences = Array.from({ length }, (_, index) => first + index);
    await Promise.all(sequences.map((each) => client.publishAsync(batch, Buffer.from(bytesOf(each)), { qos: 1 })));
  }
  await client.endAsync();
  return { acknowledged: count };
}

const [step, ...words] = process.argv.slice(2);
const steps: Readonly<Record<string, () => Promise<unknown>>> = {
  fill: () => fill(words[0], Number(words[1])),
  drain: () => drain(words[0], words[1], Number(words[2])),
  publish: () => publish(words[0], Number(words[1]), words[2]),
};
process.stdout.write(`${JSON.stringify(await steps[step]())}\n`);
