/** The serial ports of this machine, as they are offered to the installer. */
import { basename } from 'node:path';
import type { Machine } from '../../doctor/machine.ts';
import { bestName, listSerialPorts } from '../../doctor/ports.ts';

export interface FoundPort {
  /** What to write into the settings: the name that stays the same, as far as there is one. */
  path: string;
  /** `stable`: by-id or by-path. `kernel`: /dev/ttyUSB0, which may name another adapter after the next boot. */
  naming: 'stable' | 'kernel';
  /** The kernel's name, such as ttyUSB0. */
  device: string;
  /** What the adapter calls itself; empty for a port on the board. */
  product: string;
}

/** Serial ports with hardware behind them: those of adapters first, each by the kernel's name. */
export async function findPorts(
  machine: Pick<Machine, 'readFile' | 'readdir' | 'readlink' | 'realpath'>,
): Promise<FoundPort[]> {
  const ports = await listSerialPorts(machine);
  return ports
    .map((port): FoundPort => {
      const path = bestName(port, ports);
      const naming = path === port.path ? 'kernel' : 'stable';
      return { path, naming, device: basename(port.path), product: port.usb?.name ?? '' };
    })
    .sort((a, b) => rank(a) - rank(b) || a.device.localeCompare(b.device, 'en', { numeric: true }));
}

function rank({ product, naming }: FoundPort): number {
  return product === '' && naming === 'kernel' ? 1 : 0;
}
