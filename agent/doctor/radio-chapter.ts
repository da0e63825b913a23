/** The box's own radios: an error only where a sensor needs one. Whether its adapter is there is told of that sensor. */
import { type Context, radioOf } from './context.ts';
import type { Finding } from './finding.ts';
import { type Machine, namesIn, textOf } from './machine.ts';
import { checkHelpers, checkTools } from './radio-helper.ts';
import { ChapterReport } from './report.ts';

const NOT_NEEDED = 'no sensor of the settings needs it';
/** Of the daemon itself. */
const HELPED = 'it need not: radios have helpers of their own';
const NEEDED = 'a sensor of the settings needs one';
/** Frames with radiotap in front (if_arp.h): an interface in monitor mode. */
const MONITOR = '803';
/** IFF_UP of if.h. */
const UP = 1;
/** Bit of CAP_NET_RAW (capabilities(7)). */
const NET_RAW = 13n;
/** USB class of Bluetooth adapters: wireless controller, radio frequency, Bluetooth (USB class codes). */
const BLUETOOTH_CLASS = 'e0 01 01';

const report = new ChapterReport('radio');

export async function* checkRadio(context: Context): AsyncGenerator<Finding> {
  yield await checkBluetooth(context);
  yield* await checkSwitches(context);
  yield await checkMonitorMode(context);
  yield* await checkMonitors(context);
  yield* checkTools(context);
  yield* checkHelpers(context);
  yield await checkCapability(context);
}

async function checkBluetooth(context: Context): Promise<Finding> {
  const { machine } = context;
  const use = isNeeded(context, 'bluetooth') ? NEEDED : NOT_NEEDED;
  const check = { check: 'bluetooth', tried: 'looked for a Bluetooth adapter' };
  const adapters = (await namesIn(machine, '/sys/class/bluetooth')).filter((name) => /^hci\d+$/.test(name));
  if (adapters.length > 0) return report.ok(check, adapters.join(', '));
  for (const device of await namesIn(machine, '/sys/bus/usb/devices')) {
    const parts = ['bDeviceClass', 'bDeviceSubClass', 'bDeviceProtocol'];
    const told = await Promise.all(parts.map((part) => textOf(machine, `/sys/bus/usb/devices/${device}/${part}`)));
    if (told.map((each) => each?.trim()).join(' ') !== BLUETOOTH_CLASS) continue;
    const mend =
      'If it is to be used: sudo modprobe btusb; and see what is missing: sudo dmesg | grep -i -e bluetooth -e firmware';
    return report.skipped(check, `there is one on USB, but no driver has taken it; ${use}`, mend);
  }
  return report.skipped(check, `there is none; ${use}`);
}

/** Radios that are switched off, by sysfs (kernel: Documentation/driver-api/rfkill.rst). */
async function checkSwitches(context: Context): Promise<Finding[]> {
  const { machine } = context;
  const findings: Finding[] = [];
  for (const name of await namesIn(machine, '/sys/class/rfkill')) {
    const place = `/sys/class/rfkill/${name}`;
    const [type, soft, hard] = await Promise.all(
      ['type', 'soft', 'hard'].map(async (file) => (await textOf(machine, `${place}/${file}`))?.trim() ?? ''),
    );
    const check = { check: 'rfkill', subject: `${name} (${type})`, tried: 'whether it is switched off' };
    const needed = isNeeded(context, type);
    const tell = (found: string, mend: string) =>
      needed
        ? report.error(check, `${found}; ${NEEDED}`, `To use it: ${mend}`)
        : report.skipped(check, found, `If it is to be used: ${mend}`);
    if (hard === '1') findings.push(tell('off by a switch or the firmware', 'turn it on there.'));
    else if (soft === '1') findings.push(tell('off by software', `sudo rfkill unblock ${type}`));
    else findings.push(report.ok(check, 'on'));
  }
  return findings;
}

