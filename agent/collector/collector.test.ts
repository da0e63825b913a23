/** The collector between a broker and a database that comes and goes. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Broker, MOSQUITTO } from '../../test/support/broker.ts';
import { POSTGRES_MISSING, POSTGRES_NOTE, Postgres } from '../../test/support/postgres.ts';
import { until } from '../../test/support/processes.ts';
import { freePort } from '../uplink/brokers.ts';
import { hastyClock, Mosquitto } from '../uplink/mosquitto.testing.ts';
import { type Collector, type CollectorOptions, startCollector } from './collector.ts';
import { openReport } from './report.ts';
import { batchBody, EPOCH, gapBody, NOW } from './store.testing.ts';

const missing = MOSQUITTO === null ? 'needs mosquitto' : POSTGRES_MISSING;
const note = MOSQUITTO === null ? ' (skipped: needs mosquitto)' : POSTGRES_NOTE;

describe.skipIf(missing !== null)(`a collector${note}`, () => {
  let folder = '';
  let broker: Broker;
  let server: Postgres;
  let gateway: MqttClient;
  const acknowledged: number[] = [];
  const rejected: number[] = [];
  const endings: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'footfall-collector-'));
    broker = new Broker(folder, await freePort());
    await broker.start();
    server = await Postgres.start({ settings: ['fsync=off'] });
    gateway = await connectAsync(broker.url);
    gateway.on('message', (_topic, payload) => {
      const ack = JSON.parse(payload.toString());
      acknowledged.push(...ack.ok);
      rejected.push(...ack.rejected.map(({ seq }: { seq: number }) => seq));
    });
    await gateway.subscribeAsync('ff/v1/acme/gw-1/down/ack', { qos: 1 });
  }, 60_000);
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
    acknowledged.length = 0;
    rejected.length = 0;
  });
  afterAll(async () => {
    await gateway?.endAsync(true);
    await broker?.kill();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const send = (body: Uint8Array) => gateway.publishAsync('ff/v1/acme/gw-1/up/batch', Buffer.from(body), { qos: 1 });
  const collect = async (database: string, more: Partial<CollectorOptions> = {}): Promise<[Collector, string[]]> => {
    const told: string[] = [];
    const log: CollectorOptions['log'] = (level, fields, message) =>
      told.push(JSON.stringify({ level, message, ...fields }));
    const collector = await startCollector({ url: broker.url, database, clock: hastyClock(20), log, ...more });
    endings.push(() => collector.stop());
    await until('the subscription', () => collector.stats().phase === 'connected');
    return [collector, told];
  };

  it('acknowledges batches and gap records after the commit, and what came twice again', async () => {
    const [collector] = await collect(await server.createDatabase());
    await send(batchBody(1));
    await send(gapBody(3, [{ epoch: EPOCH, from_seq: 2, to_seq: 2, reason: 'disk_full' }]));
    await until('both to be acknowledged', () => acknowledged.length === 2);
    await send(batchBody(1));
    await until('the duplicate to be acknowledged', () => acknowledged.length === 3);
    await send(batchBody(1, { entries: 9 }));
    await until('the conflict to be told', () => rejected.length === 1);
    expect([...acknowledged].sort()).toEqual([1, 1, 3]);
    expect(rejected).toEqual([1]);
    expect(collector.stats()).toMatchObject({ received: 4, stored: 2, duplicates: 1, conflicts: 1, dropped: 0 });
  });

  it('acknowledges nothing of a commit that fails, says why, and takes it when it is sent again', async () => {
    const path = join(folder, 'full.db');
    const [collector, told] = await collect(path);
    const other = new Database(path);
    other.exec("CREATE TRIGGER full BEFORE INSERT ON batches BEGIN SELECT RAISE(ABORT, 'no room'); END");
    await send(batchBody(1));
    await until('the failure', () => collector.stats().failedCommits === 1);
    expect(told.join('\n')).toMatch(/The commit failed; nothing is acknowledged.*no room/);
    expect(acknowledged).toEqual([]);
    expect(collector.stats()).toMatchObject({ received: 1, stored: 0, dropped: 1, acknowledged: 0 });
    other.exec('DROP TRIGGER full');
    other.close();
    await send(batchBody(1));
    await until('the acknowledgement', () => acknowledged.length === 1);
  });

  it('keeps the broker waiting while it reads faster than it stores, and drops nothing', async () => {
    // One that keeps all that is waited for.
    const patient = new Mosquitto(folder, await freePort(), ['allow_anonymous true', 'max_queued_messages 0']);
    await patient.start();
    endings.push(() => patient.kill());
    const url = `mqtt://127.0.0.1:${patient.port}`;
    const path = join(folder, 'slow.db');
    writeFileSync(`${path}.gate`, '');
    const sqliteWorker = new URL('./gated-worker.fixture.ts', import.meta.url);
    const [collector] = await collect(path, { url, sqliteWorker });
    const sender = await connectAsync(url);
    endings.push(() => sender.endAsync(true));
    const all = Array.from({ length: 3_000 }, (_, index) => Buffer.from(batchBody(index + 1)));
    await Promise.all(all.map((body) => sender.publishAsync('ff/v1/acme/gw-1/up/batch', body, { qos: 1 })));
    let received = 0;
    await until('it to read no more', async () => {
      const before = received;
      await sleep(300);
      received = collector.stats().received;
      return received >= 500 && received === before;
    });
    expect(received).toBeLessThan(1_500);
    rmSync(`${path}.gate`);
    await until('all of it to be stored', () => collector.stats().stored === 3_000);
    expect(collector.stats()).toMatchObject({ received: 3_000, dropped: 0, failedCommits: 0, phase: 'connected' });
  });

  it('goes on when PostgreSQL is killed and comes back, with the broker connected all the while', async () => {
    const url = await server.createDatabase();
    const [collector, told] = await collect(url);
    await send(batchBody(1));
    await until('the first acknowledgement', () => acknowledged.length === 1);
    await server.kill();
    await send(batchBody(2));
    await until('the loss to be seen', () => collector.stats().databaseTrouble !== null);
    await send(batchBody(3));
    expect(collector.stats()).toMatchObject({ phase: 'connected', stored: 1 });
    expect(collector.stats().databaseTrouble).not.toContain('password');
    await server.restart();
    await until('the database to be used again', () => collector.stats().databaseTrouble === null);
    for (const sequence of [2, 3]) await send(batchBody(sequence));
    await until('both to be acknowledged', () => new Set(acknowledged).size === 3);
    expect(told.join('\n')).toMatch(/The database cannot be used".*\n.*The database can be used again/);
    expect(collector.stats().phase).toBe('connected');
    expect((await openReport(url, NOW)).gateways[0]).toMatchObject({ batches: 3, awaited: 0, lost: 0 });
  });

  it('stops at once though PostgreSQL is away', async () => {
    const [collector] = await collect(await server.createDatabase());
    await server.kill();
    await send(batchBody(1));
    await until('the loss to be seen', () => collector.stats().databaseTrouble !== null);
    await collector.stop();
    await server.restart();
  });

  it('says what is wrong with the address of a database or the name of a group', async () => {
    const options = { url: broker.url, clock: hastyClock(1), log: () => undefined };
    const absent = `postgres://footfall:secret@127.0.0.1:${await freePort()}/none`;
    const failure = await startCollector({ ...options, database: absent }).catch((error) => error);
    expect(failure).toMatchObject({ code: 'collector_database' });
    expect(failure.message).toMatch(/ECONNREFUSED/);
    expect(failure.message).not.toContain('secret');
    const database = join(folder, 'group.db');
    const group = startCollector({ ...options, database, group: 'a/b' });
    await expect(group).rejects.toMatchObject({ code: 'collector_group' });
  });
});
