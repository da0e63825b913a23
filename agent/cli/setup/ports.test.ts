import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesUnder } from '../../doctor/machine.ts';
import { findPorts } from './ports.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ports-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

/** A USB adapter as Linux lays it out: /sys/devices/usb1/BUS/BUS:1.0/ttyUSBn, with its device node. */
function plugIn(device: string, bus: string, facts: Record<string, string>): void {
  const usb = `sys/devices/usb1/${bus}`;
  for (const [file, value] of Object.entries(facts)) put(`${usb}/${file}`, `${value}\n`);
  mkdirSync(join(root, `${usb}/${bus}:1.0/${device}`), { recursive: true });
  mkdirSync(join(root, `sys/class/tty/${device}`), { recursive: true });
  link(`sys/class/tty/${device}/device`, `../../../devices/usb1/${bus}/${bus}:1.0/${device}`);
  put(`dev/${device}`, '');
  link(`dev/serial/by-path/pci-usb-0:${bus}:1.0-port0`, `../../${device}`);
}

const CP2102 = { idVendor: '10c4', idProduct: 'ea60', manufacturer: 'Silicon Labs', product: 'CP2102N' };
const CH340 = { idVendor: '1a86', idProduct: '7523', product: 'USB Serial' };

describe('findPorts', () => {
  it('finds nothing on a machine without serial ports', async () => {
    expect(await findPorts(filesUnder(root))).toEqual([]);
    put('sys/class/tty/tty0/dev', '4:0');
    expect(await findPorts(filesUnder(root))).toEqual([]);
  });

  it('names a port by-id, else by-path, else as the kernel does', async () => {
    plugIn('ttyUSB0', '1-1', { ...CP2102, serial: 'a1' });
    link('dev/serial/by-id/usb-Silicon_Labs_CP2102N_a1-if00-port0', '../../ttyUSB0');
    plugIn('ttyUSB10', '1-2', CH340);
    put('sys/class/tty/ttyAMA0/device/uevent', '');
    expect(await findPorts(filesUnder(root))).toEqual([
      {
        ...{ kind: 'serial', path: '/dev/serial/by-id/usb-Silicon_Labs_CP2102N_a1-if00-port0' },
        ...{ naming: 'stable', device: 'ttyUSB0', product: 'Silicon Labs CP2102N' },
      },
      {
        kind: 'serial',
        path: '/dev/serial/by-path/pci-usb-0:1-2:1.0-port0',
        naming: 'stable',
        device: 'ttyUSB10',
        product: 'USB Serial',
      },
      { kind: 'serial', path: '/dev/ttyAMA0', naming: 'kernel', device: 'ttyAMA0', product: '' },
    ]);
  });

  it('does not trust by-id for two adapters that udev cannot tell apart', async () => {
    plugIn('ttyUSB0', '1-1', CH340);
    plugIn('ttyUSB1', '1-2', CH340);
    // The link belongs to whichever came last.
    link('dev/serial/by-id/usb-1a86_USB_Serial-if00-port0', '../../ttyUSB1');
    expect((await findPorts(filesUnder(root))).map(({ path }) => path)).toEqual([
      '/dev/serial/by-path/pci-usb-0:1-1:1.0-port0',
      '/dev/serial/by-path/pci-usb-0:1-2:1.0-port0',
    ]);
  });

  it('trusts by-id for equal adapters with serial numbers, and for two ports of one adapter', async () => {
    plugIn('ttyUSB0', '1-1', { ...CP2102, serial: 'a1' });
    plugIn('ttyUSB1', '1-2', { ...CP2102, serial: 'a2' });
    plugIn('ttyUSB2', '1-3', CH340);
    mkdirSync(join(root, 'sys/class/tty/ttyUSB3'), { recursive: true });
    mkdirSync(join(root, 'sys/devices/usb1/1-3/1-3:1.1/ttyUSB3'), { recursive: true });
    link('sys/class/tty/ttyUSB3/device', '../../../devices/usb1/1-3/1-3:1.1/ttyUSB3');
    put('dev/ttyUSB3', '');
    for (const [index, number] of ['00', '01'].entries())
      put(`sys/devices/usb1/1-3/1-3:1.${index}/bInterfaceNumber`, number);
    for (const number of [0, 1, 2, 3]) link(`dev/serial/by-id/usb-${number}`, `../../ttyUSB${number}`);
    expect((await findPorts(filesUnder(root))).map(({ path }) => path)).toEqual(
      [0, 1, 2, 3].map((number) => `/dev/serial/by-id/usb-${number}`),
    );
  });

  it('finds the radios, and tells which of them the box is connected by', async () => {
    mkdirSync(join(root, 'sys/class/bluetooth/hci0'), { recursive: true });
    mkdirSync(join(root, 'sys/class/bluetooth/hci0:64'), { recursive: true });
    put('sys/class/net/eth0/operstate', 'up\n');
    for (const [name, state] of [
      ['wlan0', 'up'],
      ['wlan1', 'down'],
    ]) {
      mkdirSync(join(root, `sys/class/ieee80211/phy-${name}`), { recursive: true });
      put(`sys/class/net/${name}/operstate`, `${state}\n`);
      link(`sys/class/net/${name}/phy80211`, `../../ieee80211/phy-${name}`);
    }
    expect((await findPorts(filesUnder(root))).map(({ kind, path, product }) => [kind, path, product])).toEqual([
      ['bluetooth', 'hci0', 'Bluetooth adapter'],
      ['wifi', 'wlan0', 'Wi-Fi adapter, which connects this box'],
      ['wifi', 'wlan1', 'Wi-Fi adapter'],
    ]);
  });

  it('leaves out ports that the driver made for hardware that is not there, and links that lead nowhere', async () => {
    put('sys/class/tty/ttyS0/type', '4\n');
    put('sys/class/tty/ttyS0/device/uevent', '');
    put('sys/class/tty/ttyS1/type', '0\n');
    put('sys/class/tty/ttyS1/device/uevent', '');
    link('dev/serial/by-id/usb-pulled-out', '../../ttyUSB9');
    expect((await findPorts(filesUnder(root))).map(({ path }) => path)).toEqual(['/dev/ttyS0']);
  });
});
