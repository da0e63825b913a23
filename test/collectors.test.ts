/** Several collectors as real processes on one PostgreSQL, behind one broker: one of them killed, nothing lost or double. */
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openReport } from '../agent/collector/report.ts';
import { batchBody, NOW } from '../agent/collector/store.testing.ts';
import { freePort } from '../agent/uplink/brokers.ts';
import { Broker, MOSQUITTO } from './support/broker.ts';
import { POSTGRES_MISSING, POSTGRES_NOTE, Postgres } from './support/postgres.ts';
import { Child, until } from './support/processes.ts';

const missing = MOSQUITTO === null ? 'needs mosquitto' : POSTGRES_MISSING;
const note = MOSQUITTO === null ? ' (skipped: needs mosquitto)' : POSTGRES_NOTE;
const BATCHES = 600;
const GATEWAYS = ['gw-1', 'gw-2', 'gw-3'];
/** Unacknowledged at a time. */
const WINDOW = 48;
const RESEND_MS = 1_000;

describe.skipIf(missing !== null)(`collectors of one group${note}`, () => {
  let folder = '';
  let server: Postgres;
  const endings: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'footfall-collectors-'));
    server = await Postgres.start({ settings: ['fsync=off'] });
  }, 60_000);
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const collector = async (index: number, url: string, database: string): Promise<Child> => {
    const words = ['collect', '--broker', url, '--database', database, '--group', 'all', '--json'];
    const child = new Child(`collector ${index}`, process.execPath, ['agent/main.ts', ...words], { keep: 1_000_000 });
    endings.push(() => child.end('SIGKILL'));
    await until(`collector ${index} to subscribe`, () => {
      if (!child.running) throw new Error(child.output);
      return child.output.includes('"Connected"');
    });
    return child;
  };
  /** Sends every batch until it is acknowledged, as gateways do. */
  const fleet = async (url: string) => {
    const client = await connectAsync(url);
    endings.push(() => client.endAsync(true));
    const waiting = new Map(
      GATEWAYS.flatMap((gateway) =>
        Array.from({ length: BATCHES / GATEWAYS.length }, (_, index): [string, { gateway: string; body: Buffer }] => [
          `${gateway} ${index + 1}`,
          { gateway, body: Buffer.from(batchBody(index + 1, { gateway })) },
        ]),
      ),
    );
    const sent = new Map<string, number>();
    client.on('message', (topic, payload) => {
      const [, , , gateway] = topic.split('/');
      for (const sequence of JSON.parse(payload.toString()).ok) {
        waiting.delete(`${gateway} ${sequence}`);
        sent.delete(`${gateway} ${sequence}`);
      }
      publish();
    });
    const publish = () => {
      const now = performance.now();
      for (const [key, at] of sent) if (now - at > RESEND_MS) sent.delete(key);
      for (const [key, { gateway, body }] of waiting) {
        if (sent.size >= WINDOW) return;
        if (sent.has(key)) continue;
        sent.set(key, now);
        client.publish(`ff/v1/acme/${gateway}/up/batch`, body, { qos: 1 });
      }
    };
    await client.subscribeAsync('ff/v1/acme/+/down/ack', { qos: 1 });
    const timer = setInterval(publish, 100);
    endings.push(async () => clearInterval(timer));
    publish();
    return waiting;
  };
  const storedBy = (child: Child): number =>
    [...child.output.matchAll(/"stored":(\d+),"duplicates":\d+,"conflicts":\d+,"refused"/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
  const expectOnce = async (database: string) => {
    const [counts] = await server.query(
      database,
      'SELECT (SELECT count(*)::int FROM batch) AS batches, (SELECT count(*)::int FROM record) AS records',
    );
    expect(counts).toEqual({ batches: BATCHES, records: BATCHES });
    const report = await openReport(database, NOW);
    expect(report.gaps).toEqual([]);
    expect(report.gateways).toHaveLength(GATEWAYS.length);
    expect(report.gateways[0]).toMatchObject({ batches: BATCHES / GATEWAYS.length, refused: 0 });
  };

  it('share the batches, and store each once though one of them is killed', async () => {
    const broker = new Broker(folder, await freePort());
    await broker.start();
    endings.push(() => broker.kill());
    const database = await server.createDatabase();
    // All at once: their migrations meet.
    const collectors = await Promise.all([1, 2, 3].map((index) => collector(index, broker.url, database)));
    const waiting = await fleet(broker.url);
    await until('a part to be acknowledged', () => waiting.size <= BATCHES * 0.75);
    await collectors[0].end('SIGKILL');
    expect(waiting.size, 'killed in the middle').toBeGreaterThan(0);
    await until('all to be acknowledged', () => waiting.size === 0);
    await expectOnce(database);
    for (const child of collectors) expect(storedBy(child)).toBeGreaterThan(0);
    expect(collectors.reduce((sum, child) => sum + storedBy(child), 0)).toBeLessThanOrEqual(BATCHES);
    expect((await openReport(database, NOW)).gateways[0].epochs).toBe(1);
  }, 60_000);

  it('get every batch each where the broker does not speak MQTT 5, say so, and store it once all the same', async () => {
    const aedes = await Aedes.createBroker();
    const listener = createServer(aedes.handle);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    endings.push(async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    });
    const url = `mqtt://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    const database = await server.createDatabase();
    const collectors = await Promise.all([1, 2].map((index) => collector(index, url, database)));
    const waiting = await fleet(url);
    await until('all to be acknowledged', () => waiting.size === 0);
    await expectOnce(database);
    for (const child of collectors) expect(child.output).toContain('each collector of the group gets every batch');
  }, 60_000);
});
