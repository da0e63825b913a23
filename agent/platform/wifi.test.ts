import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../errors.ts';
import { rowsOf } from './nmcli.ts';
import { realWifi } from './wifi.ts';

const PASSWORD = 'correct horse: battery\\staple "7"';
const DEVICES = 'eth0:ethernet:connected\nwlan0:wifi:connected\nlo:loopback:unmanaged\n';
const RIGHTS = ['network-control', 'settings.modify.system', 'settings.modify.own']
  .map((name) => `org.freedesktop.NetworkManager.${name}:yes\n`)
  .join('');
/** As nmcli 1.42 prints it with -t -e yes: ACTIVE,SSID,CHAN,FREQ,RATE,SIGNAL,SECURITY,DEVICE. */
const LIST = [
  'yes:Shop Office:36:5180 MHz:270 Mbit/s:72:WPA2:wlan0',
  'no:Shop Office:1:2412 MHz:130 Mbit/s:41:WPA2:wlan0',
  'no:商店访客:6:2437 MHz:130 Mbit/s:88:WPA2 WPA3:wlan0',
  'no::11:2462 MHz:54 Mbit/s:20::wlan0',
].map((line) => `${line}\n`);
/** As node-wifi asks for it: ACTIVE,SSID,BSSID,MODE,CHAN,FREQ,SIGNAL,SECURITY,WPA-FLAGS,RSN-FLAGS. */
const SCAN = [
  'yes:Shop Office:02\\:00\\:00\\:00\\:00\\:01:Infra:36:5180 MHz:72:WPA2:(none):pair_ccmp group_ccmp psk',
  'no:Shop Office:02\\:00\\:00\\:00\\:00\\:02:Infra:1:2412 MHz:41:WPA2:(none):pair_ccmp group_ccmp psk',
  'no:商店访客:02\\:00\\:00\\:00\\:00\\:03:Infra:6:2437 MHz:88:WPA2 WPA3:(none):pair_ccmp group_ccmp psk sae',
  'no::02\\:00\\:00\\:00\\:00\\:04:Infra:11:2462 MHz:20::(none):(none)',
].map((line) => `${line}\n`);

let scratch: string;
let before: NodeJS.ProcessEnv;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'wifi-'));
  before = { ...process.env };
  process.env.PATH = `${scratch}${delimiter}/usr/bin${delimiter}/bin`;
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  rmSync(scratch, { recursive: true });
});

interface Play {
  devices?: string;
  rights?: string;
  list?: string[];
  scan?: string[];
  /** What a try to join prints on stderr, and ends with. */
  join?: { code: number; says: string };
  /** What every call ends with. */
  always?: { code: number; says: string };
}

/** An executable that answers as nmcli does, and writes down what it was called with. */
function standIn(play: Play): void {
  const text = (name: string, content: string): string => {
    writeFileSync(join(scratch, name), content);
    return `cat ${join(scratch, name)}`;
  };
  const always = play.always === undefined ? '' : `echo '${play.always.says}' >&2; exit ${play.always.code}`;
  const { code, says } = play.join ?? { code: 0, says: '' };
  const script = `#!/bin/sh
printf '%s\\n' "$LC_ALL|$LANGUAGE|$*" >> ${scratch}/calls
${always}
case "$*" in
  *'general permissions') ${text('rights', play.rights ?? RIGHTS)} ;;
  *'-f DEVICE,TYPE,STATE device') ${text('devices', play.devices ?? DEVICES)} ;;
  *' connection show')
    echo '11111111-aaaa:802-11-wireless:another'
    echo '44444444-dddd:802-3-ethernet:Shop Office'
    if test -e ${scratch}/former; then echo '33333333-cccc:802-11-wireless:Shop Office'; fi ;;
  'connection add '*) touch ${scratch}/made
    echo "Connection 'Shop Office' (22222222-bbbb-4ccc-8ddd-eeeeeeeeeeee) successfully added." ;;
  'connection delete uuid 2'*) rm ${scratch}/made ;;
  'connection delete uuid 3'*) rm ${scratch}/former ;;
  'connection modify '*) ;;
  *' connection up '*)
    cat /proc/$$/cmdline > ${scratch}/cmdline; cat /proc/$$/environ > ${scratch}/environ
    ls -l /proc/$$/fd/0 > ${scratch}/place
    case "$*" in *'passwd-file /proc/self/fd/0') cat /proc/self/fd/0 > ${scratch}/passwords ;; esac
    ${says === '' ? '' : `${text('says', `${says}\n`)} >&2`}
    exit ${code} ;;
  '--terse --fields active,ssid,bssid'*) ${text('scan', (play.scan ?? SCAN).join(''))} ;;
  *'device wifi list'*) ${text('list', (play.list ?? LIST).join(''))} ;;
  *) echo "unexpected: $*" >&2; exit 2 ;;
esac
`;
  writeFileSync(join(scratch, 'nmcli'), script, { mode: 0o755 });
}

const calls = (): string[] => readFileSync(join(scratch, 'calls'), 'utf8').trimEnd().split('\n');

async function failure(work: Promise<unknown>): Promise<AgentError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof AgentError) return error;
  throw new Error(`expected an AgentError, found ${inspect(error)}`);
}

