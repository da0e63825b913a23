import { describe, expect, it } from 'vitest';
import { findingsOf, only, type Preparation } from './machine.testing.ts';
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
