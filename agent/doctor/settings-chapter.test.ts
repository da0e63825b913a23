import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { well } from '../cli/view/samples.fixture.ts';
import { AgentError } from '../errors.ts';
import { checkSettings } from '../settings/load.ts';
import type { EffectiveSettings } from '../settings/settings.ts';
import type { DoctorDeps } from './context.ts';
import { AUTHORITY, findingsOf, NOW, only, type Preparation, SETTINGS_PATH, settingsText } from './machine.testing.ts';

const GOOD = settingsText('/dev/ttyUSB0');
const SECRET = 'correct horse';
const ANOTHER_KEY = String(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }),
);
const CLOSED = { [SETTINGS_PATH]: { mode: 0o640 } };

const settingsOf = (prepared: Preparation, path?: string) =>
  findingsOf('settings', prepared, path === undefined ? {} : { settings: path });

function effective(part: Partial<EffectiveSettings & { notes: string[] }>): Partial<DoctorDeps> {
  const checked = checkSettings(GOOD);
  if ('mistakes' in checked) throw new Error('the sample is broken');
  const { settings } = checked;
  const base = { settings, path: SETTINGS_PATH, text: GOOD, source: 'file' as const, mistakes: [], overrides: [] };
  return { loadEffective: async () => ({ ...base, remote: null, loadedMs: NOW, ...part }) };
}

describe('the settings file', () => {
  it('is well without mistakes and closed to others', async () => {
    const findings = await settingsOf({ files: { [SETTINGS_PATH]: GOOD }, facts: CLOSED });
    expect(findings.map(({ check, outcome }) => [check, outcome])).toEqual([
      ['settings_file', 'ok'],
      ['settings_mode', 'ok'],
    ]);
  });

  it('that is not there is an error, and says how to get one', async () => {
    expect(only(await settingsOf({}), 'settings_file')).toMatchObject({
      outcome: 'error',
      mend: expect.stringContaining('sudo footfall setup'),
    });
  });

  it('gives a finding for each mistake, with its place, and says what is used instead', async () => {
    const files = { [SETTINGS_PATH]: `${GOOD}storage: { commit_seconds: soon }\nuplik: {}\n` };
    const findings = await settingsOf({ files });
    const told = findings.filter(({ check }) => check === 'settings_mistake');
    expect(told.map(({ found }) => found.split(':').slice(0, 2).join(':'))).toEqual(['5:28', '6:1']);
    expect(told[1].found).toContain('unknown key "uplik"');
    expect(told.every(({ outcome, subject }) => outcome === 'error' && subject === SETTINGS_PATH)).toBe(true);
    expect(only(findings, 'settings_in_use')).toMatchObject({ outcome: 'error' });
    const kept = await settingsOf({ files, deps: effective({ source: 'last_good' }) });
    expect(only(kept, 'settings_in_use')).toMatchObject({ outcome: 'warning' });
    const running = await settingsOf({ files, deps: { askDaemon: async () => well } });
    expect(only(running, 'settings_in_use')?.found).toContain('could not start again');
  });

  it('that only root may read is left to root', async () => {
    const prepared: Preparation = {
      files: {
        [SETTINGS_PATH]: GOOD,
        '/etc/passwd': 'footfall:x:990:990::/:/bin/false\ntech:x:1000:1000::/:/bin/sh\n',
      },
      denied: [SETTINGS_PATH],
      programs: { 'systemctl show': { out: 'LoadState=loaded\nUser=footfall\n' } },
      machine: { user: { uid: 1000, gids: [1000] } },
    };
    const findings = await settingsOf(prepared);
    expect(only(findings, 'settings_file')).toMatchObject({
      outcome: 'skipped',
      mend: expect.stringContaining('sudo footfall doctor'),
    });
    expect(findings.every(({ outcome }) => outcome === 'skipped')).toBe(true);
  });

  it.each([
    [0o640, 'ok'],
    [0o600, 'ok'],
    [0o644, 'warning'],
    [0o646, 'error'],
  ])('of mode %o is %s', async (mode, outcome) => {
    const findings = await settingsOf({ files: { [SETTINGS_PATH]: GOOD }, facts: { [SETTINGS_PATH]: { mode } } });
    expect(only(findings, 'settings_mode')).toMatchObject({ outcome });
  });

  it("must be open to the daemon's user", async () => {
    const findings = await settingsOf({
      files: { [SETTINGS_PATH]: GOOD, '/etc/passwd': 'footfall:x:990:990::/:/bin/false\n' },
      facts: CLOSED,
      programs: { 'systemctl show': { out: 'LoadState=loaded\nUser=footfall\n' } },
    });
    expect(only(findings, 'settings_mode')).toMatchObject({
      outcome: 'error',
      found: expect.stringContaining('footfall'),
    });
  });
});

