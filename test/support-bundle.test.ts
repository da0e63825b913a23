import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MASK } from '../agent/cli/support-bundle/mask-addresses.ts';
import { AUTHORITY } from '../agent/doctor/machine.testing.ts';
import { freePort } from '../agent/uplink/brokers.ts';
import { Finder } from './support/finder.ts';
import type { Gateway } from './support/gateway.ts';
import { KnownDevices } from './support/known-devices.ts';
import { until } from './support/processes.ts';
import { Pty, SOCAT } from './support/pty.ts';
import { seeded } from './support/room-run.ts';
import { deliver, footfall, shopGateway } from './support/shop.ts';
import { type Spelling, spellAddress, spellKey, spellSsid } from './support/spellings.ts';

const missing = SOCAT === null ? 'needs socat' : null;
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const START = Date.parse('2026-03-03T10:00:00Z');
/** Each stands where somebody puts such a thing: in its file, in comments, in a broken file, in an address. */
const PASSWORDS = {
  file: 'brKr-pass-4711-oK',
  comment: 'office-wifi-8842-Xy',
  key: 'written-into-9931-it',
  url: 'in-the-url-5520-Zz',
};
/** All that may be in a bundle. */
const NAMES = [
  ...[
    'database-files.json',
    'database.json',
    'doctor.json',
    'health.json',
    'log.txt',
    'manifest.json',
    'metrics.txt',
    'status.json',
  ],
  ...['footfall.yaml', 'in-force.yaml', 'last-good.yaml', 'mistakes.txt', 'origins.json'].map(
    (name) => `settings/${name}`,
  ),
  ...['overrides.json', 'remote-settings.json'].map((name) => `settings/${name}`),
  ...['devices.json', 'disk.txt', 'kernel.txt', 'machine.json', 'service.txt'].map((name) => `system/${name}`),
];