describe('the list of networks', () => {
  it('holds each name once, the strongest first, with the one this box is in', async () => {
    standIn({});
    const found = await realWifi().networks();
    expect(found.map(({ ssid, signal, active }) => [ssid, signal, active])).toEqual([
      ['商店访客', 88, false],
      ['Shop Office', 72, true],
      ['', 20, false],
    ]);
    expect(found[1]).toEqual({
      ssid: 'Shop Office',
      signal: 72,
      channel: 36,
      frequencyMhz: 5180,
      security: 'WPA2',
      active: true,
    });
    expect(calls().some((call) => call.includes('--terse'))).toBe(true);
  });

  it('holds names with colons and backslashes, which node-wifi cannot read', async () => {
    const odd = [
      'no:a\\:b:1:2412 MHz:54 Mbit/s:50:WPA2:wlan0\n',
      'no:back\\\\slash\\\\:1:2412 MHz:54 Mbit/s:40::wlan0\n',
      'no:&&:6:2437 MHz:54 Mbit/s:30::wlan0\n',
    ];
    const scan = ['a\\:b', 'back\\\\slash\\\\', '&&'].map(
      (name, i) => `no:${name}:02\\:00\\:00\\:00\\:00\\:0${i}:Infra:1:2412 MHz:50:WPA2:(none):(none)\n`,
    );
    standIn({ list: odd, scan });
    const found = await realWifi().networks();
    expect(found.map(({ ssid }) => ssid)).toEqual(['a:b', 'back\\slash\\', '&&']);
  });

  it('leaves the locale of the process alone, and asks in one that keeps every character', async () => {
    standIn({});
    process.env.LANG = 'de_DE.UTF-8';
    delete process.env.LC_ALL;
    process.env.LC_MESSAGES = 'de_DE.UTF-8';
    await realWifi().networks();
    expect([process.env.LANG, process.env.LC_ALL, process.env.LC_MESSAGES]).toEqual([
      'de_DE.UTF-8',
      undefined,
      'de_DE.UTF-8',
    ]);
    expect(calls().every((call) => call.startsWith('C.UTF-8|'))).toBe(true);
  });

  it('reads back every name that nmcli can escape', () => {
    const field = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''));
    fc.assert(
      fc.property(fc.array(field, { minLength: 2, maxLength: 6 }), (fields) => {
        const line = fields.map((each) => each.replace(/[\\:]/g, '\\$&')).join(':');
        expect(rowsOf(`${line}\n`)).toEqual([fields]);
      }),
    );
  });
});

describe('the link', () => {
  it('tells the network of each adapter, whatever its name', async () => {
    standIn({ list: ['yes:ends in \\\\:36:5180 MHz:270 Mbit/s:72:WPA2:wlan0\n', ...LIST.slice(1)] });
    expect(await realWifi().links()).toEqual([
      {
        ssid: 'ends in \\',
        signal: 72,
        channel: 36,
        frequencyMhz: 5180,
        security: 'WPA2',
        active: true,
        device: 'wlan0',
        rate: '270 Mbit/s',
      },
    ]);
  });

  it('is none where nothing is connected', async () => {
    standIn({ list: LIST.slice(1) });
    expect(await realWifi().links()).toEqual([]);
  });
});

