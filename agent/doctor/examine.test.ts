import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { degraded, well } from '../cli/view/samples.fixture.ts';
import { AgentError } from '../errors.ts';
import { VirtualClock } from '../platform/clock.ts';
import type { BrokerTarget } from './broker-step.ts';
import { examine, exitCodeOf } from './examine.ts';
import { CHAPTERS, type Chapter, type Finding, type Outcome } from './finding.ts';
import { depsOf, findingsOf, NOW, only, type Preparation, SETTINGS_PATH, settingsText } from './machine.testing.ts';
import { withoutAddresses } from './privacy.ts';

const UPLINK = settingsText(
  '/dev/x',
  "uplink: { url: 'mqtts://broker.example', username: gw, password_file: /etc/footfall/pw, ca_file: /etc/ca.pem }\n",
);
const PREPARED: Preparation = { files: { [SETTINGS_PATH]: UPLINK } };

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'examine-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const finding = (check: string, outcome: Outcome): Finding => ({
  ...{ chapter: 'broker', subject: '', tried: 'tried', found: 'found', mend: outcome === 'ok' ? '' : 'mend' },
  check,
  outcome,
});

describe('an examination', () => {
  it('goes through every chapter in order, and each finding has advice exactly where something is wrong', async () => {
    const chapters: Chapter[] = [];
    for await (const { chapter, outcome, mend, tried, found } of examine({}, depsOf(root, {}))) {
      if (chapters.at(-1) !== chapter) chapters.push(chapter);
      if (outcome === 'ok') expect(mend).toBe('');
      if (outcome === 'error' || outcome === 'warning') expect(mend).not.toBe('');
      expect(tried).not.toBe('');
      expect(found).not.toBe('');
    }
    expect(chapters).toEqual(CHAPTERS);
  });

  it('tells what is still being looked at', async () => {
    const seen: string[] = [];
    const onProgress = (running: readonly Chapter[]) => seen.push(running.join(' '));
    for await (const _ of examine({ chapters: ['network', 'clock'], onProgress }, depsOf(root, {})));
    expect(seen[0]).toBe('network clock');
    expect(seen).toHaveLength(3);
    expect(seen.at(-1)).toBe('');
  });

  it('survives a chapter that fails, and says so', async () => {
    const deps = depsOf(root, { ...PREPARED, deps: { clockTrust: () => Promise.reject(new Error('broken inside')) } });
    const findings: Finding[] = [];
    for await (const each of examine({ chapters: ['network', 'clock'] }, deps)) findings.push(each);
    expect(only(findings, 'not_examined')).toMatchObject({ chapter: 'clock', outcome: 'error' });
    expect(findings.some(({ chapter }) => chapter === 'network')).toBe(true);
  });

  it('does not wait for ever for a chapter that hangs', async () => {
    const clock = new VirtualClock(NOW);
    const deps = { ...depsOf(root, PREPARED), clock, clockTrust: () => new Promise<never>(() => {}) };
    const iterator = examine({ chapters: ['clock'] }, deps);
    let settled = false;
    const first = iterator.next().finally(() => {
      settled = true;
    });
    // The time limit is set on this clock once the examination has got as far as the chapter.
    while (!settled) {
      await clock.advanceTo(clock.monotonic() + 90_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await first).value).toMatchObject({
      check: 'not_examined',
      found: expect.stringContaining('longer than 90 s'),
    });
    expect(await iterator.next()).toMatchObject({ done: true });
  });

  it('ends when it is told to', async () => {
    const interrupt = new AbortController();
    const deps = depsOf(root, { deps: { clockTrust: () => new Promise<never>(() => {}) } });
    const findings: Finding[] = [];
    for await (const each of examine({ chapters: ['program', 'clock'], signal: interrupt.signal }, deps)) {
      findings.push(each);
      interrupt.abort();
    }
    expect(findings).toHaveLength(1);
  });
});

describe('the exit code', () => {
  it.each([
    [[], 0],
    [[finding('a', 'ok'), finding('b', 'skipped')], 0],
    [[finding('a', 'ok'), finding('b', 'warning')], 1],
    [[finding('a', 'warning'), finding('b', 'error')], 2],
    [[finding('a', 'warning'), finding('not_examined', 'error')], 3],
    [[finding('not_examined', 'error'), finding('b', 'error')], 2],
  ])('%#', (findings, code) => {
    expect(exitCodeOf(findings as Finding[])).toBe(code);
  });
});