const scratch = mkdtempSync(join(tmpdir(), 'footfall-bundle-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Manifest {
  files: { name: string; bytes: number; why: string; masked: Record<string, number> }[];
  missing: { name: string; reason: string }[];
  masked_unexpectedly: number;
}

interface Unpacked {
  code: number | null;
  output: string;
  errors: string;
  mode: number;
  files: Map<string, Buffer>;
  manifest: Manifest;
}

describe.skipIf(missing !== null)(`a support bundle${missing === null ? '' : ` (${missing})`}`, () => {
  const directory = join(scratch, 'gateway');
  const devices = new KnownDevices(seeded(seed));
  const keys: Buffer[] = [];
  const { privateKey: clientKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  /** Of its PEM a line that is all secret, and its number. */
  const clientKeySpellings = [
    ...spellSsid(String(clientKey.export({ type: 'pkcs8', format: 'pem' })).split('\n')[1]),
    ...spellKey(Buffer.from(clientKey.export({ format: 'jwk' }).d ?? '', 'base64url')),
  ];
  let up: Unpacked;
  let down: Unpacked;
  let gateway: Gateway;
  let finder: Finder<{ what: string; spelling: Spelling }>;

  async function bundle(name: string): Promise<Unpacked> {
    const path = join(scratch, `${name}.tar.gz`);
    const told = await footfall('support-bundle', '-s', gateway.settingsPath, '--yes', '--output', path);
    if (told.code !== 0) throw new Error(`footfall support-bundle ended with ${told.code}:\n${told.output}`);
    const folder = join(scratch, name);
    mkdirSync(folder);
    execFileSync('tar', ['-xzf', path, '--strip-components=1', '-C', folder]);
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) =>
      statSync(join(folder, each)).isFile(),
    );
    const files = new Map(names.map((each) => [each, readFileSync(join(folder, each))]));
    const manifest = JSON.parse(String(files.get('manifest.json'))) as Manifest;
    return { ...told, mode: statSync(path).mode & 0o777, files, manifest };
  }

  beforeAll(async () => {
    mkdirSync(directory);
    const path = (name: string): string => join(scratch, name);
    const ptys = { pcap: await Pty.open(path('a')), lines: await Pty.open(path('b')), door: await Pty.open(path('c')) };
    gateway = shopGateway({
      directory,
      logLevel: 'debug',
      brokerUrl: `mqtts://127.0.0.1:${await freePort()}`,
      sensors: [
        { id: 'pcap', driver: 'wifi-pcap', port: path('a'), place: 'shop' },
        { id: 'lines', driver: 'wifi-lines', port: path('b'), place: 'shop' },
        { id: 'door', driver: 'door-lines', port: path('c'), place: 'main' },
      ],
    });
    const passwordFile = path('broker-password');
    writeFileSync(passwordFile, `${PASSWORDS.file}\n`, { mode: 0o600 });
    // A certificate and the key of another: both are read, and what is wrong with them is told.
    const [certFile, keyFile] = [path('shop.pem'), path('shop.key')];
    writeFileSync(certFile, AUTHORITY);
    writeFileSync(keyFile, clientKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const login = `username: shop-1, password_file: ${passwordFile}, cert_file: ${certFile}, key_file: ${keyFile}`;
    const text = readFileSync(gateway.settingsPath, 'utf8')
      .replace(/uplink: \{ (.*) \}/, `uplink: { $1, ${login} }`)
      .concat(`# the office wifi is ${PASSWORDS.comment}\n`);
    writeFileSync(gateway.settingsPath, text);
    try {
      let at = START;
      await gateway.start(at);
      keys.push(readFileSync(join(directory, 'run', 'day.key')).subarray(8));
      let loaded = true;
      let rounds = 0;
      const load = (async () => {
        for (; loaded; rounds++) {
          const feed = devices.feed(rounds);
          at += 5_000;
          await deliver(gateway, ptys, at, {
            pcap: Buffer.concat(feed.pcap),
            lines: Buffer.concat(feed.lines),
            door: Buffer.concat(feed.door),
          });
        }
      })();
      await until('a few windows under load', () => rounds > 30);
      up = await bundle('up').finally(() => {
        loaded = false;
      });
      await load;
      await gateway.end('SIGKILL');
      // Broken by whoever wanted to be quick.
      const broken = text.replace('mqtts://', `mqtts://shop-1:${PASSWORDS.url}@`);
      writeFileSync(gateway.settingsPath, broken.concat(`password: "${PASSWORDS.key}"\n`));
      down = await bundle('down');
    } finally {
      await gateway.end('SIGKILL');
      for (const pty of Object.values(ptys)) await pty.close();
    }
    const all = (what: string, spellings: Spelling[]) => spellings.map((spelling) => ({ what, spelling }));
    const secrets = [
      ...devices.addresses.flatMap((address, i) => all(`address ${i}`, spellAddress(address))),
      ...devices.ssids.flatMap((ssid, i) => all(`SSID ${i}`, spellSsid(ssid))),
      ...keys.flatMap((key) => all("day's key", spellKey(key))),
      ...all("the client certificate's key", clientKeySpellings),
      ...Object.entries(PASSWORDS).flatMap(([name, password]) => all(`password in ${name}`, spellSsid(password))),
    ];
    finder = new Finder(secrets.map((secret) => ({ bytes: secret.spelling.sought, tag: secret })));
  }, 120_000);

  it('holds what the running daemon tells, and names what could not be had', () => {
    expect(up.mode).toBe(0o600);
    const names = [...up.files.keys()];
    expect(NAMES).toEqual(expect.arrayContaining(names));
    expect([...names, ...up.manifest.missing.map(({ name }) => name)].sort()).toEqual([...NAMES].sort());
    const text = (name: string): string => String(up.files.get(name));
    expect(JSON.parse(text('status.json')).verdict.state).toBeTypeOf('string');
    expect(JSON.parse(text('database.json'))).toMatchObject({
      journal_mode: 'wal',
      rows: { outbox: expect.any(Number) },
    });
    expect(JSON.parse(text('database-files.json'))).toMatchObject({
      identity: { epochs: [{ from: 1 }], sealed_through: expect.any(Number) },
      set_aside: [],
      being_set_aside: null,
    });
    expect(JSON.parse(text('health.json')).changes.length).toBeGreaterThan(0);
    expect(JSON.parse(text('doctor.json')).findings.length).toBeGreaterThan(10);
    const { findings } = JSON.parse(text('doctor.json')) as { findings: { check: string; found: string }[] };
    expect(findings.find(({ check }) => check === 'client_certificate')?.found).toContain('does not belong');
    expect(text('metrics.txt')).toContain('# TYPE footfall_');
    expect(text('log.txt').split('\n').length).toBeGreaterThan(5);
    expect(text('settings/in-force.yaml')).toContain('window_minutes: 1');
    expect(text('settings/footfall.yaml')).toContain('# (comment masked)');
    for (const { name, bytes } of up.manifest.files) expect(up.files.get(name)?.length, name).toBe(bytes);
    for (const name of names) expect(up.output).toContain(name);
    expect(up.errors).toMatch(/gathering \d+ parts/);
  });

  it('holds what is known of a daemon that was killed, beside settings that are broken', () => {
    const text = (name: string): string => String(down.files.get(name));
    expect(JSON.parse(text('status.json'))).toMatchObject({ running: false, end: { how: 'killed' } });
    expect(JSON.parse(text('health.json')).changes.length).toBeGreaterThan(0);
    expect(JSON.parse(text('database.json')).rows.outbox).toBeGreaterThan(0);
    expect(text('settings/footfall.yaml')).toContain(`password: ${MASK.secret}`);
    expect(text('settings/footfall.yaml')).toContain(`mqtts://${MASK.secret}@127.0.0.1`);
    expect(text('settings/mistakes.txt')).toContain('password');
    expect(text('settings/last-good.yaml')).toContain('window_minutes: 1');
    expect(down.manifest.missing.map(({ name }) => name)).toContain('metrics.txt');
  });

  it('holds no address, no SSID, no key and no password, in any spelling', () => {
    expect(devices.addresses.length).toBeGreaterThan(1_000);
    for (const [when, { files }] of Object.entries({ up, down })) {
      const found = [...files].flatMap(([name, bytes]) =>
        finder.find(bytes).map(({ tag }) => `${when}/${name}: ${tag.what}, ${tag.spelling.name}`),
      );
      expect(found.slice(0, 20), `SEED=${seed}`).toEqual([]);
    }
  });

  it('did not need its last look for that', () => {
    for (const { manifest, errors } of [up, down]) {
      const unexpected = manifest.files.filter(({ masked }) => masked.addresses + masked.networks + masked.secrets > 0);
      expect(unexpected).toEqual([]);
      expect(manifest.masked_unexpectedly).toBe(0);
      expect(errors).not.toContain('warning');
    }
  });

  it('would be caught with any of them planted in any of its files', () => {
    const planted = [
      ...[...devices.addresses.slice(0, 2), ...devices.addresses.slice(-2)].flatMap(spellAddress),
      ...devices.ssids.slice(0, 5).flatMap(spellSsid),
      ...keys.flatMap(spellKey),
      ...clientKeySpellings,
      ...Object.values(PASSWORDS).flatMap(spellSsid),
    ];
    expect(planted.length).toBeGreaterThan(150);
    for (const [name, bytes] of up.files) {
      const middle = Math.floor(bytes.length / 2);
      const [before, after] = [bytes.subarray(Math.max(0, middle - 200), middle), bytes.subarray(middle, middle + 200)];
      const unfound = planted.filter((spelling) => {
        const near = Buffer.concat([before, spelling.written, after]);
        return !finder.find(near).some(({ tag }) => tag.spelling.sought.equals(spelling.sought));
      });
      expect(
        unfound.map((spelling) => spelling.name),
        name,
      ).toEqual([]);
    }
  });

  it('only lists where that is asked, and refuses to write unasked', async () => {
    const list = await footfall(
      'support-bundle',
      '-s',
      gateway.settingsPath,
      '--list',
      '-o',
      join(scratch, 'no.tar.gz'),
    );
    expect(list.code).toBe(0);
    expect(list.output).toContain('settings/footfall.yaml');
    expect(readdirSync(scratch)).not.toContain('no.tar.gz');
    const unasked = await footfall('support-bundle', '-s', gateway.settingsPath, '-o', join(scratch, 'no.tar.gz'));
    expect(unasked).toMatchObject({ code: 64, errors: expect.stringContaining('--yes') });
    expect(readdirSync(scratch)).not.toContain('no.tar.gz');
  });
});
