import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../agent/uplink/brokers.ts';
import { Broker, MOSQUITTO } from '../support/broker.ts';
import { MAIN } from '../support/gateway.ts';
import { GuardedBroker, MOSQUITTO_PASSWD, OPENSSL, type Rights } from '../support/guarded-broker.ts';
import { type BoxSettings, LiveBox, needsTmpfs, PATIENCE, TEST_PATIENCE } from '../support/live-box.ts';
import { Child, until } from '../support/processes.ts';
import { SOCAT } from '../support/pty.ts';
import { expectTold, findingOf } from '../support/told.ts';

const missing =
  (SOCAT === null ? 'needs socat' : null) ??
  (MOSQUITTO === null || MOSQUITTO_PASSWD === null ? 'needs mosquitto' : null) ??
  (OPENSSL === null ? 'needs openssl' : null) ??
  needsTmpfs;
const suffix = missing === null ? '' : ` (${missing})`;

describe.skipIf(missing !== null).concurrent(`an uplink that fails, for real${suffix}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'footfall-uplink-'));
  const boxes: LiveBox[] = [];
  const rights: Record<string, Rights> = {
    collector: { read: ['ff/v1/+/+/up/#'], write: ['ff/v1/+/+/down/#'] },
    password: rightsOf('password'),
    authority: rightsOf('authority'),
    mute: { ...rightsOf('mute'), write: [] },
    deaf: { ...rightsOf('deaf'), read: [] },
  };
  let broker: GuardedBroker;
  let collector: Child;

  beforeAll(async () => {
    const passwords = Object.fromEntries(Object.keys(rights).map((name) => [name, `${name}-secret`]));
    broker = await GuardedBroker.start(scratch, passwords, rights);
    const login = ['--username', 'collector', '--password-file', broker.secret('collector', 'collector-secret')];
    const words = ['collect', '--broker', broker.url, ...login, '--database', join(scratch, 'collector.db'), '--json'];
    collector = new Child('footfall collect', process.execPath, [MAIN, ...words]);
    await until('the collector', () => collector.output.includes('Connected'), PATIENCE);
  }, TEST_PATIENCE);

  afterAll(async () => {
    for (const box of boxes) await box.close();
    await collector?.end('SIGKILL');
    await broker?.end();
    rmSync(scratch, { recursive: true, force: true });
  });

  function rightsOf(gateway: string): Rights {
    return { read: [`ff/v1/lab/${gateway}/down/#`], write: [`ff/v1/lab/${gateway}/up/#`] };
  }

  /** A box of this name, which is its user's too. */
  function boxNamed(gateway: string, settings: BoxSettings): LiveBox {
    const box = new LiveBox(join(scratch, gateway), { ...settings, gateway });
    boxes.push(box);
    return box;
  }

  const connected = (box: LiveBox): Promise<unknown> =>
    box.when('counting and connected', ({ verdict, uplink }) => {
      return verdict.state === 'counting' && uplink.phase === 'connected';
    });

  it('a stopped broker', { timeout: TEST_PATIENCE }, async () => {
    const own = new Broker(scratch, await freePort());
    await own.start();
    const box = boxNamed('stopped', { uplink: `url: "${own.url}", ack: puback` });
    try {
      await box.start();
      await connected(box);
      await own.kill();
      await box.whenReason('uplink_down');
      await expectTold(box, {
        reason: 'uplink_down',
        exit: 1,
        screen: ['Not connected to the broker: ', 'Batches are kept. Check the network, then the broker and "url"'],
        finding: { check: 'broker_tcp', outcome: 'error', mend: 'that the broker runs' },
      });
      await own.start();
      await connected(box);
      const { findings } = await box.doctor();
      expect(findingOf(findings, 'broker_publish')).toMatchObject({ outcome: 'ok' });
      // Nobody collects here, and with these settings nobody needs to.
      expect(findingOf(findings, 'broker_round_trip')).toMatchObject({ outcome: 'skipped' });
    } finally {
      await own.kill();
    }
  });

  it('a wrong password', { timeout: TEST_PATIENCE }, async () => {
    const file = broker.secret('password', 'mistyped');
    const box = boxNamed('password', { uplink: `url: "${broker.url}", username: password, password_file: ${file}` });
    await box.start();
    await box.whenReason('uplink_login');
    await expectTold(box, {
      reason: 'uplink_login',
      exit: 1,
      screen: ['Not connected to the broker: ', 'and the password (password_file), then: footfall reload'],
      finding: { check: 'broker_login', outcome: 'error', mend: 'the password (password_file)' },
    });
    writeFileSync(file, 'password-secret\n');
    expect(await box.reload()).toMatchObject({ code: 0 });
    await connected(box);
    const { findings } = await box.doctor();
    for (const check of ['broker_login', 'broker_subscribe', 'broker_publish', 'broker_round_trip']) {
      expect(findingOf(findings, check)).toMatchObject({ outcome: 'ok' });
    }
  });

  it('a wrong certificate authority', { timeout: TEST_PATIENCE }, async () => {
    const ca = join(scratch, 'box-ca.pem');
    copyFileSync(broker.otherCa, ca);
    const file = broker.secret('authority', 'authority-secret');
    const login = `username: authority, password_file: ${file}`;
    const box = boxNamed('authority', { uplink: `url: "${broker.tlsUrl}", ${login}, ca_file: ${ca}` });
    await box.start();
    await box.whenReason('uplink_tls');
    await expectTold(box, {
      reason: 'uplink_tls',
      exit: 1,
      screen: [`not signed by the authority in ${ca}`, 'Check "ca_file" and the host name in "url"'],
      finding: { check: 'broker_tls', outcome: 'error', mend: `into ${ca}` },
    });
    copyFileSync(broker.ca, ca);
    await connected(box);
  });

  it('a topic that this gateway may not publish', { timeout: TEST_PATIENCE }, async () => {
    const file = broker.secret('mute', 'mute-secret');
    const box = boxNamed('mute', { uplink: `url: "${broker.url}", username: mute, password_file: ${file}` });
    await box.start();
    await box.whenReason('uplink_denied');
    await expectTold(box, {
      reason: 'uplink_denied',
      exit: 1,
      screen: ['The broker does not let this gateway deliver', 'let it publish ff/v1/lab/mute/up/#'],
      finding: { check: 'broker_publish', outcome: 'error', mend: 'let this user publish to ff/v1/lab/mute/up/batch' },
    });
    broker.allow({ ...rights, mute: rightsOf('mute') });
    const { uplink } = await box.when('a batch taken', ({ verdict, uplink }) => {
      return verdict.state === 'counting' && uplink.acknowledged > 0;
    });
    expect(uplink.phase).toBe('connected');
  });

  it('a topic that this gateway may not read: the doctor notices before a batch is missed', {
    timeout: TEST_PATIENCE,
  }, async () => {
    const file = broker.secret('deaf', 'deaf-secret');
    const box = boxNamed('deaf', { uplink: `url: "${broker.url}", username: deaf, password_file: ${file}` });
    await box.start();
    await connected(box);
    // This broker grants the subscription, and delivers nothing.
    const { findings } = await box.doctor();
    expect(findingOf(findings, 'broker_publish')).toMatchObject({ outcome: 'ok' });
    expect(findingOf(findings, 'broker_round_trip')).toMatchObject({
      outcome: 'warning',
      mend: expect.stringContaining('this user may read it') as string,
    });
  });
});
