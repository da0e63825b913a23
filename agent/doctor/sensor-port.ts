/** One configured port. A port that the daemon has open is not opened again: that would flush what is waiting in it. */
import type { Context, SensorPort } from './context.ts';
import type { Finding } from './finding.ts';
import type { Holder, Holders } from './holders.ts';
import { codeOf, type FileFacts } from './machine.ts';
import { mayUse } from './people.ts';
import { bestName, type SerialPort, sharesItsName } from './ports.ts';
import { ChapterReport, modeOf } from './report.ts';

export interface PortFacts {
  sensor: SensorPort;
  /** The device its name leads to; null where it leads nowhere. */
  place: string | null;
  /** What sysfs knows of that device; null for a pty and other things that are no hardware. */
  port: SerialPort | null;
  ports: readonly SerialPort[];
  holders: Holders;
  /** Devices that the kernel uses as consoles. */
  consoles: readonly string[];
  /** Active services that open serial ports. */
  units: readonly string[];
}

const MOST_NAMED = 6;
const DEAD_LINK = 'Plug the sensor in, or name the right port in the settings';

const report = new ChapterReport('sensors');

export async function* checkPort(context: Context, facts: PortFacts): AsyncGenerator<Finding> {
  const { sensor, place } = facts;
  const check = { check: 'port', subject: sensor.id, tried: `looked at ${sensor.port}` };
  let device: FileFacts;
  try {
    device = await context.machine.stat(sensor.port);
  } catch (error) {
    const found = codeOf(error) === 'ENOENT' ? 'there is no such port' : `it cannot be reached (${codeOf(error)})`;
    yield report.error(check, `${found}; ${others(facts.ports)}`, `${DEAD_LINK}: sudo footfall setup`);
    return;
  }
  if (device.kind !== 'character_device') {
    yield report.error(check, `expected a serial port, found a ${device.kind}`, `${DEAD_LINK}: sudo footfall setup`);
    return;
  }
  yield report.ok(check, describe(facts, sensor.port));
  yield checkPermission(context, facts, device);
  yield* checkBinding(facts);
  if (place !== null) {
    yield* checkHolders(context, facts, place);
    yield* checkConsole(facts, place);
  }
}

function describe({ port, place }: PortFacts, name: string): string {
  const device = place === null || place === name ? 'a serial port' : place;
  // Ports on the board have no driver but the serial core's own, called "port".
  const driver = port?.driver && port.driver !== 'port' ? `, driver ${port.driver}` : '';
  return `${device}${driver}${port?.usb ? `, USB ${port.usb.vendor}:${port.usb.product}` : ''}`;
}

function others(ports: readonly SerialPort[]): string {
  if (ports.length === 0) return 'no serial port is plugged in';
  const names = ports.map((port) => bestName(port, ports));
  const more = names.length - MOST_NAMED;
  return `there are ${names.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function checkPermission({ people, identity }: Context, { sensor, place }: PortFacts, device: FileFacts): Finding {
  const path = place ?? sensor.port;
  const check = { check: 'port_permission', subject: sensor.id, tried: `permissions of ${path}` };
  const group = people.groupName(device.gid);
  const found = `${people.userName(device.uid)}:${group} ${modeOf(device.mode)}`;
  if (mayUse(device, identity, 'rw')) return report.ok(check, `${found}; ${identity.name} may read and write`);
  const again = identity.source === 'this user' ? 'log in again' : 'sudo systemctl restart footfall';
  const mend =
    device.gid !== 0 && (device.mode & 0o060) === 0o060
      ? `Join the group: sudo usermod -aG ${group} ${identity.name}, then ${again}`
      : `Install config/99-footfall.rules into /etc/udev/rules.d/ and plug in again; until then: sudo chmod 0660 ${path} && sudo chgrp dialout ${path}`;
  return report.error(check, `${found}; ${identity.name} may not read and write`, mend);
}

function* checkBinding({ sensor, port, ports }: PortFacts): Generator<Finding> {
  const check = { check: 'port_binding', subject: sensor.id, tried: 'whether its name lasts' };
  // A line on the board keeps its name, and a pty is nobody's hardware.
  if (port?.usb === null || port === null) return;
  const best = bestName(port, ports);
  const bind = `Set the port of ${sensor.id} to ${best}`;
  if (sensor.port.startsWith('/dev/serial/by-id/') && sharesItsName(port, ports)) {
    const mend =
      best === port.path ? `Use adapters with different serial numbers.` : `${bind}, which goes by the socket.`;
    yield report.warning(check, 'another adapter has the same by-id name: either may answer to it', mend);
  } else if (sensor.port === port.path && best !== port.path) {
    yield report.warning(check, `${port.path} depends on the order of plugging in`, `${bind}.`);
  } else if (sensor.port === port.path) {
    yield report.skipped(check, `${port.path} depends on the order of plugging in; udev gave it no other name`);
  } else yield report.ok(check, sensor.port);
}

function* checkHolders(context: Context, { sensor, holders, units }: PortFacts, place: string): Generator<Finding> {
  const check = { check: 'port_holder', subject: sensor.id, tried: `who has ${place} open` };
  const document = 'document' in context.daemon ? context.daemon.document : null;
  const found = holders.of.get(place) ?? [];
  const strangers = found.filter(({ pid }) => pid !== document?.process.pid);
  for (const stranger of strangers) {
    yield report.error(check, `${stranger.name} (pid ${stranger.pid}) has it open`, dismiss(stranger, place));
  }
  const name = place.slice('/dev/'.length);
  const login = `serial-getty@${name}.service`;
  if (strangers.length === 0 && units.includes(login)) {
    const mend = `Turn it off: sudo systemctl disable --now ${login}`;
    yield report.error(check, `a login prompt runs on it (${login})`, mend);
  } else if (strangers.length > 0) return;
  else if (found.length > 0) yield report.ok(check, 'the daemon alone');
  else if (document?.sensors.find(({ id }) => id === sensor.id)?.state === 'up') {
    yield report.ok(check, 'the daemon says that it has it open');
  } else if (holders.complete) yield report.ok(check, 'nobody');
  else yield report.skipped(check, 'this user sees only its own processes', 'Look again as root: sudo footfall doctor');
}

function dismiss({ name, pid }: Holder, place: string): string {
  if (/^ModemManager/.test(name)) return 'Without a modem in this box: sudo systemctl mask --now ModemManager';
  if (/^brltty/.test(name)) return 'Without a braille terminal on this box: sudo apt remove brltty';
  if (/^a?getty/.test(name)) {
    return `Turn the login prompt off: sudo systemctl disable --now serial-getty@${place.slice('/dev/'.length)}.service`;
  }
  return `End it, if it has no business there: sudo kill ${pid}`;
}

function* checkConsole({ sensor, consoles }: PortFacts, place: string): Generator<Finding> {
  if (!consoles.includes(place)) return;
  const check = { check: 'port_console', subject: sensor.id, tried: 'read the kernel command line' };
  const name = place.slice('/dev/'.length);
  const mend = `Take console=${name} off the kernel's command line (on a Raspberry Pi: raspi-config, Interface, Serial Port) and restart.`;
  yield report.error(check, `the kernel writes its messages to ${place}`, mend);
}
