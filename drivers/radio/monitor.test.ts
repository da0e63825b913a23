import { beforeEach, describe, expect, it } from 'vitest';
import { PCAP_HEADER, record, type ScriptedRadios } from './monitor.fixture.ts';
import { MINUTE, MonitorRun } from './monitor-run.fixture.ts';

let run: MonitorRun;
let radios: ScriptedRadios;

beforeEach(() => {
  run = new MonitorRun();
  ({ radios } = run);
});

describe('an interface for monitor mode', () => {
  it('is the one that the settings name, set to it', async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    radios.at('wlan1').up = true;
    await run.start();
    expect(run.changes).toEqual(['ip link set wlan1 down', 'iw dev wlan1 set type monitor', 'ip link set wlan1 up']);
    expect([radios.captures.length, radios.last.name]).toEqual([1, 'wlan1']);
    expect(run.states).toEqual(['starting: looking for the Wi-Fi adapter']);
    radios.last.opens();
    expect(run.state).toBe('listening: listening with wlan1; channels 1, 6, 11 in turn');
    radios.last.hears(2);
    expect(run.bytes).toEqual([PCAP_HEADER, record(60), record(60)]);
  });

  it.each(['wlan1', 'wlan1mon', 'phy1'])('is one that is in monitor mode already, asked for as %s', async (adapter) => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    radios.interfaces.set('wlan1mon', { phy: 'phy1', type: 'monitor', up: true, carrier: true });
    await run.listen({ adapter });
    expect(run.changes).toEqual([]);
    expect(radios.last.name).toBe('wlan1mon');
  });

  it('is made where the settings name one that is not there yet, and where the radio has none', async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    await run.listen({ adapter: 'wlan1mon' });
    expect(radios.last.name).toBe('wlan1');
    await run.source?.stop();
    radios.unplug('phy1');
    radios.plugIn('phy4', '/usb/1-2', null);
    await run.listen({ adapter: 'phy4' });
    expect(radios.last.name).toBe('wlan4mon');
  });

  it('is added beside one whose driver cannot change its type', async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    radios.refusals.set('iw dev wlan1 set type', 'command failed: Operation not supported (-95)');
    await run.listen();
    expect(run.changes.slice(-2)).toEqual([
      'iw phy phy1 interface add wlan1mon type monitor',
      'ip link set wlan1mon up',
    ]);
    expect(radios.last.name).toBe('wlan1mon');
  });

  it('has a short name beside one whose name is long, and no address is told', async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlx00c0ca123456');
    radios.refusals.set('iw dev wlx00c0ca123456 set type', 'command failed: Operation not supported (-95)');
    await run.listen({ adapter: 'wlx00c0ca123456' });
    expect(radios.last.name).toBe('mon1');
    await run.source?.stop();
    radios.interfaces.delete('mon1');
    radios.administers = false;
    await run.start({ adapter: 'wlx00c0ca123456' });
    expect(run.state).toContain('sudo iw dev wlx(address) set type monitor');
    expect(run.states.join()).not.toContain('00c0ca');
  });

  it('is not made of a radio that cannot, and the one that can is not asked twice a second', async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1', ['managed']);
    await run.start();
    expect(run.state).toBe('failed: the Wi-Fi adapter phy1 has no monitor mode: use another adapter');
    await run.pass(10 * MINUTE);
    expect([radios.commands, radios.captures, run.states.length]).toEqual([[], [], 2]);
  });
});