describe('the broker', () => {
  it('is tried like the daemon does, with the password', async () => {
    const targets: BrokerTarget[] = [];
    const deps: Preparation['deps'] = {
      readPassword: () => 'secret',
      checkBroker: async function* (target) {
        targets.push(target);
        yield finding('broker_name', 'ok');
      },
    };
    const findings = await findingsOf('broker', { ...PREPARED, deps });
    expect(findings.map(({ check }) => check)).toEqual(['broker_name']);
    expect(targets).toEqual([
      {
        url: 'mqtts://broker.example',
        tenant: 'acme',
        gateway: 'gw',
        ack: 'collector',
        username: 'gw',
        password: 'secret',
        caFile: '/etc/ca.pem',
      },
    ]);
  });

  it('is told as the daemon sees it where the password cannot be read, and offline', async () => {
    const readPassword = () => {
      throw new AgentError('password_unreadable', 'cannot read password_file: EACCES');
    };
    const deps = { readPassword, askDaemon: async () => degraded };
    const denied = await findingsOf('broker', { ...PREPARED, deps, machine: { user: { uid: 1000, gids: [1000] } } });
    expect(only(denied, 'broker_password')).toMatchObject({
      outcome: 'skipped',
      mend: 'Look again as root: sudo footfall doctor',
    });
    expect(only(denied, 'uplink')).toBeDefined();
    const offline = await findingsOf(
      'broker',
      { ...PREPARED, deps: { askDaemon: async () => well } },
      { offline: true },
    );
    expect(offline.map(({ check, outcome }) => [check, outcome])).toEqual([
      ['broker', 'skipped'],
      ['uplink', 'ok'],
    ]);
    const down = { ...well, uplink: { ...well.uplink, phase: 'waiting' as const, lastError: 'refused' } };
    const waiting = await findingsOf(
      'broker',
      { ...PREPARED, deps: { askDaemon: async () => down } },
      { offline: true },
    );
    expect(only(waiting, 'uplink')).toMatchObject({ outcome: 'warning', found: expect.stringContaining('refused') });
  });

  it('is left alone without an uplink or without settings', async () => {
    const none = await findingsOf('broker', { files: { [SETTINGS_PATH]: settingsText('/dev/x') } });
    expect(none).toMatchObject([{ outcome: 'skipped', found: 'the settings have no uplink: nothing is sent' }]);
    expect(await findingsOf('broker', {})).toMatchObject([{ outcome: 'skipped' }]);
  });
});

describe('addresses', () => {
  const pair = fc.integer({ min: 0, max: 255 }).map((byte) => byte.toString(16).padStart(2, '0'));

  it('are left out in every usual spelling', () => {
    fc.assert(
      fc.property(fc.array(pair, { minLength: 6, maxLength: 6 }), fc.boolean(), (pairs, upper) => {
        const bare = pairs.join('');
        for (const spelt of [
          ...[':', '-', '_'].map((separator) => pairs.join(separator)),
          ...[`${bare.slice(0, 4)}.${bare.slice(4, 8)}.${bare.slice(8)}`, bare, `enx${bare}`, `wlx${bare}`],
        ]) {
          const address = upper ? spelt.toUpperCase().replace(/^(ENX|WLX)/, (word) => word.toLowerCase()) : spelt;
          for (const text of [address, `/dev/serial/by-id/usb-Maker_Thing_${address}-if00`, `on ${address}, up`]) {
            if (/[ewx]/.test(spelt[0]) && text.includes('usb-')) continue;
            expect(withoutAddresses(text).toLowerCase()).not.toContain(spelt.replace(/^(?:enx|wlx)/, '').toLowerCase());
          }
        }
      }),
    );
  });

  it('are not seen where there are none', () => {
    for (const text of [
      '2026-12-01 09:00 UTC, 20 x 4 KiB',
      'usb-Silicon_Labs_CP2102N_2a5f1c5b9e3ded11a4d15a7a5f1c5b9e-if00-port0',
      'platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2:1.0-port0',
      'USB 10c4:ea60',
      '192.168.178.123',
    ]) {
      expect(withoutAddresses(text)).toBe(text);
    }
  });
});
