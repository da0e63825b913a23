import { describe, expect, it } from 'vitest';
import { findingsOf, only, type Preparation, SETTINGS_PATH } from './machine.testing.ts';
import { physWithMonitorMode } from './radio-chapter.ts';

/** As iw 5.19 prints it, shortened. */
const IW = `Wiphy phy1
	wiphy index: 1
	max # scan SSIDs: 4
	Supported interface modes:
		 * IBSS
		 * managed
		 * AP
		 * monitor
		 * mesh point
	Band 1:
		Frequencies:
			* 2412.0 MHz [1] (20.0 dBm)
	software interface modes (can always be added):
		 * monitor
Wiphy phy0
	wiphy index: 0
	Supported interface modes:
		 * managed
		 * AP
	Band 1:
		Frequencies:
			* 2412.0 MHz [1] (20.0 dBm)
	software interface modes (can always be added):
		 * monitor
`;
const RADIO: Preparation = {
  files: { '/sys/class/ieee80211/phy0/name': 'phy0\n', '/sys/class/net/eth0/mtu': '1500\n' },
  links: { '/sys/class/net/wlan0/phy80211': '../../ieee80211/phy0' },
};

const radio = (prepared: Preparation) => findingsOf('radio', prepared);

describe('the radios of a box', () => {
  it('are never an error or a warning while no sensor needs them', async () => {
    const findings = await radio({});
    expect(findings.map(({ check, outcome }) => [check, outcome])).toEqual([
      ['bluetooth', 'skipped'],
      ['monitor_mode', 'skipped'],
      ['capability', 'skipped'],
    ]);
  });

  it('are told: Bluetooth, also one that no driver has taken', async () => {
    expect(only(await radio({ files: { '/sys/class/bluetooth/hci0/type': '' } }), 'bluetooth')).toMatchObject({
      outcome: 'ok',
      found: 'hci0',
    });
    const device = '/sys/bus/usb/devices/1-3';
    const files = {
      [`${device}/bDeviceClass`]: 'e0\n',
      [`${device}/bDeviceSubClass`]: '01\n',
      [`${device}/bDeviceProtocol`]: '01\n',
    };
    expect(only(await radio({ files }), 'bluetooth')).toMatchObject({
      outcome: 'skipped',
      mend: expect.stringContaining('modprobe btusb'),
    });
  });

  it('may be switched off', async () => {
    const files = {
      '/sys/class/rfkill/rfkill0/type': 'bluetooth\n',
      '/sys/class/rfkill/rfkill0/soft': '1\n',
      '/sys/class/rfkill/rfkill0/hard': '0\n',
      '/sys/class/rfkill/rfkill1/type': 'wlan\n',
      '/sys/class/rfkill/rfkill1/soft': '0\n',
      '/sys/class/rfkill/rfkill1/hard': '1\n',
      '/sys/class/rfkill/rfkill2/type': 'wlan\n',
      '/sys/class/rfkill/rfkill2/soft': '0\n',
      '/sys/class/rfkill/rfkill2/hard': '0\n',
    };
    const findings = await radio({ files });
    expect(only(findings, 'rfkill', 'rfkill0 (bluetooth)')?.mend).toContain('rfkill unblock bluetooth');
    expect(only(findings, 'rfkill', 'rfkill1 (wlan)')?.found).toBe('off by a switch or the firmware');
    expect(only(findings, 'rfkill', 'rfkill2 (wlan)')?.outcome).toBe('ok');
  });
});

describe('monitor mode', () => {
  it('is read from what iw lists as supported, not from what can always be added', () => {
    expect(physWithMonitorMode(IW)).toEqual(['phy1']);
    expect(physWithMonitorMode('')).toEqual([]);
  });

  it('is told with iw, and not known without', async () => {
    expect(only(await radio({ ...RADIO, programs: { 'iw phy': { out: IW } } }), 'monitor_mode')).toMatchObject({
      outcome: 'ok',
      found: 'phy1 can (monitor mode)',
    });
    expect(only(await radio(RADIO), 'monitor_mode')).toMatchObject({
      outcome: 'skipped',
      found: expect.stringContaining('wlan0'),
      mend: expect.stringContaining('apt install iw'),
    });
  });

  it('is told without the address in the name of an interface', async () => {
    const links = { '/sys/class/net/wlx00c0ca123456/phy80211': '../../ieee80211/phy0' };
    const findings = await radio({ ...RADIO, links });
    expect(only(findings, 'monitor_mode')?.found).toContain('wlx(address)');
    expect(JSON.stringify(findings)).not.toContain('00c0ca');
  });
});

