/** The machine around the daemon: system, memory, disk, devices, kernel and service. No serial number of a device. */
import { arch, cpus, freemem, hostname, loadavg, release, totalmem, type, uptime, version } from 'node:os';
import { join } from 'node:path';
import { codeOf, type Machine, namesIn, textOf } from '../../doctor/machine.ts';
import { AgentError } from '../../errors.ts';
import type { Places } from './places.ts';
import { asJson, LIMITS, type Source } from './source.ts';

const KERNEL_LINES = '20000';
/** What a box with serial sensors on a worn card fails by. */
const TELLING =
  /\b(?:tty\w*|usb\d*|xhci\w*|cdc_acm|ch341\w*|cp210x|ftdi_sio|pl2303|mmc\w*|mmcblk\w*|ext4\w*|nvme\w*|oom\w*|out of memory|i\/o error|under-?voltage|throttl\w+|watchdog|hung task|segfault)\b/i;
const USB_FACTS = ['idVendor', 'idProduct', 'manufacturer', 'product', 'speed', 'version', 'bMaxPower'] as const;

export function systemSources(places: Places, machine: Machine): Source[] {
  return [
    { name: 'system/machine.json', why: 'system, uptime, load and memory', gather: () => machineFacts(machine) },
    {
      name: 'system/disk.txt',
      why: 'room on the disk of the database',
      async gather() {
        const path = await nearest(machine, places.storageDirectory);
        const space = await printed(machine, 'df', ['-PT', path]);
        return `${space}\n${await printed(machine, 'df', ['-Pi', path])}`;
      },
    },
    {
      name: 'system/devices.json',
      why: 'USB devices, serial ports and network adapters',
      gather: () => devices(machine),
    },
    {
      name: 'system/kernel.txt',
      why: 'what the kernel says of USB, serial lines, the card and memory',
      gather: () => kernel(machine),
    },
    {
      name: 'system/service.txt',
      why: 'the unit as systemd tells it',
      async gather() {
        // 3: not running, which is worth telling; 4: no such unit.
        const status = await printed(machine, 'systemctl', ['status', 'footfall', '--no-pager', '--full'], [0, 3]);
        const shown = await printed(machine, 'systemctl', ['show', 'footfall', '--no-pager']);
        return `${status}\n${withoutEnvironment(shown)}`;
      },
    },
  ];
}

async function machineFacts(machine: Machine): Promise<string> {
  const release_ = (await textOf(machine, '/etc/os-release')) ?? '';
  return asJson({
    kernel: { type: type(), release: release(), version: version(), machine: arch(), host: hostname() },
    system: Object.fromEntries(
      release_
        .split('\n')
        .filter((line) => line.includes('='))
        .map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1).replace(/^"|"$/g, '')]),
    ),
    board: ((await textOf(machine, '/proc/device-tree/model')) ?? '').replaceAll('\0', '') || null,
    processors: cpus().length,
    processor: cpus()[0]?.model ?? null,
    uptime_seconds: Math.round(uptime()),
    load: loadavg(),
    memory_bytes: { total: totalmem(), free: freemem() },
    memory: ((await textOf(machine, '/proc/meminfo')) ?? '').split('\n').filter((line) => line !== ''),
    pressure: {
      cpu: await textOf(machine, '/proc/pressure/cpu'),
      io: await textOf(machine, '/proc/pressure/io'),
      memory: await textOf(machine, '/proc/pressure/memory'),
    },
  });
}

async function devices(machine: Machine): Promise<string> {
  const usb = [];
  for (const name of await namesIn(machine, '/sys/bus/usb/devices')) {
    const facts = await Promise.all(
      USB_FACTS.map(async (fact) => [fact, (await textOf(machine, `/sys/bus/usb/devices/${name}/${fact}`))?.trim()]),
    );
    const told = facts.filter(([, value]) => value !== undefined);
    if (told.length > 0) usb.push({ name, ...Object.fromEntries(told) });
  }
  const serial = [];
  for (const name of await namesIn(machine, '/sys/class/tty')) {
    const driver = await machine.realpath(`/sys/class/tty/${name}/device/driver`).catch(() => null);
    if (driver === null) continue;
    const device = await machine.realpath(`/sys/class/tty/${name}/device`).catch(() => null);
    serial.push({ name, driver: driver.split('/').at(-1), device });
  }
  const network = [];
  for (const name of await namesIn(machine, '/sys/class/net')) {
    const driver = await machine.realpath(`/sys/class/net/${name}/device/driver`).catch(() => null);
    network.push({
      name,
      driver: driver?.split('/').at(-1) ?? null,
      state: (await textOf(machine, `/sys/class/net/${name}/operstate`))?.trim() ?? null,
      wireless: (await namesIn(machine, `/sys/class/net/${name}/wireless`)).length > 0,
    });
  }
  const byPath = await namesIn(machine, '/dev/serial/by-path');
  return asJson({ usb, serial, serial_by_path: byPath, network });
}

async function kernel(machine: Machine): Promise<string> {
  const words = ['-k', '-o', 'short-iso-precise', '-n', KERNEL_LINES, '--no-pager', '--quiet'];
  const all = await printed(machine, 'journalctl', words);
  if (all.trim() === '') {
    throw new AgentError('kernel_log_empty', 'the journal shows this user nothing of the kernel', 'Run it with sudo.');
  }
  const lines = all.split('\n').filter((line) => TELLING.test(line));
  return `${lines.map((line) => line.replace(/(SerialNumber: ).*/i, '$1(left out)')).join('\n')}\n`;
}

/** A unit's environment and credentials can hold the broker's password (systemd.exec(5)). */
export function withoutEnvironment(shown: string): string {
  return shown.replace(/^((?:Environment|SetCredential\w*)=).+$/gm, '$1(left out)');
}

/** The addresses of this box's own adapters, twelve lower-case digits each. */
export async function ownAddresses(machine: Machine): Promise<Set<string>> {
  const names = await namesIn(machine, '/sys/class/net');
  const texts = await Promise.all(names.map((name) => textOf(machine, `/sys/class/net/${name}/address`)));
  return new Set(texts.flatMap((text) => (text === null ? [] : [text.trim().replaceAll(':', '').toLowerCase()])));
}

async function printed(
  machine: Machine,
  program: string,
  words: readonly string[],
  good: readonly number[] = [0],
): Promise<string> {
  const { code, out, err, failure } = await machine.run(program, words, LIMITS.program);
  if (code !== null && good.includes(code)) return out;
  const said = err.trim().split('\n')[0] ?? '';
  const why = failure ?? `ended with code ${code}${said === '' ? '' : `: ${said}`}`;
  throw new AgentError('program_failed', `${program}: ${why}`);
}

/** The directory, or the nearest one above it that is there. */
async function nearest(machine: Machine, path: string): Promise<string> {
  try {
    await machine.stat(path);
    return path;
  } catch (error) {
    if (path === '/' || codeOf(error) === 'EACCES') return path;
    return nearest(machine, join(path, '..'));
  }
}
