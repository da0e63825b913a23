import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { well } from '../cli/view/samples.fixture.ts';
import type { Finding } from './finding.ts';
import { findingsOf, only, type Preparation, SETTINGS_PATH, settingsText } from './machine.testing.ts';

const BY_ID = '/dev/serial/by-id/usb-Silicon_Labs_CP2102_0001-if00-port0';
const BY_PATH = '/dev/serial/by-path/platform-xhci-usb-0:1.2:1.0-port0';
const SERVICE = 'LoadState=loaded\nActiveState=inactive\nUser=footfall\nSupplementaryGroups=dialout\n';
const PEOPLE = {
  '/etc/passwd': 'root:x:0:0::/:/bin/sh\nfootfall:x:990:990::/:/bin/false\ntech:x:1000:1000::/:/bin/sh\n',
  '/etc/group': 'root:x:0:\ndialout:x:20:\nfootfall:x:990:\n',
};
const RULES = { '/etc/udev/rules.d/99-footfall.rules': '#' };

/** A USB serial adapter as sysfs shows it. */
function adapter(port: string, socket: string, serial = '0001'): Preparation {
  const device = `/sys/devices/usb1/${socket}`;
  const line = `${device}/${socket}:1.0`;
  return {
    files: {
      [`/dev/${port}`]: '',
      [`${device}/idVendor`]: '10c4\n',
      [`${device}/idProduct`]: 'ea60\n',
      [`${device}/serial`]: `${serial}\n`,
      [`${line}/bInterfaceNumber`]: '00\n',
      [`${line}/${port}/uevent`]: '',
    },
    links: {
      [`/sys/class/tty/${port}/device`]: `../../../devices/usb1/${socket}/${socket}:1.0/${port}`,
      [`${line}/${port}/driver`]: '../../../../../bus/usb-serial/drivers/cp210x',
    },
    facts: { [`/dev/${port}`]: { kind: 'character_device', mode: 0o660, uid: 0, gid: 20 } },
  };
}

function box(port: string, ...parts: Preparation[]): Preparation {
  const all = [{ files: { ...PEOPLE, [SETTINGS_PATH]: settingsText(port) } }, ...parts];
  const merged = (key: 'files' | 'links' | 'facts' | 'programs' | 'machine' | 'deps') =>
    Object.assign({}, ...all.map((part) => (part as Preparation)[key] ?? {}));
  return {
    files: merged('files'),
    links: merged('links'),
    facts: merged('facts'),
    programs: { 'systemctl show': { out: SERVICE }, ...merged('programs') },
    machine: merged('machine'),
    deps: merged('deps'),
    denied: all.flatMap((part) => (part as Preparation).denied ?? []),
  };
}

const usb = adapter('ttyUSB0', '1-1');
const names: Preparation = { links: { [BY_ID]: '../../ttyUSB0', [BY_PATH]: '../../ttyUSB0' }, files: RULES };

function outcomes(findings: Finding[]): Record<string, string> {
  return Object.fromEntries(findings.map(({ check, outcome }) => [check, outcome]));
}

