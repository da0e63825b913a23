/** The doctor and the uplink before the same real brokers, in every way in which one can fail. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startCollector } from '../collector/collector.ts';
import { readReport } from '../collector/report.ts';
import { freePort, keyOf, makeCertificates, signCertificate } from '../uplink/brokers.ts';
import { MemoryOutbox } from '../uplink/fixtures.ts';
import { hasMosquitto, hastyClock, MOSQUITTO, Mosquitto, until } from '../uplink/mosquitto.testing.ts';
import type { UplinkState } from '../uplink/port.ts';
import { createUplink } from '../uplink/uplink.ts';
import { checkBroker } from './broker.ts';
import type { BrokerTarget } from './broker-step.ts';
import type { Finding } from './finding.ts';

const HASTE = 10;
const SECRET = 'correct horse battery';
const GATEWAY = { tenant: 'acme', gateway: 'gw-1' };
const DYNAMIC_SECURITY = globSync('/usr/lib/*/mosquitto_dynamic_security.so').at(0);

let folder = '';
const endings: (() => Promise<unknown> | unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-doctor-'));
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function examine(url: string, more: Partial<BrokerTarget> = {}): Promise<Finding[]> {
  const found: Finding[] = [];
  const deps = { clock: hastyClock(HASTE), random: Math.random };
  for await (const finding of checkBroker({ url, ...GATEWAY, ...more }, deps)) found.push(finding);
  for (const finding of found) {
    expect(finding.chapter).toBe('broker');
    expect(finding.mend === '').toBe(finding.outcome === 'ok' || finding.outcome === 'skipped');
  }
  expect(JSON.stringify(found)).not.toContain(SECRET);
  const error = found.findIndex(({ outcome }) => outcome === 'error');
  if (error >= 0) expect(new Set(found.slice(error + 1).map(({ outcome }) => outcome))).not.toContain('ok');
  return found;
}

function outcomes(found: Finding[]): Record<string, string> {
  return Object.fromEntries(found.map(({ check, outcome }) => [check.replace('broker_', ''), outcome]));
}

function only(found: Finding[], outcome: Finding['outcome']): Finding {
  const those = found.filter((finding) => finding.outcome === outcome);
  expect(those).toHaveLength(1);
  return those[0];
}

/** The state of an uplink before the same broker, as soon as something went wrong. */
async function failureOf(url: string, more: Partial<BrokerTarget> = {}): Promise<UplinkState> {
  const outbox = new MemoryOutbox();
  outbox.seal(1);
  const epoch = randomBytes(8).toString('hex');
  const uplink = createUplink(
    { url, ...GATEWAY, epoch, window: 4, ...more, ack: 'collector' },
    {
      outbox,
      clock: hastyClock(HASTE),
      random: Math.random,
      log: () => {},
      facts: async () => {
        const facts = { sealedThrough: 1, oldestHeld: 1, previous: null, parameters: 'p1', version: '0.1.0' };
        return { ...facts, sensors: [] };
      },
    },
  );
  endings.push(() => uplink.stop());
  uplink.start();
  await until('the uplink to fail', () => uplink.state().lastErrorKind !== null);
  expect(uplink.state().lastError).not.toContain(SECRET);
  return uplink.state();
}

async function mosquitto(extra?: string[]): Promise<Mosquitto> {
  const broker = new Mosquitto(folder, await freePort(), extra);
  endings.push(() => broker.kill());
  return broker.start();
}

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function collect(url: string): Promise<string> {
  const database = join(folder, `${randomBytes(4).toString('hex')}.db`);
  const collector = await startCollector({ url, database, clock: hastyClock(HASTE), log: () => {} });
  endings.push(() => collector.stop());
  await until('the collector', () => collector.stats().phase === 'connected');
  return database;
}

const PASSED = { name: 'ok', tcp: 'ok', login: 'ok', subscribe: 'ok', publish: 'ok' };

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
      sealedThrough: 0,
      oldestHeld: null,
      previous: null,
      parameters: 'p1',
      version: '0.1.0',
      sensors: [],
    };
    const uplink = createUplink(
      { url, ...GATEWAY, epoch: '0123456789abcdef', window: 4, ack: 'collector' },
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
    const rest = { login: 'skipped', subscribe: 'skipped', publish: 'skipped', round_trip: 'skipped' };
    expect(outcomes(found)).toEqual({ name: 'ok', tcp: 'error', ...rest });
    expect(only(found, 'error').found).toMatch(/^connection refused by 127\.0\.0\.1:\d+: no broker listens there$/);
    expect((await failureOf(url)).lastErrorKind).toBe('network');
  });

  it('tells a wrong password, and never shows it', async () => {
    const passwords = join(folder, 'passwords');
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
    expect(outcomes(found)).toMatchObject({ login: 'ok', subscribe: 'error', publish: 'skipped' });
    expect(only(found, 'error').found).toMatch(/refused the subscription to ff\/v1\/acme\/gw-1\/down\/ack/);
    expect((await failureOf(url)).lastErrorKind).toBe('denied');
  });

  it('warns of a subscription that is granted and never served', async () => {
    const list = fileOf('deaf', 'topic write ff/v1/acme/gw-1/up/#\nuser collector\ntopic readwrite ff/#\n');
    const broker = await mosquitto(['allow_anonymous true', `acl_file ${list}`]);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const database = join(folder, 'deaf.db');
    const options = { url, database, username: 'collector', clock: hastyClock(HASTE), log: () => {} };
    const collector = await startCollector(options);
    endings.push(() => collector.stop());
    await until('the collector', () => collector.stats().phase === 'connected');
    const found = await examine(url);
    expect(outcomes(found)).toEqual({ ...PASSED, round_trip: 'warning' });
    expect(found.at(-1)?.mend).toMatch(/this user may read it/);
  });
});