async function checkMonitorMode(context: Context): Promise<Finding> {
  const { machine } = context;
  const use = isNeeded(context, 'wlan') ? NEEDED : NOT_NEEDED;
  const check = { check: 'monitor_mode', tried: 'looked for Wi-Fi adapters that can listen' };
  const interfaces = await wirelessInterfaces(machine);
  if (interfaces.length === 0) return report.skipped(check, `there is no Wi-Fi adapter; ${use}`);
  const { code, out, failure } = await machine.run('iw', ['phy'], 3_000);
  if (code !== 0) {
    const mend = failure === 'missing' ? 'To learn it: sudo apt install iw' : '';
    return report.skipped(check, `${interfaces.join(', ')}; whether it can is not known`, mend);
  }
  const able = physWithMonitorMode(out);
  if (able.length > 0) return report.ok(check, `${able.join(', ')} can (monitor mode)`);
  return isNeeded(context, 'wlan')
    ? report.error(check, `${interfaces.join(', ')} cannot; ${use}`, 'Plug in a Wi-Fi adapter that can (monitor mode).')
    : report.skipped(check, `${interfaces.join(', ')} cannot; ${use}`);
}

/** Interfaces in monitor mode. There need not be one: the helper makes it when it starts. */
async function checkMonitors(context: Context): Promise<Finding[]> {
  const { machine } = context;
  const findings: Finding[] = [];
  for (const name of await wirelessInterfaces(machine)) {
    const [type, flags] = await Promise.all(
      ['type', 'flags'].map(async (file) => (await textOf(machine, `/sys/class/net/${name}/${file}`))?.trim()),
    );
    if (type !== MONITOR) continue;
    const check = { check: 'monitor_interface', subject: name, tried: 'whether it listens' };
    if ((Number(flags) & UP) !== 0) findings.push(report.ok(check, 'in monitor mode, and up'));
    else if (isNeeded(context, 'wlan')) {
      const mend = `The helper sets it up, if it runs; by hand: sudo ip link set ${name} up`;
      findings.push(report.warning(check, 'in monitor mode, but down: it hears nothing', mend));
    } else findings.push(report.skipped(check, `in monitor mode, but down; ${NOT_NEEDED}`));
  }
  return findings;
}

/** @param type as rfkill calls radios. */
function isNeeded({ sensors }: Context, type: string): boolean {
  return sensors.some((sensor) => radioOf(sensor) === type);
}

/** Names of network interfaces that are radios. */
export async function wirelessInterfaces(machine: Pick<Machine, 'readdir' | 'realpath'>): Promise<string[]> {
  const names = await namesIn(machine, '/sys/class/net');
  const found = await Promise.all(
    names.map((name) => machine.realpath(`/sys/class/net/${name}/phy80211`).catch(() => null)),
  );
  return names.filter((_name, index) => found[index] !== null);
}

/** Which radios `iw phy` lists with `* monitor` under "Supported interface modes". */
export function physWithMonitorMode(text: string): string[] {
  return text
    .split(/^Wiphy /m)
    .slice(1)
    .filter((phy) => /Supported interface modes:\s*\n(?:\s*\* .*\n)*?\s*\* monitor\s*$/m.test(phy))
    .map((phy) => phy.split('\n', 1)[0].trim());
}

async function checkCapability({ machine, service }: Context): Promise<Finding> {
  const check = { check: 'capability', tried: 'whether the daemon may open raw sockets (CAP_NET_RAW)' };
  if (service?.installed) {
    const may = service.user === '' || service.capabilities.includes('cap_net_raw');
    return may ? report.ok(check, 'its unit may') : report.skipped(check, `its unit may not; ${HELPED}`);
  }
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec((await textOf(machine, '/proc/self/status')) ?? '')?.[1];
  const may = effective !== undefined && ((BigInt(`0x${effective}`) >> NET_RAW) & 1n) === 1n;
  return may ? report.ok(check, 'this user may') : report.skipped(check, `this user may not; ${HELPED}`);
}