describe('the sensors of a box', () => {
  it('are well when the port is there, free, open to the daemon and bound by id', async () => {
    const findings = await findingsOf('sensors', box(BY_ID, usb, names));
    expect(outcomes(findings)).toEqual({
      serial_ports: 'ok',
      port: 'ok',
      port_permission: 'ok',
      port_binding: 'ok',
      port_holder: 'ok',
      udev_rules: 'ok',
    });
    expect(only(findings, 'port')?.found).toBe('/dev/ttyUSB0, driver cp210x, USB 10c4:ea60');
    expect(findings.every(({ mend }) => mend === '')).toBe(true);
  });

  it('that are not plugged in are told with the ports that are there', async () => {
    const findings = await findingsOf('sensors', box('/dev/serial/by-id/usb-gone', usb, names));
    expect(only(findings, 'port')).toMatchObject({
      outcome: 'error',
      subject: 'front',
      found: `there is no such port; there are ${BY_ID}`,
      mend: expect.stringContaining('Plug the sensor in'),
    });
    const alone = await findingsOf('sensors', box('/dev/ttyUSB3'));
    expect(only(alone, 'port')?.found).toBe('there is no such port; no serial port is plugged in');
  });

  it('are not known without settings', async () => {
    expect(only(await findingsOf('sensors', usb), 'sensors')).toMatchObject({ outcome: 'skipped' });
    const daemon = { askDaemon: async () => well };
    const told = await findingsOf('sensors', { ...usb, deps: daemon });
    expect(told.filter(({ check }) => check === 'port').map(({ subject }) => subject)).toEqual(
      well.sensors.map(({ id }) => id),
    );
  });

  it('on something that is no serial port are an error', async () => {
    const findings = await findingsOf('sensors', box('/dev/ttyUSB0', { files: { '/dev/ttyUSB0': 'text' } }));
    expect(only(findings, 'port')?.found).toBe('expected a serial port, found a file');
  });
});

describe('the permission of a port', () => {
  it('is that of the user whom the daemon runs as', async () => {
    const unit = { programs: { 'systemctl show': { out: SERVICE.replace('Groups=dialout', 'Groups=') } } };
    const findings = await findingsOf('sensors', box(BY_ID, usb, names, unit));
    expect(only(findings, 'port_permission')).toMatchObject({
      outcome: 'error',
      found: 'root:dialout 0660; footfall may not read and write',
      mend: 'Join the group: sudo usermod -aG dialout footfall, then sudo systemctl restart footfall',
    });
  });

  it("is that of this user where there is no unit, and that of the daemon's process where it runs", async () => {
    const plain: Preparation = {
      programs: { 'systemctl show': { failure: 'missing', code: null } },
      machine: { user: { uid: 1000, gids: [1000] } },
    };
    const findings = await findingsOf('sensors', box(BY_ID, usb, names, plain));
    expect(only(findings, 'port_permission')?.mend).toContain('usermod -aG dialout tech, then log in again');
    const running: Preparation = {
      files: { '/proc/812/status': 'Uid:\t990\t990\t990\t990\nGid:\t990\t990\t990\t990\nGroups:\t20 990\n' },
      deps: { askDaemon: async () => well },
    };
    const daemon = await findingsOf('sensors', box(BY_ID, usb, names, plain, running));
    expect(only(daemon, 'port_permission')).toMatchObject({ outcome: 'ok' });
  });

  it('needs the rules where the group may not write', async () => {
    const closed = { facts: { '/dev/ttyUSB0': { kind: 'character_device' as const, mode: 0o600, uid: 0, gid: 0 } } };
    const findings = await findingsOf('sensors', box(BY_ID, usb, names, closed));
    expect(only(findings, 'port_permission')?.mend).toContain('99-footfall.rules');
  });
});

describe('the name of a port', () => {
  it('should last: by-id is recommended over ttyUSB0', async () => {
    const findings = await findingsOf('sensors', box('/dev/ttyUSB0', usb, names));
    expect(only(findings, 'port_binding')).toMatchObject({
      outcome: 'warning',
      mend: `Set the port of front to ${BY_ID}.`,
    });
  });

  it('should be by-path where two adapters share their by-id name', async () => {
    const twin = adapter('ttyUSB1', '1-2');
    const findings = await findingsOf('sensors', box(BY_ID, usb, twin, names));
    expect(only(findings, 'port_binding')).toMatchObject({
      outcome: 'warning',
      found: expect.stringContaining('another adapter has the same by-id name'),
      mend: `Set the port of front to ${BY_PATH}, which goes by the socket.`,
    });
    const other = adapter('ttyUSB1', '1-2', '0002');
    expect(only(await findingsOf('sensors', box(BY_ID, usb, other, names)), 'port_binding')?.outcome).toBe('ok');
  });
});

