/** A fleet of simulated gateways against a real broker: all of it delivered through an outage, and spread over time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Aedes } from 'aedes';
import Database from 'better-sqlite3';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fleet } from '../agent/cli/fleet/fleet.ts';
import { Shop } from '../agent/cli/fleet/shop.ts';
import { startCollector } from '../agent/collector/collector.ts';
import { openReport } from '../agent/collector/report.ts';
import { SCHEMA } from '../agent/collector/sqlite-schema.ts';
import { encodeWindow } from '../agent/contract/batch.ts';
import { sourceOf } from '../agent/contract/topics.ts';
import { fullJitter } from '../agent/mqtt/backoff.ts';
import { openSession } from '../agent/mqtt/session.ts';
import { realClock } from '../agent/platform/clock.ts';
import { freePort } from '../agent/uplink/brokers.ts';
import { Mosquitto } from '../agent/uplink/mosquitto.testing.ts';
import { staggerOf } from '../agent/uplink/stagger.ts';
import { Random } from '../drivers/simulator/random.ts';
import { Broker, MOSQUITTO } from './support/broker.ts';
import { auditFleet } from './support/fleet-audit.ts';
import { type Bin, expectedSpread, peakAllowed, spreadOf } from './support/fleet-jitter.ts';
import { ledgerFaults, runStorm } from './support/fleet-storm.ts';
import { until } from './support/processes.ts';

const MAIN = fileURLToPath(new URL('../agent/main.ts', import.meta.url));
const note = MOSQUITTO === null ? ' (skipped: needs mosquitto)' : '';
const GATEWAYS = 60;

let folder = '';
const endings: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-fleet-'));
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

async function startBroker(): Promise<Broker> {
  const broker = new Broker(folder, await freePort());
  endings.push(() => broker.kill());
  await broker.start();
  return broker;
}

/** Takes every message that arrives at the broker on a topic filter. */
async function listen(broker: Broker, filter: string, take: (gateway: string, payload: Buffer) => void) {
  const client: MqttClient = await connectAsync(broker.url);
  endings.push(() => client.endAsync(true));
  client.on('message', (topic, payload) => take(topic.split('/')[3], payload));
  await client.subscribeAsync(filter, { qos: 1 });
}

