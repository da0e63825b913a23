/** Questions about sensors: which ports have one, and what each is for. */
import { DRIVER_FACTS, DRIVER_NAMES, isSensorDriver } from '../../settings/sensor-drivers.ts';
import type { SensorDriver } from '../../settings/settings.ts';
import type { SensorRow } from './answers.ts';
import type { Asker, Choice } from './asker.ts';
import { fitting } from './flags.ts';
import type { FoundPort } from './ports.ts';
import { refusals } from './refusal.ts';

const DRIVERS: Record<SensorDriver, string> = {
  'wifi-pcap': 'Wi-Fi sniffer, pcap (SerialPcap, Marauder)',
  'wifi-lines': 'Wi-Fi sniffer, text lines (TZ001 class)',
  'door-lines': 'Door counter',
};
const TILL = 'till';
const OTHER = '';
const DEFAULT_GATE = '-70';

/** The sensors as they shall be; at least one. */
export async function askSensors(
  asker: Asker,
  before: readonly SensorRow[],
  ports: readonly FoundPort[],
): Promise<SensorRow[]> {
  let sensors = [...before];
  if (sensors.length === 0) return addSensors(asker, sensors, ports);
  for (;;) {
    const choices: Choice<string>[] = [
      { value: 'done', name: 'Nothing more' },
      { value: 'add', name: 'Add a sensor' },
      ...sensors.map(({ id, port }) => ({ value: `change ${id}`, name: `Change ${id}`, description: String(port) })),
      ...(sensors.length > 1 ? sensors.map(({ id }) => ({ value: `remove ${id}`, name: `Remove ${id}` })) : []),
    ];
    const what = await asker.choose({ message: 'What of the sensors?', choices, default: 'done' });
    if (what === 'done') return sensors;
    const [verb, id] = what.split(' ');
    if (verb === 'add') sensors = await addSensors(asker, sensors, ports);
    else if (verb === 'remove') sensors = sensors.filter((row) => row.id !== id);
    else sensors = await changeSensor(asker, sensors, ports, id);
  }
}

async function addSensors(asker: Asker, before: readonly SensorRow[], ports: readonly FoundPort[]) {
  const free = ports.filter(({ path }) => !before.some(({ port }) => port === path));
  let chosen = [OTHER];
  if (free.length === 0)
    asker.note('  No free serial port was found here; a sensor that comes later can be named already.');
  else chosen = await asker.several({ message: 'Which ports have a sensor?', choices: portChoices(free) });
  let sensors = [...before];
  for (const path of chosen) {
    const port = path === OTHER ? await askPath(asker, undefined) : path;
    sensors = [...sensors, await askSensor(asker, { port }, sensors, nameOf(port, ports))];
  }
  return sensors;
}

async function changeSensor(asker: Asker, sensors: readonly SensorRow[], ports: readonly FoundPort[], id: string) {
  const before = sensors.find((row) => row.id === id) ?? {};
  const others = sensors.filter((row) => row.id !== id);
  const free = ports.filter(({ path }) => path === before.port || !others.some(({ port }) => port === path));
  const known = free.some(({ path }) => path === before.port);
  const choices = [
    ...(known ? [] : [{ value: String(before.port), name: `${before.port} (not found now)` }]),
    ...portChoices(free),
  ];
  const path = await asker.choose({ message: `${id}: at which port?`, choices, default: String(before.port) });
  const port = path === OTHER ? await askPath(asker, String(before.port)) : path;
  const after = await askSensor(asker, { ...before, port }, others, id);
  return sensors.map((row) => (row.id === id ? after : row));
}

function portChoices(ports: readonly FoundPort[]): Choice<string>[] {
  return [
    ...ports.map(({ path, device, product, naming }) => ({
      value: path,
      name: `${device.padEnd(8)} ${product || 'port of the board'}`,
      short: device,
      description: naming === 'stable' || product === '' ? path : `${path} (may be another one after a restart)`,
    })),
    { value: OTHER, name: 'Another one: type its path' },
  ];
}