describe('a port that somebody else has', () => {
  const held = (name: string, pid = 4711): Preparation => ({
    files: { [`/proc/${pid}/comm`]: `${name}\n` },
    links: { [`/proc/${pid}/fd/7`]: '/dev/ttyUSB0' },
  });

  it.each([
    ['ModemManager', 'systemctl mask --now ModemManager'],
    ['agetty', 'systemctl disable --now serial-getty@ttyUSB0.service'],
    ['brltty', 'apt remove brltty'],
    ['minicom', 'sudo kill 4711'],
  ])('is told with the holder: %s', async (name, mend) => {
    const findings = await findingsOf('sensors', box(BY_ID, usb, names, held(name)));
    expect(only(findings, 'port_holder')).toMatchObject({
      outcome: 'error',
      found: `${name} (pid 4711) has it open`,
      mend: expect.stringContaining(mend),
    });
  });

  it('is well when the holder is the daemon', async () => {
    const daemon: Preparation = { deps: { askDaemon: async () => well } };
    const findings = await findingsOf('sensors', box(BY_ID, usb, names, held('node', well.process.pid), daemon));
    expect(only(findings, 'port_holder')).toMatchObject({ outcome: 'ok', found: 'the daemon alone' });
    const both: Preparation = {
      ...held('minicom'),
      links: { ...held('x').links, [`/proc/${well.process.pid}/fd/7`]: '/dev/ttyUSB0' },
    };
    expect(only(await findingsOf('sensors', box(BY_ID, usb, names, both, daemon)), 'port_holder')).toMatchObject({
      outcome: 'error',
      found: 'minicom (pid 4711) has it open',
    });
  });

  it('cannot be told by a user who sees only its own processes', async () => {
    const hidden: Preparation = { files: { '/proc/1/fd/0': '' }, denied: ['/proc/1/fd'] };
    const findings = await findingsOf('sensors', box(BY_ID, usb, names, hidden));
    expect(only(findings, 'port_holder')).toMatchObject({ outcome: 'skipped', mend: expect.stringContaining('sudo') });
  });

  it('has a login prompt or the kernel on it', async () => {
    const units = 'serial-getty@ttyUSB0.service loaded active running Serial Getty on ttyUSB0\n';
    const login: Preparation = {
      programs: { 'systemctl list-units': { out: units } },
      files: { '/proc/cmdline': 'quiet console=tty1 console=ttyUSB0,115200\n' },
    };
    const findings = await findingsOf('sensors', box(BY_ID, usb, names, login));
    expect(only(findings, 'port_holder')?.found).toContain('a login prompt runs on it');
    expect(only(findings, 'port_console')).toMatchObject({
      outcome: 'error',
      mend: expect.stringContaining('console=ttyUSB0'),
    });
  });
});

describe('the rules for adapters', () => {
  it('are missed where there is a USB sensor, and more so beside ModemManager', async () => {
    const bare: Preparation = { links: names.links ?? {} };
    const findings = await findingsOf('sensors', box(BY_ID, usb, bare));
    expect(only(findings, 'udev_rules')).toMatchObject({ outcome: 'warning' });
    expect(only(findings, 'modem_manager')).toBeUndefined();
    const modem = {
      programs: { 'systemctl list-units': { out: 'ModemManager.service loaded active running Modem\n' } },
    };
    const probed = await findingsOf('sensors', box(BY_ID, usb, bare, modem));
    expect(only(probed, 'modem_manager')).toMatchObject({
      outcome: 'warning',
      mend: expect.stringContaining('systemctl mask --now ModemManager'),
    });
    expect(only(await findingsOf('sensors', box(BY_ID, usb, names, modem)), 'modem_manager')?.outcome).toBe('ok');
  });
});