describe('raw sockets', () => {
  it.each([
    ['User=footfall\nAmbientCapabilities=cap_net_raw', 'ok'],
    ['User=footfall\nAmbientCapabilities=', 'skipped'],
    ['User=', 'ok'],
  ])('are what the unit says: %j', async (lines, outcome) => {
    const programs = { 'systemctl show': { out: `LoadState=loaded\n${lines}\n` } };
    expect(only(await radio({ programs }), 'capability')).toMatchObject({ outcome });
  });

  it.each([
    ['0000000000002000', 'ok'],
    ['0000000000001fff', 'skipped'],
    ['000001fffeffffff', 'ok'],
  ])("are this user's without one: CapEff %s", async (bits, outcome) => {
    const files = { '/proc/self/status': `Name:\tnode\nCapEff:\t${bits}\n` };
    expect(only(await radio({ files }), 'capability')).toMatchObject({ outcome });
  });
});

const settings = (sensor: string): Preparation['files'] => ({
  [SETTINGS_PATH]: `tenant: acme
gateway: gw
store: { id: shop, time_zone: Europe/Prague, hours: { daily: 24h } }
sensors: [{ id: air, ${sensor}, zone: shop }]
`,
});
const bluetooth = settings('driver: ble-hci');
const monitor = settings('driver: wifi-monitor, adapter: wlan0');

describe('radios that a sensor needs', () => {
  it('are an error when they are switched off', async () => {
    const blocked = {
      '/sys/class/rfkill/rfkill0/type': 'bluetooth\n',
      '/sys/class/rfkill/rfkill0/soft': '1\n',
      '/sys/class/rfkill/rfkill0/hard': '0\n',
    };
    expect(only(await radio({ files: { ...blocked, ...bluetooth } }), 'rfkill')).toMatchObject({
      outcome: 'error',
      mend: 'To use it: sudo rfkill unblock bluetooth',
    });
    expect(only(await radio({ files: { ...blocked, ...monitor } }), 'rfkill')).toMatchObject({ outcome: 'skipped' });
  });

  it('are an error when they cannot listen', async () => {
    const iw = IW.replace(/^Wiphy phy1[\s\S]*?(?=^Wiphy phy0)/m, '');
    const prepared = {
      files: { ...RADIO.files, ...monitor },
      links: RADIO.links ?? {},
      programs: { 'iw phy': { out: iw } },
    };
    expect(only(await radio(prepared), 'monitor_mode')).toMatchObject({ outcome: 'error' });
    const without = { ...prepared, files: { ...RADIO.files, ...bluetooth } };
    expect(only(await radio(without), 'monitor_mode')).toMatchObject({ outcome: 'skipped' });
  });

  it('are not said to be needed by none', async () => {
    const findings = await radio({ files: { ...bluetooth } });
    expect(only(findings, 'bluetooth')?.found).toBe('there is none; a sensor of the settings needs one');
  });
});