describe('what is laid over the file', () => {
  it('is told when it ends soon, and when it was left out', async () => {
    const overrides = [
      { key: 'log.level', value: 'debug', untilMs: NOW + 12 * 60_000 },
      { key: 'counting.window_minutes', value: 5, untilMs: NOW + 86_400_000 },
    ];
    const deps = effective({ overrides, notes: ['remote revision r7 left out: it sets a locked key'] });
    const findings = await settingsOf({ files: { [SETTINGS_PATH]: GOOD }, deps });
    expect(only(findings, 'override')).toMatchObject({
      outcome: 'warning',
      subject: 'log.level',
      found: 'this override ends in 12 min',
    });
    expect(only(findings, 'overrides')?.found).toContain('1 override in force');
    expect(only(findings, 'settings_layer')).toMatchObject({
      outcome: 'warning',
      found: expect.stringContaining('r7'),
    });
  });
});

describe('the password', () => {
  const uplink = (more: string) => settingsText('/dev/x', `uplink: { url: 'mqtts://broker.example', ${more} }\n`);
  const WITH_FILE = { [SETTINGS_PATH]: uplink('username: gw, password_file: /etc/footfall/pw') };

  it('is well in a file of one line that is closed to others', async () => {
    const files = { ...WITH_FILE, '/etc/footfall/pw': `${SECRET}\n` };
    const findings = await settingsOf({ files, facts: { '/etc/footfall/pw': { mode: 0o640 } } });
    expect(only(findings, 'password')).toMatchObject({ outcome: 'ok', found: 'one line, mode 0640' });
    expect(JSON.stringify(findings)).not.toContain(SECRET);
  });

  it('is not well in a file that is missing, open, or not of one line', async () => {
    expect(only(await settingsOf({ files: WITH_FILE }), 'password')).toMatchObject({ outcome: 'error' });
    for (const [content, mode, found] of [
      [SECRET, 0o644, 'mode 0644: open to other users'],
      ['', 0o600, 'expected one line with the password, found nothing'],
      [`${SECRET}\n${SECRET}\n`, 0o600, 'expected one line with the password, found 2 lines'],
    ] as const) {
      const files = { ...WITH_FILE, '/etc/footfall/pw': content };
      const findings = await settingsOf({ files, facts: { '/etc/footfall/pw': { mode } } });
      expect(only(findings, 'password')).toMatchObject({ outcome: 'error', found });
      expect(JSON.stringify(findings)).not.toContain(SECRET);
    }
  });

  it("can be systemd's credential, or the environment's", async () => {
    const files = { [SETTINGS_PATH]: uplink('username: gw') };
    const facts = { '/etc/footfall/broker-password': { mode: 0o600 } };
    const credential = await settingsOf({ files: { ...files, '/etc/footfall/broker-password': SECRET }, facts });
    expect(only(credential, 'password')).toMatchObject({ outcome: 'ok', subject: '/etc/footfall/broker-password' });
    const environment = await settingsOf({ files, deps: { readPassword: () => SECRET } });
    expect(only(environment, 'password')).toMatchObject({ outcome: 'ok' });
    const nowhere = await settingsOf({ files });
    expect(only(nowhere, 'password')).toMatchObject({ outcome: 'warning' });
    const failing = () => {
      throw new AgentError('password_unreadable', 'expected one line');
    };
    expect(only(await settingsOf({ files, deps: { readPassword: failing } }), 'password')?.outcome).toBe('error');
    expect(JSON.stringify([credential, environment])).not.toContain(SECRET);
  });
});

describe('the CA file', () => {
  const CA = '/etc/footfall/ca.pem';
  const text = settingsText('/dev/x', `uplink: { url: 'mqtts://broker.example', ca_file: ${CA} }\n`);
  const caFile = async (content: string | null, nowMs = NOW) => {
    const files = { [SETTINGS_PATH]: text, ...(content !== null && { [CA]: content }) };
    return only(await settingsOf({ files, nowMs }), 'ca_file');
  };

  it('is well while its certificate is good, and warned of in its last 30 days', async () => {
    expect(await caFile(AUTHORITY)).toMatchObject({
      outcome: 'ok',
      found: '1 certificate, good until 2027-11-22 (356 days)',
    });
    expect(await caFile(AUTHORITY, Date.UTC(2027, 9, 22))).toMatchObject({ outcome: 'ok' });
    expect(await caFile(AUTHORITY, Date.UTC(2027, 9, 24))).toMatchObject({ outcome: 'warning' });
    expect(await caFile(AUTHORITY, Date.UTC(2027, 10, 25))).toMatchObject({
      outcome: 'error',
      found: 'expired 3 days ago, on 2027-11-22',
    });
  });

  it('must be there, be PEM, and be readable', async () => {
    expect(await caFile(null)).toMatchObject({ outcome: 'error', found: 'there is no such file' });
    expect(await caFile('DER')).toMatchObject({ outcome: 'error', found: expect.stringContaining('found none') });
    const torn = AUTHORITY.replace(/\n[A-Za-z0-9+/=]+\n-----END/, '\n-----END');
    expect(await caFile(torn)).toMatchObject({ outcome: 'error', found: '1 certificate cannot be read' });
  });
});

