/** The broker example of config/mosquitto, as it stands there, in a real mosquitto: whom it lets in, and to what. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import Database from 'better-sqlite3';
import type { IClientOptions } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startCollector } from '../agent/collector/collector.ts';
import { encodeWindow } from '../agent/contract/batch.ts';
import { HARD_LIMIT_BYTES } from '../agent/contract/read.ts';
import { topicsOf } from '../agent/contract/topics.ts';
import { checkBroker } from '../agent/doctor/broker.ts';
import type { FailureKind } from '../agent/mqtt/explain.ts';
import { openSession } from '../agent/mqtt/session.ts';
import { keyOf, signCertificate } from '../agent/uplink/brokers.ts';
import { MemoryOutbox } from '../agent/uplink/fixtures.ts';
import { hastyClock } from '../agent/uplink/mosquitto.testing.ts';
import type { UplinkOptions } from '../agent/uplink/port.ts';
import { createUplink, type Uplink } from '../agent/uplink/uplink.ts';
import { ExampleBroker, missingForExample, PASSWORD } from './support/mosquitto-example.ts';
import {
  after,
  connectPeer,
  listen,
  listeningPorts,
  type Peer,
  publish,
  shownSubject,
  shutOut,
  unmarked,
} from './support/mosquitto-example-clients.ts';
import { until } from './support/processes.ts';

/** Resends and back-offs of minutes come in seconds; the broker knows nothing of it. */
const HASTE = 30;
const START = 1_760_000_000_000;
const A = topicsOf('acme', 'gw-1');
const B = topicsOf('acme', 'gw-2');
/** None of them may touch a tree but the one that its two parts name. */
const ODD_USERS = [
  'acme',
  'acme/+',
  '+/gw-2',
  '+',
  '+/+',
  'acme/#',
  'acme/gw-2/up',
  'acme/gw-2/',
  '/acme/gw-2',
  'v1/acme',
];
const USERS = ['acme/gw-1', 'acme/gw-2', 'acme/gw-9', 'collector', 'platform', ...ODD_USERS];
const missing = missingForExample();

let folder = '';
let broker: ExampleBroker;
const endings: (() => Promise<unknown> | unknown)[] = [];

async function peer(username: string, more: IClientOptions = {}): Promise<Peer> {
  const found = await connectPeer(broker, username, more);
  endings.push(() => found.client.end(true));
  return found;
}

function gateway(options: Partial<UplinkOptions>, protocol?: 4): { uplink: Uplink; outbox: MemoryOutbox } {
  const epoch = randomBytes(8).toString('hex');
  const origin = { tenant: 'acme', gateway: 'gw-1', ...options, epoch, store: 's1', timeZone: 'UTC', version: '0.1.0' };
  const outbox = new MemoryOutbox(epoch);
  const window = { ordinal: 1, startMs: START, endMs: START + 900_000, skipped: 0, warmUp: false, correctedMs: null };
  const made = { ...origin, clock: 'synchronised', sealedAtMs: START } as const;
  for (const { body } of encodeWindow({ ...window, records: [] }, made, 1)) outbox.seal(1, body);
  const login = options.certFile === undefined ? { username: 'acme/gw-1', password: PASSWORD } : {};
  const uplink = createUplink(
    {
      ...{ url: broker.urls.password, tenant: 'acme', gateway: 'gw-1', epoch, ...login },
      ...{ caFile: broker.authorities.broker, ack: 'collector', window: 4, staggerSeconds: 0 },
      ...options,
    },
    {
      outbox,
      clock: hastyClock(HASTE),
      random: Math.random,
      log: () => {},
      configure: () => {},
      facts: async () => ({
        ...{ firstSequence: 1, sealedThrough: 1, oldestHeld: null, previous: null, config: null },
        ...{ parameters: 'p1', version: '0.1.0', sensors: [] },
      }),
      ...(protocol && { open: (request, events) => openSession({ ...request, protocol }, events) }),
    },
  );
  endings.push(() => uplink.stop());
  uplink.start();
  return { uplink, outbox };
}