describe.skipIf(!hasMosquitto)(`the doctor before ${MOSQUITTO} with TLS (skipped where it is not installed)`, () => {
  let made: ReturnType<typeof makeCertificates>;
  beforeAll(() => {
    made = makeCertificates(folder);
  });

  async function secure(certificate: string): Promise<string> {
    const files = [`cafile ${made.ca}`, `certfile ${certificate}`, `keyfile ${keyOf(certificate)}`];
    return `mqtts://127.0.0.1:${(await mosquitto(['allow_anonymous true', ...files])).port}`;
  }

  it('shows a good certificate, and warns within 30 days of its end', async () => {
    const long = signCertificate(folder, 'long', { ca: made.ca, for: 'IP:127.0.0.1,DNS:broker.example', days: 90 });
    const found = await examine(await secure(long), { caFile: made.ca });
    // The CA file itself ends in two days.
    expect(outcomes(found)).toMatchObject({ tls: 'warning', login: 'ok' });
    const { found: text } = found[2];
    expect(text).toMatch(
      /^TLSv1\.[23]; the certificate is for 127\.0\.0\.1, broker\.example, signed by ca, valid until/,
    );
    expect(text).toContain(`A certificate in ${made.ca} ends in 1 day`);
  });

  it('names the file that did not sign the certificate, and who did', async () => {
    const url = await secure(made.certificate);
    const found = await examine(url, { caFile: made.otherCa });
    expect(only(found, 'error')).toMatchObject({
      check: 'broker_tls',
      found: expect.stringMatching(`not signed by the authority in ${made.otherCa}; .* signed by ca$`),
      mend: `If that is the right broker, put the certificate of ca into ${made.otherCa}.`,
    });
    expect((await failureOf(url, { caFile: made.otherCa })).lastErrorKind).toBe('tls');
  });

  it('tells an expired certificate, with both dates', async () => {
    const url = await secure(signCertificate(folder, 'old', { ca: made.ca, for: 'IP:127.0.0.1', days: -1 }));
    const found = await examine(url, { caFile: made.ca });
    expect(only(found, 'error').found).toMatch(/has expired .* to \d{4}-\d\d-\d\d; .*this box's clock says \d{4}-/);
    expect((await failureOf(url, { caFile: made.ca })).lastErrorKind).toBe('tls');
  });

  it('tells a certificate for another host, and for which', async () => {
    const elsewhere = { ca: made.ca, for: 'DNS:elsewhere.example', days: 2 };
    const url = await secure(signCertificate(folder, 'elsewhere', elsewhere));
    const found = await examine(url, { caFile: made.ca });
    expect(only(found, 'error').found).toMatch(/is for another host name: it is for elsewhere\.example$/);
    expect((await failureOf(url, { caFile: made.ca })).lastErrorKind).toBe('tls');
  });

  it('tells a CA file that is not there', async () => {
    const url = await secure(made.certificate);
    const caFile = join(folder, 'nothing.pem');
    const found = await examine(url, { caFile });
    expect(only(found, 'error').found).toBe(`certificate authority ${caFile} cannot be read: ENOENT`);
    expect((await failureOf(url, { caFile })).lastErrorKind).toBe('file');
  });

  it('tells a port without TLS that is spoken to with it, and the reverse', async () => {
    const plain = `mqtts://127.0.0.1:${(await mosquitto()).port}`;
    expect(only(await examine(plain), 'error')).toMatchObject({
      check: 'broker_tls',
      found: expect.stringMatching(/is it the port without TLS\?/),
    });
    expect((await failureOf(plain)).lastErrorKind).toBe('tls');
    const reverse = (await secure(made.certificate)).replace('mqtts:', 'mqtt:');
    expect(only(await examine(reverse), 'error')).toMatchObject({
      check: 'broker_login',
      found: expect.stringMatching(/speaks TLS, and "url" says to speak without$/),
      mend: expect.stringContaining(reverse.replace('mqtt:', 'mqtts:')),
    });
    expect((await failureOf(reverse)).lastErrorKind).toBe('broker');
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
    expect(found[4].found).toContain('only the round trip proves it');
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
    expect(found.filter(({ outcome }) => outcome === 'skipped')).toHaveLength(5);
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
