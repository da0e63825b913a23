import { describe, expect, it } from 'vitest';
import { findingsOf, only, type Preparation, SETTINGS_PATH, settingsText } from './machine.testing.ts';
import { defaultRoutes, defaultRoutes6, wifiLevels } from './network-chapter.ts';

const ROUTE_HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const DEFAULT_ROUTE = 'eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n';
const LOCAL_ROUTE = 'eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';
const ZERO = '0'.repeat(32);
const route6 = (flags: string, name: string) =>
  `${ZERO} 00 ${ZERO} 00 ${ZERO} 00000400 00000003 00000000 ${flags}     ${name}\n`;
/** As the kernel prints it. */
const WIRELESS = `Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   29.  -81.  -256        0      0      0      0      0        0
`;

const network = (prepared: Preparation) => findingsOf('network', prepared);

describe('the way out', () => {
  it('is a default route that is up and leads somewhere', () => {
    expect(defaultRoutes(ROUTE_HEAD + DEFAULT_ROUTE + LOCAL_ROUTE)).toEqual(['eth0']);
    expect(defaultRoutes(ROUTE_HEAD + LOCAL_ROUTE)).toEqual([]);
    expect(defaultRoutes('')).toEqual([]);
    expect(defaultRoutes6(route6('00000003', 'eth0') + route6('00200200', 'lo'))).toEqual(['eth0']);
    expect(defaultRoutes6(route6('00200200', 'lo') + route6('00200203', 'eth1'))).toEqual([]);
  });

  it('is needed by an uplink, and missed without one', async () => {
    const files = { '/proc/net/route': ROUTE_HEAD + LOCAL_ROUTE };
    expect(only(await network({ files }), 'default_route')).toMatchObject({ outcome: 'warning' });
    const uplink = settingsText('/dev/x', "uplink: { url: 'mqtt://broker.example' }\n");
    const sending = { files: { ...files, [SETTINGS_PATH]: uplink } };
    expect(only(await network(sending), 'default_route')).toMatchObject({ outcome: 'error' });
    const well = {
      files: { '/proc/net/route': ROUTE_HEAD + DEFAULT_ROUTE, '/proc/net/ipv6_route': route6('00000003', 'eth0') },
    };
    expect(only(await network(well), 'default_route')).toMatchObject({
      outcome: 'ok',
      found: 'by eth0 (IPv4), eth0 (IPv6)',
    });
  });
});

describe('name servers', () => {
  it('are counted, those of IPv4 shown', async () => {
    const files = {
      '/etc/resolv.conf': '# nameserver 9.9.9.9\nnameserver 192.168.1.1\nnameserver fe80::2c0:caff:fe12:3456%eth0\n',
    };
    expect(only(await network({ files }), 'name_servers')?.found).toBe('2 name servers: 192.168.1.1');
    expect(only(await network({}), 'name_servers')).toMatchObject({ outcome: 'warning' });
  });
});

describe('NetworkManager', () => {
  it.each([
    [{ out: 'connected:full\n' }, 'ok'],
    [{ out: 'connected:limited\n' }, 'warning'],
    [{ out: 'connected:portal\n' }, 'warning'],
    [{ out: 'disconnected:none\n' }, 'warning'],
    [{ code: 8, err: 'Error: NetworkManager is not running.' }, 'skipped'],
    [{ code: null, failure: 'timeout' as const }, 'skipped'],
    [{ code: null, failure: 'missing' as const }, 'skipped'],
  ])('%j is %s', async (result, outcome) => {
    expect(only(await network({ programs: { nmcli: result } }), 'network_manager')).toMatchObject({ outcome });
  });
});

describe('the radio link', () => {
  it('is weak below -75 dBm', async () => {
    expect(wifiLevels(WIRELESS)).toEqual([{ name: 'wlan0', dbm: -81 }]);
    expect(wifiLevels(WIRELESS.replace('-81.', '190.'))).toEqual([{ name: 'wlan0', dbm: -66 }]);
    expect(only(await network({ files: { '/proc/net/wireless': WIRELESS } }), 'wifi_link')).toMatchObject({
      outcome: 'warning',
      subject: 'wlan0',
      found: '-81 dBm, weak (expected at least -75 dBm)',
    });
    const strong = { '/proc/net/wireless': WIRELESS.replace('-81.', '-60.') };
    expect(only(await network({ files: strong }), 'wifi_link')).toMatchObject({ outcome: 'ok', found: '-60 dBm' });
    expect(only(await network({}), 'wifi_link')).toMatchObject({ outcome: 'skipped' });
  });
});