function gatewayByCertificate(certFile: string, options: Partial<UplinkOptions> = {}) {
  return gateway({ url: broker.urls.certificate, certFile, keyFile: keyOf(certFile), ...options });
}

/** Waits for a failure of a kind, and gives its words: a busy machine may have others before. */
async function failureOf(uplink: Uplink, kind: FailureKind): Promise<string> {
  await until(`a failure of kind ${kind}`, () => uplink.state().lastErrorKind === kind);
  const { lastError } = uplink.state();
  expect(lastError).not.toContain(PASSWORD);
  return lastError ?? '';
}

async function collect(group?: string): Promise<{ database: string; stored(): number }> {
  const database = join(folder, `${randomBytes(4).toString('hex')}.db`);
  const collector = await startCollector({
    ...{ url: broker.urls.password, username: 'collector', password: PASSWORD, caFile: broker.authorities.broker },
    ...{ database, clock: hastyClock(HASTE), log: () => {}, ...(group !== undefined && { group }) },
  });
  endings.push(() => collector.stop());
  await until('the collector', () => collector.stats().phase === 'connected');
  return { database, stored: () => collector.stats().stored };
}

describe.skipIf(missing !== null)(`the broker example${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'footfall-access-'));
    broker = await ExampleBroker.make(folder, USERS);
    await broker.start();
  }, 60_000);
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });
  afterAll(async () => {
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('listens with TLS on its two ports and nowhere else', async () => {
    // It serves only once it has opened every port.
    await peer('acme/gw-1');
    expect(listeningPorts(broker.pid)).toEqual(Object.values(broker.ports).sort());
  });

  it('lets a gateway deliver to the collector, and the doctor see that it can', async () => {
    const { database } = await collect();
    const { uplink, outbox } = gateway({});
    await until('the acknowledgement', () => outbox.held.size === 0);
    expect(uplink.state()).toMatchObject({ phase: 'connected', protocol: 5, acknowledged: 1, lastError: null });
    const rows = new Database(database, { readonly: true }).prepare('SELECT source FROM batches').all();
    expect(rows).toEqual([{ source: expect.stringMatching(/^\/ff\/acme\/gw-1\//) }]);
    const target = { url: broker.urls.password, tenant: 'acme', gateway: 'gw-1', username: 'acme/gw-1' };
    const secrets = { password: PASSWORD, caFile: broker.authorities.broker };
    const found: Record<string, string> = {};
    const deps = { clock: hastyClock(HASTE), random: Math.random };
    for await (const { check, outcome } of checkBroker({ ...target, ...secrets }, deps)) found[check] = outcome;
    expect(Object.keys(found)).toContain('broker_round_trip');
    // The broker's throw-away certificate ends within days, which the doctor says.
    expect({ ...found, broker_tls: 'ok' }).toEqual(
      Object.fromEntries(Object.keys(found).map((check) => [check, 'ok'])),
    );
  });

  it('takes the largest message of the contract, and disconnects who sends what is much larger', async () => {
    const [collector, a] = [await peer('collector'), await peer('acme/gw-1')];
    await listen(collector, A.batch);
    const largest = 'x'.repeat(HARD_LIMIT_BYTES);
    expect(await publish(a, A.batch, largest)).toBe('taken');
    expect(await publish(a, A.batch, largest.repeat(2))).toBe('closed');
    await after(await peer('acme/gw-1'), A.batch, collector);
    expect(unmarked(collector).map((each) => each.length)).toEqual([`${A.batch} `.length + HARD_LIMIT_BYTES]);
  });

  it('brings the settings of the platform to the one gateway, retained, and its state back', async () => {
    const [platform, b] = [await peer('platform'), await peer('acme/gw-2')];
    expect(await publish(platform, B.config, 'settings', true)).toBe('taken');
    await b.client.subscribeAsync(B.config, { qos: 1 });
    await until('the settings', () => b.got.includes(`${B.config} settings`));
    await listen(platform, 'ff/v1/+/+/up/state');
    await after(b, B.state, platform);
    expect(await publish(platform, B.config, '', true)).toBe('taken');
  });

  it.each([4, 5] as const)(
    "lets a gateway publish into its own tree's up side alone (protocol %i)",
    async (protocolVersion) => {
      const [collector, platform, b] = [await peer('collector'), await peer('platform'), await peer('acme/gw-2')];
      await listen(collector, 'ff/v1/+/+/up/#');
      await listen(platform, 'ff/v1/+/+/up/#');
      await listen(b, 'ff/v1/acme/gw-2/#', 'ff/v1/acme/gw-1/#');
      // The gateway's other half, to see what it says to itself in the collector's or the platform's name.
      const own = await peer('acme/gw-1');
      await listen(own, A.ack, A.config);
      const will = { topic: B.state, payload: Buffer.from('forged'), qos: 1 as const, retain: true };
      const dying = await peer('acme/gw-1', { protocolVersion, will });
      dying.client.stream.destroy();
      const a = await peer('acme/gw-1', { protocolVersion });
      const forbidden = [
        B.batch,
        B.state,
        B.ack,
        B.config,
        A.ack,
        A.config,
        'ff/v1/acme/gw-1/up/other',
        'ff/v1/acme/gw-2',
        'x',
      ];
      for (const topic of forbidden) {
        for (const retain of [false, true]) {
          // Over 3.1.1 a refusal looks like success: so what counts is what the others see.
          const expected = protocolVersion === 5 ? /Not authorized/ : /^taken$/;
          expect(await publish(a, topic, 'forged', retain), topic).toMatch(expected);
        }
      }
      await after(a, A.state, collector);
      await after(a, A.state, platform);
      await after(await peer('collector'), B.ack, b);
      await after(await peer('collector'), A.ack, own);
      expect([collector, platform, b, own].flatMap(unmarked)).toEqual([]);
      // Nor is it kept for whoever comes later.
      const later = await peer('acme/gw-2');
      await later.client.subscribeAsync('ff/v1/acme/gw-2/#', { qos: 1 });
      await after(await peer('collector'), B.ack, later);
      expect(unmarked(later)).toEqual([]);
    },
  );

  it.each([4, 5] as const)(
    'lets a gateway read nothing but what is said to it (protocol %i)',
    async (protocolVersion) => {
      const [a, b] = [await peer('acme/gw-1', { protocolVersion }), await peer('acme/gw-2')];
      const [collector, platform] = [await peer('collector'), await peer('platform')];
      await listen(collector, 'ff/v1/+/+/up/#');
      expect(await publish(b, B.state, 'private', true)).toBe('taken');
      const wide = [
        '#',
        '+/#',
        'ff/v1/+/+/up/state',
        'ff/v1/+/+/down/#',
        'ff/v1/acme/gw-2/#',
        B.ack,
        B.config,
        A.state,
      ];
      const granted = await a.client.subscribeAsync([...wide, '$SYS/#', A.ack], { qos: 1 });
      // Granted, and yet worth nothing.
      expect(granted.map(({ qos }) => qos)).toEqual(granted.map(() => 1));
      for (const topic of [B.batch, B.state]) expect(await publish(b, topic, 'private')).toBe('taken');
      expect(await publish(collector, B.ack, 'private')).toBe('taken');
      expect(await publish(platform, B.config, 'private')).toBe('taken');
      await after(b, B.state, collector);
      await after(collector, A.ack, a);
      expect(unmarked(a)).toEqual([]);
      expect(unmarked(collector).length).toBeGreaterThan(0);
    },
  );

  it.each(ODD_USERS)('gives the user "%s" nothing of any gateway', async (user) => {
    const [collector, b] = [await peer('collector'), await peer('acme/gw-2')];
    await listen(collector, 'ff/v1/acme/+/up/#');
    await listen(collector, 'ff/v1/+/gw-2/up/#');
    await listen(b, 'ff/v1/acme/gw-2/#');
    const odd = await peer(user, { protocolVersion: 4 });
    await odd.client.subscribeAsync(['#', 'ff/v1/acme/gw-2/#'], { qos: 1 });
    for (const topic of [B.batch, B.ack, 'ff/v1/acme/up/batch', 'ff/v1/acme/up/up/batch', 'ff/v1/acme/up/up/state']) {
      expect(await publish(odd, topic, 'forged'), topic).toBe('taken');
    }
    await after(b, B.state, collector);
    await after(collector, B.ack, b);
    // Five levels are no topic of the contract: no collector takes them.
    expect(unmarked(collector).filter((each) => each.split('/').length === 6)).toEqual([]);
    expect([...unmarked(b), ...odd.got]).toEqual([]);
  });

  it('gives nothing to a client identifier with a wildcard, nor to a gateway that was shut out', async () => {
    const collector = await peer('collector');
    await listen(collector, 'ff/v1/+/+/up/#');
    const b = await peer('acme/gw-2');
    for (const clientId of ['gw+1', 'gw#1']) {
      const a = await peer('acme/gw-1', { clientId });
      expect(await publish(a, A.batch, 'odd'), clientId).toMatch(/Not authorized/);
    }
    const [acl, original] = [join(folder, 'footfall.acl'), join(folder, 'original.acl')];
    const stolen = await peer('acme/gw-9');
    const { batch } = topicsOf('acme', 'gw-9');
    expect(await publish(stolen, batch, 'marker before that')).toBe('taken');
    copyFileSync(acl, original);
    shutOut(acl);
    broker.reload();
    await until(
      'the list to be in force',
      async () => (await publish(stolen, batch, 'marker again')) === 'Publish error: Not authorized',
    );
    await after(b, B.batch, collector);
    copyFileSync(original, acl);
    broker.reload();
    await until('the old list to be in force', async () => (await publish(stolen, batch, 'marker again')) === 'taken');
    expect(unmarked(collector)).toEqual([]);
  });

  it('names in the state of an uplink what the broker denies, and where it tells nobody, that nobody answers', async () => {
    await collect();
    const denied = gateway({ gateway: 'gw-2' });
    expect(await failureOf(denied.uplink, 'denied')).toMatch(/not authorised/);
    expect(denied.uplink.state().phase).toBe('connected');
    // Over 3.1.1 the refusals look like success; two minutes without an acknowledgement are told.
    const silent = gateway({ gateway: 'gw-2' }, 4);
    expect(await failureOf(silent.uplink, 'unacknowledged')).toMatch(/no collector has acknowledged/);
    expect(denied.outbox.held.size).toBe(1);
    const stranger = gateway({ password: 'wrong' });
    expect(await failureOf(stranger.uplink, 'login')).toMatch(/not authorised/);
  });

  it('has a gateway that steals from a group of collectors delay batches, and lose none', async () => {
    const { stored } = await collect('collectors');
    const thief = await peer('acme/gw-2');
    await thief.client.subscribeAsync('$share/collectors/ff/v1/+/+/up/batch', { qos: 1 });
    const victims = [1, 2, 3, 4].map(() => gateway({}));
    await until('every batch', () => victims.every(({ outbox }) => outbox.held.size === 0), 15_000);
    expect(stored()).toBe(4);
    expect(victims.some(({ uplink }) => uplink.state().resent > 0)).toBe(true);
    expect(thief.got).toEqual([]);
  });

  it('is believed only with the right authority, host name and date, and is reloaded without a restart', async () => {
    const trusting = (caFile: string, host = '127.0.0.1') =>
      gateway({ caFile, url: `mqtts://${host}:${broker.ports.password}` });
    const { broker: ca, other, gateways } = broker.authorities;
    for (const file of [other, gateways]) {
      expect(await failureOf(trusting(file).uplink, 'tls')).toMatch(/not trusted: .*not signed by/);
    }
    expect(await failureOf(trusting(ca, 'localhost').uplink, 'tls')).toMatch(/another host name$/);
    const b = await peer('acme/gw-2');
    broker.replaceCertificate(signCertificate(folder, 'past', { ca, for: 'IP:127.0.0.1', days: -1 }));
    broker.reload();
    await until('the expired certificate to be shown', async () => (await shownSubject(broker)) === 'past');
    const { uplink } = trusting(ca);
    expect(await failureOf(uplink, 'tls')).toMatch(/has expired/);
    broker.replaceCertificate(signCertificate(folder, 'renewed', { ca, for: 'IP:127.0.0.1', days: 9 }));
    broker.reload();
    await until('the renewed certificate to be shown', async () => (await shownSubject(broker)) === 'renewed');
    await until('the uplink to come back', () => uplink.state().phase === 'connected');
    // Nobody was thrown out meanwhile.
    expect(b.client.connected).toBe(true);
  });

  it('refuses a client that speaks no more than TLS 1.1', async () => {
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
      rejectUnauthorized: false,
    } as const;
    const handshake = (port: number): Promise<string> =>
      new Promise((resolve) => {
        const socket: TLSSocket = connectTls({ host: '127.0.0.1', port, ...old }, () => {
          resolve(String(socket.getProtocol()));
          socket.destroy();
        });
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} ${error.message}`));
      });
    for (const port of Object.values(broker.ports)) expect(await handshake(port)).toMatch(/alert.protocol.version/i);
    // The same client before a server that takes it, to see that it is the broker that refused.
    const [cert, key] = [join(folder, 'broker.pem'), join(folder, 'broker.key')].map((file) => readFileSync(file));
    const server = createTlsServer({ cert, key, minVersion: 'TLSv1', ciphers: old.ciphers }).listen(0, '127.0.0.1');
    endings.push(() => server.close());
    await once(server, 'listening');
    expect(await handshake((server.address() as AddressInfo).port)).toBe('TLSv1.1');
  });

  it('takes gateways by certificate: of its authority, for their own tree, as it is on disk at the next connect', async () => {
    await collect();
    const own = gatewayByCertificate(broker.gatewayCertificate);
    await until('delivery', () => own.outbox.held.size === 0);
    const elsewhere = gatewayByCertificate(broker.gatewayCertificate, { gateway: 'gw-2' });
    expect(await failureOf(elsewhere.uplink, 'denied')).toMatch(/not authorised/);

    const bare = gateway({ url: broker.urls.certificate });
    expect(await failureOf(bare.uplink, 'tls')).toMatch(/wants a certificate of this box/);
    // A certificate of the broker's own authority is no gateway's.
    const foreign = broker.signGateway('acme/gw-1', 'foreign', 1, 'ca');
    expect(await failureOf(gatewayByCertificate(foreign).uplink, 'tls')).toMatch(
      /refused the client certificate .*foreign\.pem/,
    );

    const held = broker.signGateway('acme/gw-2', 'held', -1);
    const { uplink, outbox } = gatewayByCertificate(held, { gateway: 'gw-2' });
    expect(await failureOf(uplink, 'tls')).toMatch(/it has expired/);
    const renewed = broker.signGateway('acme/gw-2', 'renewed-gw-2', 5);
    copyFileSync(renewed, held);
    copyFileSync(keyOf(renewed), keyOf(held));
    await until('delivery with the new certificate', () => outbox.held.size === 0);
    const shown = uplink.state().certificates.find(({ what }) => what === 'client');
    expect(shown?.expires_ms).toBeGreaterThan(Date.now());
  });
});
