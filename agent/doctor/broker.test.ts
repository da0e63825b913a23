/** The doctor and the uplink before the same real brokers, in every way in which one can fail. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Aedes, type Client } from 'aedes';
import { connectAsync } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { startCollector } from '../collector/collector.ts';
import { readReport } from '../collector/report.ts';
import { MemoryOutbox } from '../uplink/fixtures.ts';
import { hasMosquitto, hastyClock, MOSQUITTO, until } from '../uplink/mosquitto.testing.ts';
import { createUplink } from '../uplink/uplink.ts';
import { brokerBench, GATEWAY, HASTE, SECRET } from './broker.testing.ts';
import { checkBroker } from './broker.ts';

const DYNAMIC_SECURITY = globSync('/usr/lib/*/mosquitto_dynamic_security.so').at(0);
const bench = brokerBench();
const { endings, examine, outcomes, only, failureOf, mosquitto, fileOf, collect } = bench;
const PASSED = { name: 'ok', tcp: 'ok', login: 'ok', subscribe: 'ok', config: 'ok', publish: 'ok' };

describe.skipIf(!hasMosquitto)(`the doctor before ${MOSQUITTO} (skipped where it is not installed)`, () => {
  it('finds a collector that answers, which keeps nothing of the probe', async () => {
    const url = `mqtt://127.0.0.1:${(await mosquitto()).port}`;
    const database = await collect(url);
    const found = await examine(url);
    expect(outcomes(found)).toEqual({ ...PASSED, round_trip: 'ok' });
    expect(found.at(-1)?.found).toMatch(/^a collector acknowledged it in /);
    expect(readReport(database, 0)).toEqual({ gateways: [], gaps: [] });
  });

  it('takes the rejection of a collector that knows no probes for an answer, in printable words', async () => {
    const url = `mqtt://127.0.0.1:${(await mosquitto()).port}`;
    const other = await connectAsync(url);
    endings.push(() => other.endAsync(true));
    other.on('message', (topic, body) => {
      const [, , , , epoch] = JSON.parse(body.toString()).source.split('/');
      const rejected = [{ seq: 1, code: 'type', message: 'unknown\u001b[2J' }];
      other.publish(topic.replace('up/batch', 'down/ack'), JSON.stringify({ epoch, ok: [], rejected }), { qos: 1 });
    });
    await other.subscribeAsync('ff/v1/+/+/up/batch');
    const found = await examine(url);
    expect(outcomes(found)).toEqual({ ...PASSED, round_trip: 'ok' });
    expect(found.at(-1)?.found).toMatch(/rejected this one \(type: unknown \[2J\)$/);
  });

  it('warns where no collector listens, and waits for none where the settings need none', async () => {
    const url = `mqtt://127.0.0.1:${(await mosquitto()).port}`;
    const found = await examine(url);
    expect(outcomes(found)).toEqual({ ...PASSED, round_trip: 'warning' });
    expect(found.at(-1)).toMatchObject({
      found: 'no acknowledgement within 10 s; the broker says that nobody subscribes to ff/v1/acme/gw-1/up/batch',
      mend: expect.stringMatching(/^Start the collector/),
    });
    expect(outcomes(await examine(url, { ack: 'puback' }))).toEqual({ ...PASSED, round_trip: 'skipped' });
  });

  it('leaves a connected daemon alone, even one of the same gateway', async () => {
    const url = `mqtt://127.0.0.1:${(await mosquitto()).port}`;
    await collect(url);
    const outbox = new MemoryOutbox();
    const facts = {
      firstSequence: 1,
      sealedThrough: 0,
      oldestHeld: null,
      previous: null,
      config: null,
      parameters: 'p1',
      version: '0.1.0',
      sensors: [],
    };
    const uplink = createUplink(
      { url, ...GATEWAY, epoch: '0123456789abcdef', window: 4, staggerSeconds: 0, ack: 'collector' },
      { outbox, clock: hastyClock(1), random: Math.random, log: () => {}, facts: async () => facts },
    );
    endings.push(() => uplink.stop());
    uplink.start();
    await until('the uplink', () => uplink.state().phase === 'connected');
    const { since } = uplink.state();
    expect(outcomes(await examine(url))).toEqual({ ...PASSED, round_trip: 'ok' });
    expect(uplink.state()).toMatchObject({ phase: 'connected', since, lastError: null, acknowledged: 0 });
  });

  it('tells a broker that does not run', async () => {
    const broker = await mosquitto();
    await broker.kill();
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const found = await examine(url);
    const rest = {
      login: 'skipped',
      subscribe: 'skipped',
      config: 'skipped',
      publish: 'skipped',
      round_trip: 'skipped',
    };
    expect(outcomes(found)).toEqual({ name: 'ok', tcp: 'error', ...rest });
    expect(only(found, 'error').found).toMatch(/^connection refused by 127\.0\.0\.1:\d+: no broker listens there$/);
    expect((await failureOf(url)).lastErrorKind).toBe('network');
  });

  it('tells a wrong password, and never shows it', async () => {
    const passwords = join(bench.folder(), 'passwords');
    execFileSync('mosquitto_passwd', ['-b', '-c', passwords, 'box', 'another'], { stdio: 'ignore' });
    const broker = await mosquitto(['allow_anonymous false', `password_file ${passwords}`]);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const login = { username: 'box', password: SECRET };
    const found = await examine(url, login);
    expect(only(found, 'error')).toMatchObject({ check: 'broker_login', tried: expect.stringContaining('"box"') });
    expect(only(found, 'error').found).toMatch(/not authorised/);
    expect((await failureOf(url, login)).lastErrorKind).toBe('login');
    expect(outcomes(await examine(url, { username: 'box', password: 'another' }))).toMatchObject(PASSED);
  });

  it('tells a publication that is not allowed', async () => {
    const list = fileOf('acl', 'topic read ff/v1/acme/gw-1/down/#\n');
    const broker = await mosquitto(['allow_anonymous true', `acl_file ${list}`]);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const found = await examine(url);
    expect(only(found, 'error')).toMatchObject({
      check: 'broker_publish',
      mend: "In the broker's access list, let this user publish to ff/v1/acme/gw-1/up/batch.",
    });
    expect(await failureOf(url)).toMatchObject({ phase: 'connected', lastErrorKind: 'denied' });
  });

  it.skipIf(DYNAMIC_SECURITY === undefined)('tells a subscription that is not allowed', async () => {
    const acl = { publishClientSend: true, publishClientReceive: true, subscribe: false, unsubscribe: true };
    const rules = fileOf('rules.json', JSON.stringify({ defaultACLAccess: acl, clients: [], groups: [], roles: [] }));
    const plugin = [`plugin ${DYNAMIC_SECURITY}`, `plugin_opt_config_file ${rules}`];
    const url = `mqtt://127.0.0.1:${(await mosquitto(['allow_anonymous true', ...plugin])).port}`;
    const found = await examine(url);
    expect(outcomes(found)).toMatchObject({ login: 'ok', subscribe: 'error', config: 'skipped', publish: 'skipped' });
    expect(only(found, 'error').found).toMatch(/refused the subscription to ff\/v1\/acme\/gw-1\/down\/ack/);
    expect((await failureOf(url)).lastErrorKind).toBe('denied');
  });

  it('warns of a subscription that is granted and never served', async () => {
    const list = fileOf('deaf', 'topic write ff/v1/acme/gw-1/up/#\nuser collector\ntopic readwrite ff/#\n');
    const broker = await mosquitto(['allow_anonymous true', `acl_file ${list}`]);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const database = join(bench.folder(), 'deaf.db');
    const options = { url, database, username: 'collector', clock: hastyClock(HASTE), log: () => {} };
    const collector = await startCollector(options);
    endings.push(() => collector.stop());
    await until('the collector', () => collector.stats().phase === 'connected');
    const found = await examine(url);
    expect(outcomes(found)).toEqual({ ...PASSED, round_trip: 'warning' });
    expect(found.at(-1)?.mend).toMatch(/this user may read it/);
  });
});

describe('the doctor before other ends', () => {
  it('falls back to MQTT 3.1.1, and says what a taken publication is worth there', async () => {
    const broker = await Aedes.createBroker();
    const server = createServer(broker.handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    endings.push(() => new Promise((resolve) => broker.close(() => server.close(resolve))));
    const found = await examine(`mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(outcomes(found)).toEqual({ ...PASSED, round_trip: 'warning' });
    expect(found[2].found).toBe('let in, over MQTT 3.1.1');
    expect(found[5].found).toContain('only the round trip proves it');
  });

  it.each<[how: string, answer: (client: Client, refuse: () => void) => void]>([
    ['a denial', (_, refuse) => refuse()],
    ['an end of the connection', (client) => client.close()],
  ])('warns where settings from the centre may not be read, by %s, and goes on', async (_, answer) => {
    const broker = await Aedes.createBroker();
    broker.authorizeSubscribe = (client, subscription, done) => {
      if (!subscription.topic.endsWith('/down/config')) return done(null, subscription);
      answer(client, () => done(null, null));
    };
    const server = createServer(broker.handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    endings.push(() => new Promise((resolve) => broker.close(() => server.close(resolve))));
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await collect(url);
    const found = await examine(url);
    expect(outcomes(found)).toEqual({ ...PASSED, config: 'warning', round_trip: 'ok' });
    expect(only(found, 'warning')).toMatchObject({
      found: expect.stringMatching(/refused the subscription to .*\/down\/config|some brokers do so/),
      mend: expect.stringContaining('let this user subscribe to ff/v1/acme/gw-1/down/config'),
    });
  });

  it('gives up on a port that takes connections and never answers', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    endings.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const found = await examine(`mqtt://127.0.0.1:${port}`);
    expect(only(found, 'error')).toMatchObject({
      check: 'broker_login',
      found: expect.stringContaining('within 10 s'),
    });
    const secure = await examine(`mqtts://127.0.0.1:${port}`);
    expect(only(secure, 'error')).toMatchObject({ check: 'broker_tls', found: expect.stringContaining('within 10 s') });
    expect((await failureOf(`mqtt://127.0.0.1:${port}`)).lastErrorKind).toBe('network');
  });

  it('tells a name that nobody knows (RFC 6761 keeps .invalid for that)', async () => {
    const found = await examine('mqtt://broker.invalid');
    expect(only(found, 'error')).toMatchObject({
      check: 'broker_name',
      found: expect.stringContaining('broker.invalid'),
    });
    expect(found.filter(({ outcome }) => outcome === 'skipped')).toHaveLength(6);
    expect((await failureOf('mqtt://broker.invalid')).lastErrorKind).toBe('name');
  });

  it('tells a URL that is none, without its password', async () => {
    const found = await examine(`mqtt://box:${encodeURIComponent(SECRET)}@broker.example`);
    expect(only(found, 'error').check).toBe('broker_name');
    expect(JSON.stringify(found)).not.toContain(encodeURIComponent(SECRET));
  });

  it('yields nothing more once it is ended', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    endings.push(() => server.close());
    const ending = new AbortController();
    const found: string[] = [];
    const deps = { clock: hastyClock(0.001), random: Math.random, signal: ending.signal };
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for await (const { check } of checkBroker({ url, ...GATEWAY }, deps)) {
      found.push(check);
      if (check === 'broker_tcp') ending.abort();
    }
    expect(found).toEqual(['broker_name', 'broker_tcp']);
  });
});