describe('the helper of a radio', () => {
  const unit = (lines: string) => ({
    'systemctl show footfall-radio@air.service': {
      out: `LoadState=loaded\nActiveState=active\nResult=success\nUnitFileState=enabled\nNRestarts=0\nAmbientCapabilities=cap_net_raw cap_net_admin\n${lines}`,
    },
  });
  const socket = { '/run/footfall-radio/air.sock': '' };

  it('is looked at of each sensor that has one, and of no other', async () => {
    const well = await radio({ files: { ...bluetooth, ...socket }, programs: unit('') });
    expect(only(well, 'helper', 'air')).toMatchObject({ outcome: 'ok', found: 'it runs', mend: '' });
    expect(only(well, 'helper_capabilities', 'air')).toMatchObject({ outcome: 'ok' });
    const serial = settings('driver: wifi-lines, port: /dev/ttyUSB0');
    expect(only(await radio({ files: { ...serial }, programs: unit('') }), 'helper')).toBeUndefined();
  });

  it.each([
    [
      'ActiveState=inactive',
      'error',
      'it is inactive',
      'sudo systemctl enable --now footfall-radio@air; and see: journalctl -u footfall-radio@air',
    ],
    ['ActiveState=failed\nResult=exit-code', 'error', 'it is failed (exit-code)', 'journalctl -u footfall-radio@air'],
    ['UnitFileState=disabled', 'warning', 'will not after the next start', 'sudo systemctl enable --now'],
    ['NRestarts=3', 'ok', 'it runs, started again 3 times', ''],
    ['LoadState=not-found', 'ok', 'the unit is not installed; its socket is there', ''],
  ])('as its unit says: %j', async (line, outcome, found, mend) => {
    const name = line.split('\n').map((each) => each.split('=')[0]);
    const { out } = unit('')['systemctl show footfall-radio@air.service'];
    const kept = out.split('\n').filter((each) => !name.includes(each.split('=')[0]));
    const programs = { 'systemctl show footfall-radio@air.service': { out: `${kept.join('\n')}\n${line}\n` } };
    expect(only(await radio({ files: { ...monitor, ...socket }, programs }), 'helper', 'air')).toMatchObject({
      outcome,
      found: expect.stringContaining(found) as string,
      mend: expect.stringContaining(mend) as string,
    });
  });

  it('has a socket, with or without systemd', async () => {
    expect(only(await radio({ files: { ...monitor }, programs: unit('') }), 'helper')).toMatchObject({
      outcome: 'error',
      found: 'it runs, and there is no /run/footfall-radio/air.sock',
      mend: 'sudo systemctl restart footfall-radio@air',
    });
    expect(only(await radio({ files: { ...monitor, ...socket } }), 'helper')?.outcome).toBe('ok');
    expect(only(await radio({ files: { ...monitor } }), 'helper')).toMatchObject({
      outcome: 'warning',
      mend: 'sudo footfall radio air',
    });
  });

  it('may use a radio, or is told what it lacks', async () => {
    const programs = unit('');
    const key = 'systemctl show footfall-radio@air.service';
    const out = programs[key].out.replace(' cap_net_admin', '');
    const findings = await radio({ files: { ...monitor, ...socket }, programs: { [key]: { out } } });
    expect(only(findings, 'helper_capabilities', 'air')).toMatchObject({
      outcome: 'error',
      found: 'its unit lacks CAP_NET_ADMIN',
    });
  });
});

describe('what monitor mode takes', () => {
  it('are programs, of which those that are missing are told with their packages', async () => {
    const programs = { 'tcpdump --version': {}, 'iw --version': {}, 'ip -V': {} };
    expect(only(await radio({ files: { ...monitor }, programs }), 'monitor_tools')?.outcome).toBe('ok');
    expect(
      only(await radio({ files: { ...monitor }, programs: { 'iw --version': {} } }), 'monitor_tools'),
    ).toMatchObject({
      outcome: 'error',
      found: 'tcpdump, ip not installed',
      mend: 'sudo apt install tcpdump iproute2',
    });
    expect(only(await radio({ files: { ...bluetooth } }), 'monitor_tools')).toBeUndefined();
  });

  it('is an interface that is up', async () => {
    const prepared = (flags: string) => ({
      ...RADIO,
      files: {
        ...RADIO.files,
        ...monitor,
        '/sys/class/net/wlan0/type': '803\n',
        '/sys/class/net/wlan0/flags': flags,
      },
    });
    expect(only(await radio(prepared('0x1003\n')), 'monitor_interface', 'wlan0')?.outcome).toBe('ok');
    expect(only(await radio(prepared('0x1002\n')), 'monitor_interface', 'wlan0')).toMatchObject({
      outcome: 'warning',
      mend: expect.stringContaining('sudo ip link set wlan0 up') as string,
    });
    expect(only(await radio(RADIO), 'monitor_interface')).toBeUndefined();
  });
});