describe('the client certificate', () => {
  const CERTIFICATE = '/etc/footfall/gateway.pem';
  const KEY = '/etc/footfall/gateway.key';
  const named = settingsText(
    '/dev/x',
    `uplink: { url: 'mqtts://broker.example', cert_file: ${CERTIFICATE}, key_file: ${KEY} }\n`,
  );
  const both = { [CERTIFICATE]: AUTHORITY, [KEY]: SECRET };
  const closed = { [KEY]: { mode: 0o640 } };
  /** As if the key were the certificate's, which this file cannot hold. */
  const belongs: Partial<DoctorDeps> = {
    readIdentity: async (certFile) => ({
      ...{ certFile, certificate: Buffer.from(AUTHORITY), key: Buffer.from(SECRET) },
      expiresMs: Date.UTC(2027, 10, 22),
    }),
  };
  const certificate = async (prepared: Preparation) => {
    const files = { [SETTINGS_PATH]: named, ...both, ...prepared.files };
    const findings = await settingsOf({ facts: closed, deps: belongs, ...prepared, files });
    expect(JSON.stringify(findings)).not.toContain(SECRET);
    return only(findings, 'client_certificate');
  };

  it('is well while it is good, and warned of in its last 30 days', async () => {
    expect(await certificate({})).toMatchObject({
      outcome: 'ok',
      subject: CERTIFICATE,
      found: 'for Test authority, good until 2027-11-22 (356 days)',
    });
    expect(await certificate({ nowMs: Date.UTC(2027, 9, 24) })).toMatchObject({ outcome: 'warning' });
    expect(await certificate({ nowMs: Date.UTC(2027, 10, 25) })).toMatchObject({
      outcome: 'error',
      found: 'expired 3 days ago, on 2027-11-22',
      mend: expect.stringContaining('read again at the next connection'),
    });
  });

  it("must be readable for the daemon's user, and its key for no other", async () => {
    expect(await certificate({ facts: {} })).toMatchObject({
      outcome: 'error',
      found: `the key ${KEY} has mode 0644: open to other users`,
      mend: expect.stringContaining(`sudo chmod o= ${KEY}`),
    });
    const user = {
      files: { '/etc/passwd': 'footfall:x:990:990::/:/bin/false\n' },
      programs: { 'systemctl show': { out: 'LoadState=loaded\nUser=footfall\n' } },
    };
    expect(await certificate({ ...user, facts: { [KEY]: { mode: 0o600 } } })).toMatchObject({
      outcome: 'error',
      found: `the daemon's user footfall may not read ${KEY}`,
    });
    expect(await certificate({ denied: [KEY] })).toMatchObject({ outcome: 'skipped', mend: '' });
  });

  it('must be there, with the key that belongs to it', async () => {
    const real = { deps: {} };
    for (const [prepared, found] of [
      [{ files: { [KEY]: 'no key' } }, 'holds no key in PEM'],
      [{ files: { [CERTIFICATE]: 'no certificate' } }, 'holds no certificate in PEM'],
      [{ files: { [KEY]: ANOTHER_KEY } }, 'does not belong to the certificate'],
    ] as const) {
      expect(await certificate({ ...real, ...prepared })).toMatchObject({
        outcome: 'error',
        found: expect.stringContaining(found),
        mend: expect.stringMatching(/./),
      });
    }
    const missing = await settingsOf({ files: { [SETTINGS_PATH]: named }, ...real });
    expect(only(missing, 'client_certificate')).toMatchObject({
      outcome: 'error',
      found: expect.stringContaining('cannot be read: ENOENT'),
    });
    const none = await settingsOf({ files: { [SETTINGS_PATH]: GOOD } });
    expect(only(none, 'client_certificate')).toBeUndefined();
  });
});