describe.skipIf(MOSQUITTO === null)(`a fleet${note}`, () => {
  it('delivers every batch once through an outage of its broker', { timeout: 90_000 }, async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const storm = await runStorm({
      ...{ gateways: GATEWAYS, collector: 'sqlite', killCollector: false, seed, plant: null, folder },
      ...{ outageMs: 6_000, windows: 8, everyMs: 1_000, staggerMs: 0, haste: 12, tell: () => undefined },
    });
    expect(ledgerFaults(storm), `seed ${seed}`).toEqual([]);
    expect(storm.ledger.sealed).toBe(GATEWAYS * 8);
    // The outage was one: nobody got through to where nobody listened.
    expect(storm.ledger.refusals, `seed ${seed}`).toBeGreaterThan(GATEWAYS);
  });

  describe('whose windows close at one instant', () => {
    const SECONDS = 1.5;
    /** Milliseconds from the close until each gateway's batch was at the broker. */
    async function arrivals(staggerSeconds: number): Promise<Map<string, number>> {
      const broker = await startBroker();
      const arrived = new Map<string, number>();
      let closedAt = Number.POSITIVE_INFINITY;
      await listen(broker, 'ff/v1/+/+/up/batch', (gateway) => {
        if (!arrived.has(gateway)) arrived.set(gateway, performance.now() - closedAt);
      });
      const fleet = fleetAt(broker.url, GATEWAYS, staggerSeconds);
      await fleet.start();
      await until('the fleet to be connected', () => fleet.counts().connected === GATEWAYS);
      // A session stands only once its birth is with the broker.
      await new Promise((resolve) => setImmediate(resolve));
      closedAt = performance.now();
      fleet.sealWindow();
      await until('every batch to arrive', () => arrived.size === GATEWAYS);
      return arrived;
    }
    const early = (arrived: Map<string, number>) =>
      [...arrived].filter(([gateway, ms]) => ms < staggerOf('acme', gateway, SECONDS));

    it('sends over the time it is told, each gateway at its own', { timeout: 40_000 }, async () => {
      expect(early(await arrivals(SECONDS))).toEqual([]);
    });

    it('sends all at once without it, which the test above would see', { timeout: 40_000 }, async () => {
      expect(early(await arrivals(0)).length).toBeGreaterThan(0);
    });
  });

  /** A fleet in this process. */
  function fleetAt(url: string, gateways: number, staggerSeconds = 0, bufferBytes = 65_536): Fleet {
    let epoch = 0;
    const fleet = new Fleet(
      {
        ...{ url, gateways, tenant: 'acme', seed: 1, window: 16, staggerSeconds },
        ...{ ack: 'collector', bufferBytes, startMs: 0 },
      },
      { clock: realClock(), open: openSession, epoch: () => (++epoch).toString(16).padStart(16, '0') },
    );
    endings.push(() => fleet.stop());
    return fleet;
  }

  it('tells once what a broker refuses its first gateway for, and tries no other', async () => {
    const broker = new Mosquitto(folder, await freePort(), ['allow_anonymous false']);
    endings.push(() => broker.kill());
    await broker.start();
    const fleet = fleetAt(`mqtt://127.0.0.1:${broker.port}`, 20);
    await expect(fleet.start()).rejects.toMatchObject({
      code: 'fleet_broker',
      hint: expect.stringContaining('--password-file'),
    });
    expect(fleet.counts()).toMatchObject({ attempts: 1, refusals: 1, connects: 0 });
  });

  it('tells the collector what its small buffers dropped, sequence by sequence', { timeout: 40_000 }, async () => {
    const broker = await startBroker();
    const database = join(folder, 'collector.db');
    const log = () => undefined;
    const collector = await startCollector({ url: broker.url, database, clock: realClock(), log });
    endings.push(() => collector.stop());
    await until('the collector to subscribe', () => collector.stats().phase === 'connected');
    const fleet = fleetAt(broker.url, 4, 0, 10_000);
    for (let window = 0; window < 20; window++) fleet.sealWindow();
    const { dropped, sealed } = fleet.counts();
    expect(dropped).toBeGreaterThan(20);
    await fleet.start();
    await until('everything to be acknowledged', () => fleet.counts().held === 0);
    await fleet.stop();
    const { gaps } = await openReport(database, Date.now());
    expect(new Set(gaps.map(({ state, reason }) => `${state} ${reason}`))).toEqual(new Set(['told buffer_full']));
    expect(gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0)).toBe(dropped);
    expect(collector.stats().stored).toBe(sealed - dropped);
  });

  it('connects to a broker that speaks no MQTT 5', async () => {
    const aedes = await Aedes.createBroker();
    const server = createServer(aedes.handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    endings.push(
      async () => server.close(),
      async () => aedes.close(),
    );
    const fleet = fleetAt(`mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, 3);
    await fleet.start();
    await until('three connections', () => fleet.counts().connected === 3);
  });

  describe('at the command line', () => {
    const run = (words: string[]) => {
      const child = spawn(process.execPath, [MAIN, 'simulate', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
      const output = { out: '', err: '' };
      child.stdout.setEncoding('utf8').on('data', (text) => {
        output.out += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text) => {
        output.err += text;
      });
      const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
      endings.push(async () => {
        child.kill('SIGKILL');
        await ended;
      });
      return { child, output, ended };
    };

    it('ends with 1 and what is held where no collector answers', { timeout: 40_000 }, async () => {
      const broker = await startBroker();
      const words = ['--fleet', '5', '--broker', broker.url, '--windows', '2', '--every', '0.1', '--wait', '0.5'];
      const { output, ended } = run([...words, '--json']);
      expect(await ended).toBe(1);
      const ledger = JSON.parse(output.out.trim().split('\n').at(-1) ?? '');
      expect(ledger).toMatchObject({ message: 'Ledger', gateways: 5, sealed: 10, acknowledged: 0, held: 10 });
    });

    it('says goodbye for every gateway at Ctrl-C and prints the ledger', { timeout: 40_000 }, async () => {
      const broker = await startBroker();
      const online = new Map<string, boolean>();
      await listen(broker, 'ff/v1/shop/+/up/state', (gateway, payload) => {
        online.set(gateway, JSON.parse(payload.toString()).online);
      });
      const { child, output, ended } = run(['--fleet', '5', '--tenant', 'shop', '--broker', broker.url]);
      await until('five births', () => [...online.values()].filter((each) => each).length === 5);
      child.kill('SIGINT');
      expect({ code: await ended, err: output.err }).toEqual({ code: 0, err: '' });
      await until('five goodbyes', () => [...online.values()].every((each) => !each));
      expect(output.out).toMatch(/^gateways +5$/m);
    });
  });
});

describe('the ledger of a fleet', () => {
  const EPOCH = '00000000000000aa';
  /** A database with three batches of each of two gateways, without the keys of a collector's. */
  function database(change: (rows: { gateway: string; sequence: number; body: Uint8Array }[]) => void): string {
    const rows = ['gw-0001', 'gw-0002'].flatMap((gateway) => {
      const shop = new Shop(gateway, new Random(1));
      return [1, 2, 3].flatMap((ordinal) => {
        const window = { ordinal, startMs: 0, endMs: 900_000, skipped: 0, warmUp: false, correctedMs: null };
        const records = shop.next(ordinal, 0, 900_000);
        const origin = { tenant: 'fleet', gateway, epoch: EPOCH, store: gateway, timeZone: 'UTC', version: '0' };
        const facts = { clock: 'synchronised' as const, sealedAtMs: 0 };
        return encodeWindow({ ...window, records }, { ...origin, ...facts }, ordinal).map((batch) => ({
          gateway,
          ...batch,
        }));
      });
    });
    change(rows);
    const path = join(folder, 'collector.db');
    const file = new Database(path);
    file.exec(SCHEMA.replace(/,\s*UNIQUE \(source, sequence\)/, ''));
    const insert = file.prepare('INSERT INTO batches VALUES (?, ?, 1, ?, 0, ?)');
    for (const { gateway, sequence, body } of rows) {
      insert.run(sourceOf('fleet', gateway, EPOCH), sequence, Buffer.alloc(32), body);
    }
    file.close();
    return path;
  }

  it.each([
    ['nothing wrong', () => undefined, { stored: 6, double: 0, missing: 0, strange: 0 }],
    ['a batch twice', (rows) => rows.push(rows[4]), { stored: 6, double: 1, missing: 0, strange: 0 }],
    ['a batch that is not there', (rows) => rows.splice(2, 1), { stored: 5, double: 0, missing: 1, strange: 0 }],
    [
      'a batch under the name of another',
      (rows) => {
        rows[5] = { ...rows[5], body: rows[1].body };
      },
      { stored: 5, double: 1, missing: 1, strange: 0 },
    ],
    [
      'a batch of no gateway',
      (rows) => {
        rows[0] = { ...rows[0], gateway: 'gw-0003' };
      },
      { stored: 6, double: 0, missing: 1, strange: 1 },
    ],
  ] as [string, Parameters<typeof database>[0], object][])('tells %s', async (_, change, told) => {
    expect(await auditFleet(database(change), 2, 3)).toMatchObject(told);
  });
});

describe('the spread of reconnects', () => {
  const OUTAGE_MS = 30_000;
  const FLEET = 1_000;
  const expected = expectedSpread(OUTAGE_MS, 1);

  /** Seconds of a fleet that comes back, each gateway at the milliseconds it is given. */
  function seconds(times: number[]): Bin[] {
    const last = Math.max(...times);
    const bins: Bin[] = [];
    for (let fromMs = 0; fromMs <= last; fromMs += 1_000) {
      const toMs = fromMs + 1_000;
      bins.push({ fromMs, toMs, count: times.filter((ms) => ms >= fromMs && ms < toMs).length });
    }
    return bins;
  }
  function comesBack(random: () => number): number {
    let at = 0;
    for (let attempt = 0; at < OUTAGE_MS; attempt++) at += fullJitter(attempt, 1_000, 300_000, random);
    return at - OUTAGE_MS;
  }

  it('is that of full jitter, for any seed', () => {
    for (let seed = 10; seed < 20; seed++) {
      const random = new Random(seed);
      const times = Array.from({ length: FLEET }, () => comesBack(() => random.uniform()));
      expect(spreadOf(seconds(times), FLEET).peak, `seed ${seed}`).toBeLessThan(peakAllowed(expected, FLEET));
    }
  });

  it.each([
    ['no jitter at all', () => 0.999_999],
    ['too little of it', (random: Random) => random.uniform(0.9, 1)],
  ] as [string, (random: Random) => number][])('is told from that of %s', (_, jitter) => {
    const random = new Random(3);
    const times = Array.from({ length: FLEET }, () => comesBack(() => jitter(random)));
    expect(spreadOf(seconds(times), FLEET).peak).toBeGreaterThan(peakAllowed(expected, FLEET));
  });

  it('counts a long bin as its mean second', () => {
    const bins = [{ fromMs: 0, toMs: 4_000, count: 8 }];
    expect(spreadOf(bins, 8)).toEqual({ peak: 0.25, mostMs: 4_000 });
  });
});