function askPath(asker: Asker, preset: string | undefined): Promise<string> {
  const message = 'Path of the port, as /dev/serial/by-id/...:';
  return asker.text({ message, check: refusals.port, ...(preset === undefined ? {} : { default: preset }) });
}

function nameOf(port: string, ports: readonly FoundPort[]): string {
  return ports.find(({ path }) => path === port)?.device ?? port.split('/').at(-1) ?? port;
}

/** Everything of one sensor but its port. @param label how the questions call it. */
async function askSensor(asker: Asker, before: SensorRow, others: readonly SensorRow[], label: string) {
  const choices: Choice<SensorDriver | typeof TILL>[] = [
    ...DRIVER_NAMES.map((value) => ({ value, name: DRIVERS[value], description: `driver ${value}` })),
    { value: TILL, name: 'Till: a pulse or line per sale', description: 'driver door-lines, role transactions' },
  ];
  const now = before.role === 'transactions' ? TILL : isSensorDriver(before.driver) ? before.driver : undefined;
  const message = `${label}: what is it?`;
  const kind = await asker.choose<SensorDriver | typeof TILL>({
    message,
    choices,
    ...(now === undefined ? {} : { default: now }),
  });
  const driver = kind === TILL ? 'door-lines' : kind;
  const { door, zone, role: _role, baud: _baud, gate_dbm: gate, ...kept } = before;
  const id = String(before.id ?? (await askId(asker, others, kind)));
  const row: SensorRow = { ...kept, id, driver };
  if (kind === TILL) row.role = 'transactions';
  else if (DRIVER_FACTS[driver].kind === 'wifi') {
    row.zone = await askName(
      asker,
      'zone',
      `${id}: zone it listens to:`,
      zone ?? others.find((other) => other.zone)?.zone ?? 'shop',
    );
    const level = await asker.text({
      message: `${id}: a phone counts as inside above which RSSI, in dBm?`,
      default: String(gate ?? DEFAULT_GATE),
      check: (text) => refusals.sensor({ ...PROBE, gate_dbm: numberOf(text) }),
    });
    if (gate !== undefined || level !== DEFAULT_GATE) row.gate_dbm = Number(level);
  } else {
    row.door = await askName(asker, 'door', `${id}: door it counts:`, door ?? 'main');
  }
  const usual = DRIVER_FACTS[driver].baud;
  const baud = await asker.text({
    message: `${id}: bits per second:`,
    default: String(before.driver === driver ? (before.baud ?? usual) : usual),
    check: (text) => refusals.sensor({ ...PROBE, baud: numberOf(text) }),
  });
  if (Number(baud) !== usual || (before.baud !== undefined && before.driver === driver)) row.baud = Number(baud);
  return fitting(row);
}

/** A good sensor, to try one key of. */
const PROBE = { id: 'sensor', driver: 'wifi-pcap', port: '/dev/port', zone: 'zone' };

function askId(asker: Asker, others: readonly SensorRow[], kind: string): Promise<string> {
  const base = kind === TILL ? 'till' : (kind.split('-')[0] ?? kind);
  const taken = (id: string) => others.some((row) => row.id === id);
  let preset = base;
  for (let number = 2; taken(preset); number++) preset = `${base}-${number}`;
  return asker.text({
    message: 'Its name, which stays when it is replaced:',
    default: preset,
    check: (id) => (taken(id) ? `"${id}" is the name of another sensor` : refusals.sensor({ ...PROBE, id })),
  });
}

function askName(asker: Asker, key: 'zone' | 'door', message: string, preset: string | number | boolean) {
  const probe = key === 'zone' ? PROBE : { id: 'sensor', driver: 'door-lines', port: '/dev/port' };
  const check = (text: string) => refusals.sensor({ ...probe, [key]: text });
  return asker.text({ message, default: String(preset), check });
}

function numberOf(text: string): number | string {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