describe('config/99-footfall.rules', () => {
  const lines = readFileSync(new URL('../../config/99-footfall.rules', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  it('holds rules as udev(7) writes them, with every jump leading forward to a label', () => {
    const pair = /^[A-Z]+(?:\{\w+\})?(?:==|!=|=)"[^"]*"$/;
    for (const [index, line] of lines.entries()) {
      for (const part of line.split(', ')) expect(part).toMatch(pair);
      const target = /GOTO="(\w+)"/.exec(line)?.[1];
      if (target !== undefined) expect(lines.indexOf(`LABEL="${target}"`)).toBeGreaterThan(index);
    }
  });

  it('names the adapters of known sniffers', () => {
    const ids = lines.flatMap((line) => {
      const found = /^ATTRS\{idVendor\}=="(\w{4})", ATTRS\{idProduct\}=="(\w{4})", GOTO="footfall_adapter"$/.exec(line);
      return found ? [`${found[1]}:${found[2]}`] : [];
    });
    expect(ids).toEqual(['10c4:ea60', '1a86:7523', '0403:6001', '0403:6015', '303a:1001', '1915:522a', '1915:520f']);
  });
});

it('no finding shows the address in the name of an adapter', async () => {
  const name = '/dev/serial/by-id/usb-Espressif_USB_JTAG_serial_debug_unit_34:85:18:AA:BB:CC-if00';
  const findings = await findingsOf('sensors', box(name, usb, { links: { [name]: '../../ttyUSB0' } }));
  expect(only(findings, 'port')).toMatchObject({
    outcome: 'ok',
    tried: expect.stringContaining('debug_unit_(address)-if00'),
  });
  expect(JSON.stringify(findings)).not.toMatch(/34.85.18/i);
});

describe('the radios among the sensors', () => {
  const RADIOS = `tenant: acme
gateway: gw
store: { id: shop, time_zone: Europe/Prague, hours: { daily: 24h } }
sensors:
  - { id: ble, driver: ble-hci, adapter: ADAPTER, zone: shop }
  - { id: air, driver: wifi-monitor, adapter: wlan1, zone: shop }
`;
  const radios = (adapter: string, ...parts: Preparation[]) =>
    findingsOf('sensors', box('', { files: { [SETTINGS_PATH]: RADIOS.replace('ADAPTER', adapter) } }, ...parts));
  const hci: Preparation = { files: { '/sys/class/bluetooth/hci0/type': '' } };
  const wlan = (state: string, type: string): Preparation => ({
    files: {
      '/sys/class/ieee80211/phy1/name': 'phy1',
      '/sys/class/net/wlan1/operstate': `${state}\n`,
      '/sys/class/net/wlan1/type': `${type}\n`,
    },
    links: { '/sys/class/net/wlan1/phy80211': '../../ieee80211/phy1' },
  });

  it('are well with their adapters, and are looked for at no port', async () => {
    const findings = await radios('auto', hci, wlan('unknown', '803'));
    expect(findings.map(({ check, outcome, found }) => [check, outcome, found])).toEqual([
      ['serial_ports', 'ok', 'there are none'],
      ['adapter', 'ok', 'hci0'],
      ['adapter', 'ok', 'it is there'],
    ]);
  });

  it('are told when their adapters are not there', async () => {
    const findings = await radios('auto');
    expect(findings.map(({ subject, outcome, found }) => [subject, outcome, found]).slice(1)).toEqual([
      ['ble', 'error', 'there is no Bluetooth adapter'],
      ['air', 'error', 'there is no Wi-Fi adapter'],
    ]);
    const other = await radios('hci2', hci, wlan('down', '1'));
    expect(only(other, 'adapter', 'ble')).toMatchObject({
      outcome: 'error',
      found: 'there is no hci2; there is hci0',
      mend: 'Plug it in, or name the right adapter of ble: sudo footfall setup',
    });
  });

  it('are told when the adapter connects the box', async () => {
    const findings = await radios('hci0', hci, wlan('up', '1'));
    expect(only(findings, 'adapter_use')).toMatchObject({ subject: 'air', outcome: 'error' });
  });
});
