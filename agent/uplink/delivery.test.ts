/** End to end over real brokers: what was sealed arrives once, whatever is killed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls, { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Aedes } from 'aedes';
import Database from 'better-sqlite3';
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Collector, startCollector } from '../collector/collector.ts';
import { readReport } from '../collector/report.ts';
import { encodeWindow } from '../contract/batch.ts';
import { freePort, keyOf, killed, makeCertificates, signCertificate } from './brokers.ts';
import { MemoryOutbox } from './fixtures.ts';
import { hasMosquitto, hastyClock, MOSQUITTO, Mosquitto, until } from './mosquitto.testing.ts';
import type { UplinkOptions } from './port.ts';
import { createUplink, type Uplink } from './uplink.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EPOCH = '00112233445566aa';
const ORIGIN = {
  tenant: 'acme',
  gateway: 'gw-1',
  epoch: EPOCH,
  store: 's1',
  timeZone: 'Europe/Berlin',
  version: '0.1.0',
};
const START = 1_760_000_000_000;
/** Resends and back-offs of minutes come in seconds; the brokers know nothing of it. */
const HASTE = 20;
const CIPHERS = tls.DEFAULT_CIPHERS;

let folder = '';
const endings: (() => Promise<unknown> | unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-delivery-'));
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function mosquitto(port: number, extra?: string[]): Mosquitto {
  const broker = new Mosquitto(folder, port, extra);
  endings.push(() => broker.kill());
  return broker;
}

/** The collector as its command, in a process of its own, so that it can be killed. */
function spawnCollector(port: number, database: string): ChildProcess {
  const words = ['collect', '--broker', `mqtt://127.0.0.1:${port}`, '--database', database, '--json'];
  const child = spawn(process.execPath, ['agent/main.ts', ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endings.push(() => killed(child));
  return child;
}

async function collectHere(url: string, database: string, more: { caFile?: string } = {}): Promise<Collector> {
  const collector = await startCollector({ url, database, clock: hastyClock(HASTE), log: () => {}, ...more });
  endings.push(() => collector.stop());
  return collector;
}

function gateway(
  url: string,
  options: Partial<UplinkOptions> = {},
): { uplink: Uplink; outbox: MemoryOutbox; seal(): void; sealed: Map<number, Uint8Array> } {
  const outbox = new MemoryOutbox(EPOCH);
  const sealed = new Map<number, Uint8Array>();
  const uplink = createUplink(
    { url, tenant: 'acme', gateway: 'gw-1', epoch: EPOCH, ack: 'collector', window: 16, staggerSeconds: 0, ...options },
    {
      outbox,
      clock: hastyClock(HASTE),
      random: Math.random,
      log: () => {},
      facts: async () => ({
        firstSequence: 1,
        sealedThrough: sealed.size,
        oldestHeld: outbox.held.size === 0 ? null : Math.min(...outbox.held.keys()),
        previous: null,
        config: null,
        parameters: 'p1',
        version: '0.1.0',
        sensors: [],
      }),
    },
  );
  endings.push(() => uplink.stop());
  const seal = () => {
    const sequence = sealed.size + 1;
    const [batch] = encodeWindow(windowOf(sequence), { ...ORIGIN, clock: 'synchronised', sealedAtMs: START }, sequence);
    sealed.set(sequence, batch.body);
    outbox.seal(sequence, batch.body);
    uplink.notify(sequence);
  };
  return { uplink, outbox, seal, sealed };
}

function windowOf(ordinal: number) {
  const startMs = START + ordinal * 900_000;
  const base = { store: 's1', rev: 1, window: ordinal, start_ms: startMs, end_ms: startMs + 900_000, parameters: 'p1' };
  const door = {
    entries: ordinal % 7,
    exits: 1,
    catch_up_entries: 0,
    catch_up_exits: 0,
    catch_up_from_ms: null,
    set_aside: 0,
    resets: 0,
  };
  const records = ['north', 'south', 'east'].map((place) => ({ ...base, ...door, place, kind: 'door' as const }));
  return { ordinal, startMs, endMs: startMs + 900_000, skipped: 0, warmUp: false, correctedMs: null, records };
}

/** Every sealed batch is in the database once, with its bytes and its records, and nothing else is. */
function expectOnce(path: string, sealed: Map<number, Uint8Array>): void {
  const database = new Database(path, { readonly: true });
  const rows = database
    .prepare<[], { sequence: number; body: Buffer }>('SELECT sequence, body FROM batches ORDER BY sequence')
    .all();
  const records = database.prepare('SELECT window, place FROM records').all();
  database.close();
  expect(rows.map((row) => row.sequence)).toEqual([...sealed.keys()]);
  for (const row of rows) expect(row.body.equals(sealed.get(row.sequence) ?? Buffer.of())).toBe(true);
  expect(records).toHaveLength(sealed.size * 3);
  expect(readReport(path, START)).toMatchObject({
    gaps: [],
    gateways: [{ batches: sealed.size, awaited: 0, lost: 0, refused: 0 }],
  });
}

describe.skipIf(!hasMosquitto)(`delivery over ${MOSQUITTO} (skipped where it is not installed)`, () => {
  it('delivers 2,000 batches once, though broker and collector are killed', async () => {
    const broker = await mosquitto(await freePort()).start();
    const database = join(folder, 'killed.db');
    let collector = spawnCollector(broker.port, database);
    const { uplink, outbox, seal, sealed } = gateway(`mqtt://127.0.0.1:${broker.port}`);
    for (let count = 0; count < 500; count++) seal();
    uplink.start();
    const faults = [
      async () => {
        await broker.kill();
        await sleep(50);
        await broker.start();
      },
      async () => {
        await killed(collector);
        collector = spawnCollector(broker.port, database);
      },
    ];
    for (let round = 0; round < 6; round++) {
      const goal = uplink.state().acknowledged + 100;
      for (let count = 0; count < 250; count++) {
        seal();
        if (count % 5 === 0) await sleep(2);
      }
      await until(`round ${round} gets through`, () => uplink.state().acknowledged >= goal);
      await faults[round % 2]();
    }
    await until('the outbox is empty', () => outbox.held.size === 0, 90_000);
    expect(sealed.size).toBe(2_000);
    expect(uplink.state()).toMatchObject({ protocol: 5, acknowledged: 2_000, inFlight: 0 });
    await uplink.stop();
    collector.kill('SIGINT');
    let text = '';
    collector.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    await once(collector, 'close');
    expect(JSON.parse(text.trim().split('\n').at(-1) ?? '')).toMatchObject({
      message: 'Ledger',
      conflicts: 0,
      rejected: 0,
      awaited: 0,
      lost: 0,
    });
    expectOnce(database, sealed);
  }, 180_000);

  it('is refused with a wrong password, says so, and delivers once the broker takes it', async () => {
    const passwords = join(folder, 'passwords');
    const write = (password: string) =>
      execFileSync('mosquitto_passwd', ['-b', '-c', passwords, 'box', password], { stdio: 'ignore' });
    write('first');
    const port = await freePort();
    const broker = await mosquitto(port, ['allow_anonymous false', `password_file ${passwords}`]).start();
    const { uplink, outbox, seal } = gateway(`mqtt://127.0.0.1:${port}`, {
      username: 'box',
      password: 'second',
      ack: 'puback',
    });
    seal();
    uplink.start();
    await until('the refusal', () => uplink.state().lastError !== null);
    expect(uplink.state().lastError).toMatch(/^the broker 127\.0\.0\.1:\d+ refused.*not authorised/);
    expect(uplink.state().lastError).not.toContain('second');
    expect(uplink.state().lastErrorKind).toBe('login');
    await broker.kill();
    write('second');
    await broker.start();
    await until('the batch is delivered', () => outbox.held.size === 0);
    expect(uplink.state()).toMatchObject({ phase: 'connected', lastError: null, lastErrorKind: null, acknowledged: 1 });
  }, 60_000);

  it('delivers over TLS to a broker of its CA only, and names the CA file that does not fit', async () => {
    const { ca, otherCa, key, certificate } = makeCertificates(folder);
    const port = await freePort();
    const config = ['allow_anonymous true', `certfile ${certificate}`, `keyfile ${key}`, `cafile ${ca}`];
    await mosquitto(port, config).start();
    const url = `mqtts://127.0.0.1:${port}`;
    const database = join(folder, 'tls.db');
    const collector = await collectHere(url, database, { caFile: ca });
    const { uplink, outbox, seal } = gateway(url, { caFile: otherCa });
    seal();
    uplink.start();
    await until('the refusal', () => uplink.state().lastError !== null);
    expect(uplink.state().lastError).toBe(
      `certificate of 127.0.0.1:${port} not trusted: it is not signed by the authority in ${otherCa}`,
    );
    expect(uplink.state()).toMatchObject({ lastErrorKind: 'tls', certificates: [{ what: 'authority' }] });
    // The file is read again before each attempt: replacing it is enough.
    writeFileSync(otherCa, execFileSync('cat', [ca]));
    await until('the batch is delivered', () => outbox.held.size === 0);
    expect(collector.stats()).toMatchObject({ stored: 1, phase: 'connected' });
    const ends = (file: string) => new X509Certificate(readFileSync(file)).validToDate.getTime();
    expect(uplink.state().certificates).toEqual([
      { what: 'broker', expires_ms: ends(certificate) },
      { what: 'authority', expires_ms: ends(ca) },
    ]);
    const elsewhere = gateway(`mqtts://localhost:${port}`, { caFile: ca });
    elsewhere.uplink.start();
    await until('the host check', () => elsewhere.uplink.state().lastError !== null);
    expect(elsewhere.uplink.state().lastError).toMatch(/^certificate of localhost:\d+ is for another host name$/);
  }, 60_000);

  it('delivers on PUBACK alone where it is told to, though the broker is killed between', async () => {
    const broker = await mosquitto(await freePort()).start();
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const { uplink, outbox, seal } = gateway(url, { ack: 'puback' });
    for (let count = 0; count < 300; count++) seal();
    uplink.start();
    await until('a part', () => uplink.state().acknowledged >= 50);
    await broker.kill();
    await broker.start();
    for (let count = 0; count < 50; count++) seal();
    await until('the outbox is empty', () => outbox.held.size === 0);
    expect(uplink.state()).toMatchObject({ acknowledged: 350, rejected: 0, inFlight: 0, lastError: null });
    // What makes it weaker: nobody has any of them.
    expect(outbox.deadLetters).toEqual([]);
  }, 60_000);

  it('shows its certificate to a broker that wants one, reads it again each time, and says what is wrong with it', async () => {
    const { ca, otherCa, key, certificate } = makeCertificates(mkdtempSync(join(folder, 'mutual-')));
    const home = dirname(ca);
    const port = await freePort();
    const config = ['allow_anonymous true', 'require_certificate true'];
    await mosquitto(port, [...config, `certfile ${certificate}`, `keyfile ${key}`, `cafile ${ca}`]).start();
    const good = signCertificate(home, 'good', { ca, for: 'DNS:box', days: 1 });
    const foreign = signCertificate(home, 'foreign', { ca: otherCa, for: 'DNS:box', days: 1 });
    const expired = signCertificate(home, 'expired', { ca, for: 'DNS:box', days: -1 });
    const [certFile, keyFile] = [join(home, 'box.pem'), join(home, 'box.key')];
    const put = (from: string) => {
      copyFileSync(from, certFile);
      copyFileSync(keyOf(from), keyFile);
    };
    const url = `mqtts://127.0.0.1:${port}`;
    const bare = gateway(url, { caFile: ca, ack: 'puback' });
    bare.uplink.start();
    await until('the demand', () => bare.uplink.state().lastError !== null);
    expect(bare.uplink.state().lastError).toMatch(
      /wants a certificate of this box \(set "cert_file" and "key_file"\)$/,
    );

    put(foreign);
    const { uplink, outbox, seal } = gateway(url, { caFile: ca, certFile, keyFile, ack: 'puback' });
    seal();
    uplink.start();
    const says = (words: RegExp) => until(String(words), () => words.test(uplink.state().lastError ?? ''));
    await says(
      /^the broker \S+ refused the client certificate \S+box\.pem, valid until \d{4}-\d\d-\d\d: it is not signed by/,
    );
    expect(uplink.state().lastErrorKind).toBe('tls');
    put(expired);
    const day = new X509Certificate(readFileSync(expired)).validToDate.toISOString().slice(0, 10);
    await says(new RegExp(`box\\.pem, valid until ${day}: it has expired$`));
    copyFileSync(keyOf(good), keyFile);
    await says(/^key \S+box\.key does not belong to the certificate/);
    expect(uplink.state().lastErrorKind).toBe('file');
    put(good);
    await until('delivery', () => outbox.held.size === 0);
    const { certificates } = uplink.state();
    expect(certificates.map(({ what }) => what)).toEqual(['broker', 'authority', 'client']);
    expect(certificates[2].expires_ms).toBe(new X509Certificate(readFileSync(good)).validToDate.getTime());
  }, 60_000);

  it('takes no certificate for another address, and no TLS before 1.2', async () => {
    const made = makeCertificates(mkdtempSync(join(folder, 'older-')));
    const { ca } = made;
    const elsewhere = signCertificate(dirname(ca), 'elsewhere', { ca, for: 'IP:127.0.0.2', days: 2 });
    const stateBefore = async (options: TlsOptions) => {
      const server = createTlsServer(options, (socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      server.on('tlsClientError', () => {});
      endings.push(() => new Promise((resolve) => server.close(resolve)));
      const { uplink } = gateway(`mqtts://127.0.0.1:${(server.address() as AddressInfo).port}`, { caFile: ca });
      uplink.start();
      await until('the refusal', () => uplink.state().lastError !== null);
      await uplink.stop();
      return uplink.state();
    };
    const read = (certificate: string) => ({ cert: readFileSync(certificate), key: readFileSync(keyOf(certificate)) });
    const address = await stateBefore(read(elsewhere));
    expect([address.lastErrorKind, address.lastError]).toEqual([
      'tls',
      expect.stringMatching(/^certificate of 127\.0\.0\.1:\d+ is for another host name$/),
    ]);
    // What this process would take by itself is older.
    const before = tls.DEFAULT_MIN_VERSION;
    tls.DEFAULT_MIN_VERSION = 'TLSv1';
    tls.DEFAULT_CIPHERS = `${CIPHERS}:@SECLEVEL=0`;
    try {
      const older = await stateBefore({ ...read(made.certificate), maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' });
      expect([older.lastErrorKind, older.lastError]).toEqual([
        'tls',
        expect.stringMatching(/speaks no TLS of version 1\.2 or later$/),
      ]);
    } finally {
      tls.DEFAULT_MIN_VERSION = before;
      tls.DEFAULT_CIPHERS = CIPHERS;
    }
  }, 60_000);

  it('keeps what it holds through hostile acknowledgements, shows the silence, and delivers afterwards', async () => {
    const broker = await mosquitto(await freePort()).start();
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const stranger = await connectAsync(url);
    endings.push(() => stranger.endAsync(true));
    const topic = 'ff/v1/acme/gw-1/down/ack';
    const good = JSON.stringify({ epoch: EPOCH, ok: [1, 2, 3], rejected: [] });
    await stranger.publishAsync(topic, good, { qos: 1, retain: true });
    const { uplink, outbox, seal, sealed } = gateway(url);
    for (let count = 0; count < 3; count++) seal();
    uplink.start();
    await until('all are published', () => uplink.state().published >= 3);
    for (const text of [
      '',
      'null',
      '[]',
      '{',
      good.replace(EPOCH, 'ffffffffffffffff'),
      good.replace('[1,2,3]', '[4,900]'),
      `${good}${' '.repeat(70_000)}`,
    ]) {
      await stranger.publishAsync(topic, text, { qos: 1 });
    }
    await stranger.publishAsync(topic, '', { qos: 1, retain: true });
    await sleep(200);
    expect(outbox.held.size).toBe(3);
    expect(uplink.state()).toMatchObject({
      phase: 'connected',
      inFlight: 3,
      acknowledged: 0,
      lastAcknowledgedAt: null,
    });
    expect(uplink.state().lastPublishedAt).not.toBeNull();
    const database = join(folder, 'hostile.db');
    await collectHere(url, database);
    await until('delivery', () => outbox.held.size === 0);
    expectOnce(database, sealed);
  }, 60_000);
});

async function startAedes(): Promise<{ url: string; broker: Aedes }> {
  const broker = await Aedes.createBroker();
  const server: Server = createServer({ noDelay: true }, broker.handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => new Promise((resolve) => broker.close(() => server.close(resolve))));
  return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, broker };
}

describe('delivery over a broker of MQTT 3.1.1 only', () => {
  it('publishes nothing where the acknowledgements cannot be subscribed to, and says so', async () => {
    const { url, broker } = await startAedes();
    broker.authorizeSubscribe = (_client, _subscription, callback) => callback(null, null);
    const { uplink, outbox, seal } = gateway(url);
    seal();
    uplink.start();
    await until('the refusal', () => uplink.state().lastError?.includes('subscription') === true);
    expect(uplink.state().lastError).toMatch(
      /refused the subscription to ff\/v1\/acme\/gw-1\/down\/ack: not authorised$/,
    );
    expect(outbox.held.size).toBe(1);
    expect(uplink.state()).toMatchObject({ lastErrorKind: 'denied', published: 0, lastPublishedAt: null });
  }, 60_000);

  it('falls back, delivers 2,000 batches once, and says goodbye', async () => {
    const { url } = await startAedes();
    const database = join(folder, 'aedes.db');
    const first = await collectHere(url, database);
    const { uplink, outbox, seal, sealed } = gateway(url);
    for (let count = 0; count < 2_000; count++) seal();
    uplink.start();
    await until('half of it', () => uplink.state().acknowledged >= 1_000);
    await first.stop();
    const second = await collectHere(url, database);
    await until('the outbox is empty', () => outbox.held.size === 0);
    expect(uplink.state().protocol).toBe(4);
    expect(second.stats().protocol).toBe(4);
    const { states } = second.stats();
    await uplink.stop();
    await until('the goodbye', () => second.stats().states > states);
    expectOnce(database, sealed);
    expect(readReport(database, START).gateways[0].online).toBe(false);
  }, 120_000);
});
