/** The serial ports of the machine by sysfs and the names udev gave them, without udevadm. */
import { type Machine, namesIn, textOf } from './machine.ts';

export interface SerialPort {
  /** As in /dev/ttyUSB0. */
  path: string;
  /** The kernel driver's name; empty where it has none. */
  driver: string;
  /** Where it is on USB: ids as four hex digits, what tells two of its kind apart, and what the adapter calls itself. */
  usb: { vendor: string; product: string; serial: string; interface: string; name: string } | null;
  /** Links in /dev/serial/by-id and by-path that lead to it. */
  byId: string[];
  byPath: string[];
}

/** USB interface and device stand a few directories above the port. */
const DEEPEST = 5;

/** What of the machine is looked at. */
type Files = Pick<Machine, 'readFile' | 'readdir' | 'readlink' | 'realpath'>;

export async function listSerialPorts(machine: Files): Promise<SerialPort[]> {
  const [names, byId, byPath] = await Promise.all([
    namesIn(machine, '/sys/class/tty'),
    linksIn(machine, '/dev/serial/by-id'),
    linksIn(machine, '/dev/serial/by-path'),
  ]);
  const found = await Promise.all(names.map((name) => readPort(machine, name)));
  return found
    .filter((port) => port !== null)
    .map((port) => ({ ...port, byId: byId.get(port.path) ?? [], byPath: byPath.get(port.path) ?? [] }));
}

/** Two adapters that udev would give the same by-id name (60-serial.rules): one of them would be lost. */
export function sharesItsName(port: SerialPort, ports: readonly SerialPort[]): boolean {
  const name = (each: SerialPort) => each.usb && Object.values(each.usb).join(':');
  return port.usb !== null && ports.filter((other) => name(other) === name(port)).length > 1;
}

/** The name to bind to: by-id where it is the port's own, else by-path, else the port itself. */
export function bestName(port: SerialPort, ports: readonly SerialPort[]): string {
  const byId = sharesItsName(port, ports) ? undefined : port.byId[0];
  return byId ?? port.byPath[0] ?? port.path;
}

async function linksIn(machine: Files, directory: string): Promise<Map<string, string[]>> {
  const links = new Map<string, string[]>();
  for (const name of await namesIn(machine, directory)) {
    const path = `${directory}/${name}`;
    const port = await machine.realpath(path).catch(() => null);
    if (port !== null) links.set(port, [...(links.get(port) ?? []), path]);
  }
  return links;
}

async function readPort(machine: Files, name: string): Promise<Omit<SerialPort, 'byId' | 'byPath'> | null> {
  const place = `/sys/class/tty/${name}`;
  const device = await machine.realpath(`${place}/device`).catch(() => null);
  // Virtual terminals and ptys have no device; type 0 is a line of the 8250 driver that no chip stands behind.
  if (device === null || (await textOf(machine, `${place}/type`))?.trim() === '0') return null;
  const driver = await machine.readlink(`${place}/device/driver`).catch(() => '');
  return {
    path: `/dev/${name}`,
    driver: driver.split('/').at(-1) ?? '',
    usb: await readUsb(machine, device),
  };
}

async function readUsb(machine: Files, device: string): Promise<SerialPort['usb']> {
  let number = '';
  let place = device;
  for (let depth = 0; depth < DEEPEST && place.startsWith('/sys/'); depth++) {
    const [vendor, product, serial, usbInterface, maker, model] = await Promise.all(
      ['idVendor', 'idProduct', 'serial', 'bInterfaceNumber', 'manufacturer', 'product'].map(
        async (file) => (await textOf(machine, `${place}/${file}`))?.trim() ?? '',
      ),
    );
    if (number === '') number = usbInterface;
    if (vendor !== '' && product !== '') {
      const name = [maker, model].filter((word) => word !== '').join(' ') || 'USB adapter';
      return { vendor, product, serial, interface: number, name };
    }
    place = place.slice(0, place.lastIndexOf('/'));
  }
  return null;
}