describe('a radio that is in use', () => {
  it.each([
    ['is connected', () => Object.assign(radios.at('wlan1'), { up: true, carrier: true }), 'is connected to a network'],
    ['belongs to a network', () => Object.assign(radios.at('wlan1'), { ssid: 'Shop' }), 'is connected to a network'],
    ['is an access point', () => Object.assign(radios.at('wlan1'), { type: 'AP' }), 'is used as AP'],
    [
      'has the default route',
      () => {
        radios.route =
          'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nwlan1\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\n';
      },
      'carries the default route',
    ],
    [
      'has the default route of IPv6',
      () => {
        const none = '0'.repeat(32);
        radios.route6 = `${none} 00 ${none} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 wlan1\n`;
      },
      'carries the default route',
    ],
  ])('as it %s is never touched, and is taken when it is free', async (_, use, how) => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    use();
    await run.start();
    expect(run.state).toBe(
      `failed: wlan1 of phy1 ${how}, and is left alone: give this sensor a Wi-Fi adapter of its own`,
    );
    expect(run.state).not.toContain('Shop');
    await run.pass(MINUTE);
    expect([radios.commands, radios.captures.length, run.states.length]).toEqual([[], 0, 2]);
    Object.assign(radios.at('wlan1'), { carrier: false, type: 'managed', ssid: '' });
    radios.route = '';
    radios.route6 = '';
    radios.opens = true;
    await run.pass(MINUTE);
    await run.settle();
    expect(run.state).toMatch(/^listening/);
  });

  it('is let go when somebody begins to use it', async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    await run.listen();
    radios.interfaces.set('wlan9', { phy: 'phy1', type: 'managed', up: true, carrier: true });
    await run.pass(2_000);
    expect(radios.last.ending).toBe(true);
    expect(run.state).toContain('failed: wlan9 of phy1 is connected to a network');
  });

  it('does not keep another one from listening', async () => {
    radios.plugIn('phy0', '/mmc/1', 'wlan0');
    Object.assign(radios.at('wlan0'), { up: true, carrier: true, ssid: 'Shop' });
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    await run.listen();
    expect(radios.commands.filter((command) => command.includes('wlan0'))).toEqual([]);
  });
});

describe('without CAP_NET_ADMIN', () => {
  beforeEach(() => {
    radios.administers = false;
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
  });

  it('nothing is changed, and what is to be done is told', async () => {
    await run.start();
    expect(run.state).toBe(
      'no_permission: no permission to set wlan1 to monitor mode: expected the capability CAP_NET_ADMIN, which footfall-radio@.service has; or by hand: sudo ip link set wlan1 down; sudo iw dev wlan1 set type monitor; sudo ip link set wlan1 up',
    );
    expect(radios.commands).toEqual([]);
  });

  it('an interface that was set up by hand is listened to where it is tuned to', async () => {
    radios.interfaces.set('mon0', { phy: 'phy1', type: 'monitor', up: true, carrier: true });
    await run.listen();
    expect(run.state).toBe(
      'listening: listening with mon0; its channel stays as it is: to set one takes CAP_NET_ADMIN',
    );
    await run.pass(20 * MINUTE);
    expect(radios.commands).toEqual([]);
  });
});

describe('channels', () => {
  beforeEach(() => radios.plugIn('phy1', '/usb/1-1', 'wlan1'));

  it('are set in turn, from before the first frame on', async () => {
    await run.start();
    expect(run.tuned).toEqual(['1']);
    await run.pass(6_000);
    expect(run.tuned).toEqual(['1', '6', '11', '1']);
  });

  it('that are refused are left out and told once', async () => {
    radios.refusals.set('iw dev wlan1 set channel 6', 'command failed: Invalid argument (-22)');
    await run.listen({ channels: [1, 6, 11, 14] });
    await run.passHearing(MINUTE);
    expect(run.states.slice(1)).toEqual([
      'listening: listening with wlan1; channels 1, 6, 11 in turn; without 14: not allowed here (regulatory domain)',
      'listening: listening with wlan1; channels 1, 11 in turn; without 6: Invalid argument (-22); without 14: not allowed here (regulatory domain)',
    ]);
    expect(run.tuned.filter((channel) => channel === '6')).toHaveLength(1);
  });

  it('are left alone where there is no plan', async () => {
    await run.listen({ channels: [] });
    await run.passHearing(MINUTE);
    expect(run.tuned).toEqual([]);
    expect(run.state).toBe('listening: listening with wlan1; its channel is left alone');
  });
});
