/**
 * The sensors' ports: there, free and ours, bound by a name that lasts, and left alone by the rest of the system; of
 * radios their adapters.
 */
import { type Context, radioOf } from './context.ts';
import type { Finding } from './finding.ts';
import { findHolders } from './holders.ts';
import { factsAt, textOf } from './machine.ts';
import { bestName, listSerialPorts } from './ports.ts';
import { ChapterReport, countOf } from './report.ts';
import { checkPort, type PortFacts } from './sensor-port.ts';
import { checkAdapter } from './sensor-radio.ts';

const RULES = [
  '/etc/udev/rules.d/99-footfall.rules',
  '/usr/lib/udev/rules.d/99-footfall.rules',
  '/lib/udev/rules.d/99-footfall.rules',
];
/** Services that open serial ports by themselves. */
const UNITS = ['ModemManager.service', 'brltty.service', 'serial-getty@*.service'];

const report = new ChapterReport('sensors');

export async function* checkSensors(context: Context): AsyncGenerator<Finding> {
  const { machine, sensors } = context;
  const ports = await listSerialPorts(machine);
  const names = ports.map((port) => bestName(port, ports));
  yield report.ok(
    { check: 'serial_ports', tried: 'listed the serial ports' },
    names.length === 0 ? 'there are none' : names.join(', '),
  );
  if (sensors.length === 0) {
    const check = { check: 'sensors', tried: 'looked for sensors in the settings' };
    yield report.skipped(check, 'there are no settings that name any');
    return;
  }
  const places = await Promise.all(
    sensors.map((sensor) => (radioOf(sensor) ? null : machine.realpath(sensor.port).catch(() => null))),
  );
  const [holders, consoles, units] = await Promise.all([
    findHolders(
      machine,
      places.filter((place) => place !== null),
    ),
    kernelConsoles(context),
    activeUnits(context),
  ]);
  for (const [index, sensor] of sensors.entries()) {
    if (radioOf(sensor)) {
      yield* checkAdapter(context, sensor);
      continue;
    }
    const place = places[index];
    const port = ports.find(({ path }) => path === place) ?? null;
    const facts: PortFacts = { sensor, place, port, ports, holders, consoles, units };
    yield* checkPort(context, facts);
  }
  const onUsb = ports.filter((port) => port.usb !== null && places.includes(port.path)).length;
  yield* await checkRules(context, onUsb, units);
}

async function checkRules({ machine }: Context, onUsb: number, units: readonly string[]): Promise<Finding[]> {
  if (onUsb === 0) return [];
  const check = { check: 'udev_rules', tried: "looked for Footfall's udev rules" };
  const installed = (await Promise.all(RULES.map((path) => factsAt(machine, path)))).findIndex(
    (facts) => facts !== null,
  );
  const modemManager = units.includes('ModemManager.service');
  const probing = {
    check: 'modem_manager',
    subject: 'ModemManager',
    tried: 'looked for services that open serial ports',
  };
  if (installed >= 0) {
    const rules = report.ok(check, RULES[installed]);
    return modemManager ? [rules, report.ok(probing, 'it runs; the rules keep it off known adapters')] : [rules];
  }
  const mend =
    'Install them: sudo scripts/install.sh, or copy config/99-footfall.rules to /etc/udev/rules.d/ and plug in again.';
  const found = `not installed, with ${countOf(onUsb, 'sensor')} on USB: permissions are left to the system`;
  const rules = report.warning(check, found, mend);
  if (!modemManager) return [rules];
  const danger = 'it runs and sends modem commands to new serial ports, which disturbs a sensor after each plugging in';
  return [
    rules,
    report.warning(probing, danger, `${mend} Or, without a modem: sudo systemctl mask --now ModemManager`),
  ];
}

/** The ports that the kernel writes its messages to (console= in kernel-parameters), links resolved. */
async function kernelConsoles({ machine }: Context): Promise<string[]> {
  const line = (await textOf(machine, '/proc/cmdline')) ?? '';
  const names = [...line.matchAll(/(?:^|\s)console=([\w/]+)/g)].map((match) => match[1]);
  return Promise.all(names.map((name) => machine.realpath(`/dev/${name}`).catch(() => `/dev/${name}`)));
}

async function activeUnits({ machine }: Context): Promise<string[]> {
  const words = ['list-units', '--type=service', '--state=active', '--plain', '--no-legend', '--no-pager', ...UNITS];
  const { code, out } = await machine.run('systemctl', words, 3_000);
  return code === 0 ? out.split('\n').flatMap((line) => line.trim().split(/\s+/, 1)) : [];
}
