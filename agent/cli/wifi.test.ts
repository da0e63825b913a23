import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AgentError } from '../errors.ts';
import type { JoinRequest, WifiControl, WifiLink, WifiNetwork } from '../platform/wifi.ts';
import { registerWith } from './wifi.ts';

const office: WifiNetwork = {
  ssid: 'Shop Office',
  signal: 72,
  channel: 36,
  frequencyMhz: 5180,
  security: 'WPA2',
  active: true,
};
const link: WifiLink = { ...office, device: 'wlan0', rate: '270 Mbit/s' };
const others: WifiNetwork[] = [
  { ssid: 'a:b\u001b[2J', signal: 41, channel: 6, frequencyMhz: 2437, security: '', active: false },
  { ssid: '', signal: 20, channel: 37, frequencyMhz: 6135, security: 'WPA3', active: false },
];

let printed: string;
let scratch: string;

beforeEach(() => {
  printed = '';
  scratch = mkdtempSync(join(tmpdir(), 'wifi-'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(scratch, { recursive: true });
});

class ScriptedWifi implements WifiControl {
  readonly joined: JoinRequest[] = [];
  now: WifiLink[] = [link];
  failure: AgentError | null = null;

  async devices() {
    return [{ device: 'wlan0', state: 'disconnected' }];
  }

  async links() {
    if (this.failure !== null) throw this.failure;
    return this.now;
  }

  async networks() {
    if (this.failure !== null) throw this.failure;
    return [office, ...others];
  }

  async join(request: JoinRequest) {
    if (this.failure !== null) throw this.failure;
    this.joined.push(request);
  }
}

/** The exit code, and the error that decided it. */
async function footfall(control: WifiControl, ...words: string[]) {
  const program = new Command('footfall').exitOverride();
  registerWith(program, async () => control);
  try {
    await program.parseAsync(['wifi', ...words], { from: 'user' });
    return { code: process.exitCode ?? 0, error: null };
  } catch (error) {
    return { code: (error as { exitCode?: number }).exitCode, error: (error as { code: string }).code };
  }
}

describe('footfall wifi', () => {
  it('tells how good the link is', async () => {
    expect(await footfall(new ScriptedWifi())).toEqual({ code: 0, error: null });
    expect(printed).toBe(
      [
        'Shop Office on wlan0',
        '  signal    72 %, good',
        '  rate      270 Mbit/s',
        '  channel   36 (5 GHz)',
        '  security  WPA2',
        '',
      ].join('\n'),
    );
  });

  it('prints JSON', async () => {
    await footfall(new ScriptedWifi(), '--json');
    const { frequencyMhz, ...rest } = link;
    expect(JSON.parse(printed)).toEqual({ links: [{ ...rest, frequency_mhz: frequencyMhz }] });
  });

  it('ends with 3 while not connected', async () => {
    const control = new ScriptedWifi();
    control.now = [];
    expect((await footfall(control)).code).toBe(3);
    expect(printed).toContain('wlan0 is disconnected');
  });

  it.each([
    ['nmcli_missing', 2],
    ['network_manager_down', 2],
    ['wifi_missing', 2],
    ['wifi_failed', 1],
    ['password_wrong', 4],
    ['network_not_found', 5],
    ['join_failed', 1],
  ])('ends for %s with %i', async (code, exit) => {
    for (const words of [[], ['list'], ['join', 'x', '--open']]) {
      const control = new ScriptedWifi();
      control.failure = new AgentError(code, 'what was found', 'what to do');
      expect(await footfall(control, ...words)).toEqual({ code: exit, error: code });
    }
  });
});

describe('footfall wifi list', () => {
  it('lists them as they come, and lets no name steer the terminal', async () => {
    await footfall(new ScriptedWifi(), 'list');
    const lines = printed.trimEnd().split('\n');
    expect(lines[0]).toMatch(/NETWORK +SIGNAL +CHANNEL +BAND +SECURITY/);
    expect(lines[1]).toMatch(/^\* +Shop Office +72 % +36 +5 GHz +WPA2$/);
    expect(lines[2]).toMatch(/a:b.* 41 % +6 +2\.4 GHz +open$/);
    expect(lines[3]).toMatch(/\(hides its name\) +20 % +37 +6 GHz +WPA3$/);
    expect(printed).not.toContain('\u001b[2J');
  });

  it('prints JSON', async () => {
    await footfall(new ScriptedWifi(), 'list', '--json');
    expect(JSON.parse(printed).networks.map(({ ssid }: { ssid: string }) => ssid)).toEqual([
      'Shop Office',
      'a:b\u001b[2J',
      '',
    ]);
  });
});

describe('footfall wifi join', () => {
  it('takes the password from the first line of a file, and prints neither name nor password', async () => {
    const control = new ScriptedWifi();
    const file = join(scratch, 'password');
    writeFileSync(file, 'correct horse \nsomething else\n');
    const words = ['join', 'Shop Office', '--password-file', file, '--hidden', '--device', 'wlan1'];
    expect((await footfall(control, ...words)).code).toBe(0);
    expect(control.joined).toEqual([
      { ssid: 'Shop Office', password: 'correct horse ', hidden: true, device: 'wlan1' },
    ]);
    expect(printed).not.toMatch(/horse|Shop/);
  });

  it('joins an open network without one', async () => {
    const control = new ScriptedWifi();
    await footfall(control, 'join', 'guests', '--open');
    expect(control.joined).toEqual([{ ssid: 'guests', password: null }]);
  });

  it.each([
    ['a name that is too long', ['x'.repeat(33), '--open'], 64, 'ssid_invalid'],
    ['nobody to ask', ['x'], 64, 'password_unasked'],
    ['a file that is not there', ['x', '--password-file', '/nowhere/at/all'], 1, 'password_unreadable'],
    ['an empty file', ['x', '--password-file', '/dev/null'], 64, 'password_empty'],
  ])('refuses %s', async (_name, words, code, error) => {
    const control = new ScriptedWifi();
    expect(await footfall(control, 'join', ...words)).toEqual({ code, error });
    expect(control.joined).toEqual([]);
  });
});
