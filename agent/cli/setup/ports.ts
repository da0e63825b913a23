/** What a sensor can be attached to on this machine: serial ports and radios, as they are offered to the installer. */
import { basename } from 'node:path';
import { type Machine, namesIn, textOf } from '../../doctor/machine.ts';
import { bestName, listSerialPorts } from '../../doctor/ports.ts';
import { wirelessInterfaces } from '../../doctor/radio-chapter.ts';

export interface FoundPort {
  kind: 'serial' | 'bluetooth' | 'wifi';
  /** What to write into the settings: the name that stays the same, as far as there is one; of a radio its adapter. */
  path: string;
  /** `stable`: by-id or by-path. `kernel`: /dev/ttyUSB0, which may name another adapter after the next boot. */
  naming: 'stable' | 'kernel';
  /** The kernel's name, such as ttyUSB0. */
  device: string;
  /** What the adapter calls itself; empty for a port on the board. */
  product: string;
}

type Files = Pick<Machine, 'readFile' | 'readdir' | 'readlink' | 'realpath'>;

/** Serial ports with hardware behind them: those of adapters first, each by the kernel's name; then the radios. */
export async function findPorts(machine: Files): Promise<FoundPort[]> {
  const ports = await listSerialPorts(machine);
  const serial = ports
    .map((port): FoundPort => {
      const path = bestName(port, ports);
      const naming = path === port.path ? 'kernel' : 'stable';
      return { kind: 'serial', path, naming, device: basename(port.path), product: port.usb?.name ?? '' };
    })
    .sort((a, b) => rank(a) - rank(b) || a.device.localeCompare(b.device, 'en', { numeric: true }));
  return [...serial, ...(await findRadios(machine))];
}

async function findRadios(machine: Files): Promise<FoundPort[]> {
  const bluetooth = (await namesIn(machine, '/sys/class/bluetooth')).filter((name) => /^hci\d+$/.test(name));
  const wifi = await Promise.all(
    (await wirelessInterfaces(machine)).map(async (device): Promise<FoundPort> => {
      const state = (await textOf(machine, `/sys/class/net/${device}/operstate`))?.trim();
      const product = state === 'up' ? 'Wi-Fi adapter, which connects this box' : 'Wi-Fi adapter';
      return { kind: 'wifi', path: device, naming: 'kernel', device, product };
    }),
  );
  return [
    ...bluetooth.map((device): FoundPort => {
      return { kind: 'bluetooth', path: device, naming: 'kernel', device, product: 'Bluetooth adapter' };
    }),
    ...wifi,
  ];
}

function rank({ product, naming }: FoundPort): number {
  return product === '' && naming === 'kernel' ? 1 : 0;
}