describe('joining', () => {
  it('hands the password over in a file without a name, and nowhere where others could read it', async () => {
    standIn({});
    writeFileSync(join(scratch, 'former'), '');
    await realWifi().join({ ssid: 'Shop Office', password: PASSWORD, device: 'wlan0', hidden: true });
    // As nmcli's own reader takes it back: backslashes are doubled.
    expect(readFileSync(join(scratch, 'passwords'), 'utf8')).toBe(
      `802-11-wireless-security.psk:${PASSWORD.replaceAll('\\', '\\\\')}\n`,
    );
    expect(readFileSync(join(scratch, 'place'), 'utf8')).toMatch(/ \(deleted\)$/m);
    const words = readFileSync(join(scratch, 'cmdline'), 'utf8').split('\0').slice(2, -1);
    expect(words.join(' ')).toBe(
      '--wait 45 connection up uuid 22222222-bbbb-4ccc-8ddd-eeeeeeeeeeee ifname wlan0 passwd-file /proc/self/fd/0',
    );
    for (const name of ['cmdline', 'environ', 'calls', 'place']) {
      expect(readFileSync(join(scratch, name), 'utf8')).not.toContain('battery');
    }
    expect(calls().find((call) => call.includes('connection add'))).toMatch(
      /ifname wlan0 con-name Shop Office autoconnect no ssid Shop Office 802-11-wireless\.hidden yes 802-11-wireless-security\.key-mgmt wpa-psk$/,
    );
    // Joined for good, in place of the former profile of this name.
    expect(calls().some((call) => /modify uuid 2\S+ connection\.autoconnect yes$/.test(call))).toBe(true);
    expect(existsSync(join(scratch, 'former'))).toBe(false);
    expect(existsSync(join(scratch, 'made'))).toBe(true);
  });

  it('keeps spaces at the ends of a password', async () => {
    standIn({});
    await realWifi().join({ ssid: 'Shop Office', password: ' two words ' });
    expect(readFileSync(join(scratch, 'passwords'), 'utf8')).toBe('802-11-wireless-security.psk:\\040two words\\040\n');
  });

  it.each([
    ['WPA2', 'wpa-psk'],
    ['WPA1 WPA2', 'wpa-psk'],
    ['WPA2 WPA3', 'wpa-psk'],
    ['WPA3', 'sae'],
  ])('takes for %s the keys %s', async (security, keys) => {
    standIn({ list: [`no:net:1:2412 MHz:54 Mbit/s:50:${security}:wlan0\n`] });
    await realWifi().join({ ssid: 'net', password: PASSWORD });
    expect(calls().find((call) => call.includes('connection add'))).toMatch(new RegExp(` ${keys}$`));
  });

  it.each([
    ['', 'network_open'],
    ['WEP', 'network_foreign'],
    ['WPA2 802.1X', 'network_foreign'],
  ])('refuses one of security "%s" with %s, before anything is made', async (security, code) => {
    standIn({ list: [`no:net:1:2412 MHz:54 Mbit/s:50:${security}:wlan0\n`] });
    expect((await failure(realWifi().join({ ssid: 'net', password: PASSWORD }))).code).toBe(code);
    expect((await failure(realWifi().join({ ssid: 'nyet', password: PASSWORD }))).code).toBe('network_not_found');
    expect(existsSync(join(scratch, 'made'))).toBe(false);
  });

  it('joins an open network without a password, and no other', async () => {
    standIn({ list: [...LIST, 'no:guests:1:2412 MHz:54 Mbit/s:50::wlan0\n'] });
    await realWifi().join({ ssid: 'guests', password: null });
    expect(calls().find((call) => call.includes('connection up'))).toMatch(/uuid \S+$/);
    expect(calls().find((call) => call.includes('connection add'))).toMatch(/ssid guests$/);
    expect((await failure(realWifi().join({ ssid: 'Shop Office', password: null }))).code).toBe('password_wrong');
  });

  it.each([
    ['password_wrong', 4, 'Error: Connection activation failed: (7) Secrets were required, but not provided.'],
    ['password_wrong', 4, 'Error: Connection activation failed: (10) 802.1X supplicant failed.'],
    ['password_wrong', 4, 'Error: Connection activation failed: No valid secrets'],
    ['network_not_found', 4, 'Error: Connection activation failed: (53) The Wi-Fi network could not be found.'],
    ['join_failed', 3, 'Error: Timeout 45 sec expired.'],
    ['join_failed', 4, 'Error: Connection activation failed: (5) IP configuration could not be reserved.'],
    ['wifi_denied', 1, 'Error: Failed to add/activate new connection: Not authorized to control networking.'],
  ])('tells %s (%i), leaves no profile behind, and names neither network nor password', async (code, exit, says) => {
    standIn({ join: { code: exit, says } });
    const error = await failure(realWifi().join({ ssid: 'Shop Office', password: PASSWORD }));
    expect(error.code).toBe(code);
    expect(error.hint).not.toBe('');
    expect(existsSync(join(scratch, 'made'))).toBe(false);
    expect(calls().filter((call) => call.includes('delete'))).toEqual([
      'C.UTF-8||connection delete uuid 22222222-bbbb-4ccc-8ddd-eeeeeeeeeeee',
    ]);
    expect(inspect(error, { depth: 9 })).not.toMatch(/Shop Office|battery/);
  });

  it('is refused to who may not do it, before anything is made', async () => {
    standIn({ rights: RIGHTS.replace('system:yes', 'system:auth') });
    expect((await failure(realWifi().join({ ssid: 'x', password: PASSWORD }))).code).toBe('wifi_denied');
    expect(existsSync(join(scratch, 'made'))).toBe(false);
  });
});

describe('what is not there', () => {
  const tries = [
    ['links', () => realWifi().links()],
    ['networks', () => realWifi().networks()],
    ['join', () => realWifi().join({ ssid: 'x', password: null })],
  ] as const;
  const down = 'Error: Could not create NMClient object: Could not connect: No such file or directory.';

  it.each(tries)('is told by %s', async (_name, run) => {
    process.env.PATH = scratch;
    expect((await failure(run())).code).toBe('nmcli_missing');
    process.env.PATH = `${scratch}${delimiter}/usr/bin${delimiter}/bin`;
    standIn({ devices: 'eth0:ethernet:connected\n' });
    expect((await failure(run())).code).toBe('wifi_missing');
    // As 1.42 says without a system bus, and with one but no daemon.
    standIn({ always: { code: 1, says: down } });
    expect((await failure(run())).code).toBe('network_manager_down');
    standIn({ always: { code: 8, says: 'Error: NetworkManager is not running.' } });
    expect((await failure(run())).code).toBe('network_manager_down');
    standIn({ always: { code: 1, says: 'Error: something else about Shop Office.' } });
    const other = await failure(run());
    expect(other.code).toBe('wifi_failed');
    expect(inspect(other, { depth: 9 })).not.toContain('Shop Office');
  });
});
