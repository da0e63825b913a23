/** Questions about sensors: which ports and radios have one, and what each is for. */
import { DRIVER_FACTS, DRIVER_NAMES, isSensorDriver } from '../../settings/sensor-drivers.ts';
import type { SensorDriver } from '../../settings/settings.ts';
import type { SensorRow } from './answers.ts';
import { ASKED_KEYS, askDriver, probeOf } from './ask-driver.ts';
import type { Asker, Choice } from './asker.ts';
import { fitting } from './flags.ts';
import type { FoundPort } from './ports.ts';
import { refusals } from './refusal.ts';

const DRIVERS: Record<SensorDriver, string> = {
  'wifi-lines': 'Wi-Fi sniffer, text lines (TZ001 class)',
  'wifi-json': 'Wi-Fi sniffer, JSON lines (ESP32)',
  'wifi-pcap': 'Wi-Fi sniffer, pcap (SerialPcap, Marauder)',
  'wifi-monitor': 'Wi-Fi adapter in monitor mode',
  'ble-hci': 'Bluetooth controller (HCI)',
  'ble-nrf': 'Bluetooth sniffer, Nordic nRF Sniffer',
  'ble-sniffle': 'Bluetooth sniffer, Sniffle',
  'ble-json': 'Bluetooth dongle, JSON lines (BleuIO, OpenMQTTGateway)',
  'door-modbus': 'Counter module on RS-485 (Modbus)',
  'door-hpc168': 'Door counter, HPC168',
  'door-teraranger': 'Door counter, TeraRanger Evo',
  'door-lines': 'Door counter, text lines (ESP32, beams)',
  'door-turnstile': 'Turnstile on RS-485',
  'door-contact': 'Contact on CTS, DSR or DCD',
  'door-radar': 'Radar, HLK-LD2450',
};
const TILL = 'till';
const OTHER = '';
const RADIOS: Partial<Record<FoundPort['kind'], SensorDriver>> = { bluetooth: 'ble-hci', wifi: 'wifi-monitor' };

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
      ...sensors.map((row) => ({
        value: `change ${row.id}`,
        name: `Change ${row.id}`,
        description: placeOf(row),
      })),
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
  const free = ports.filter(({ path }) => before.every((row) => placeOf(row) !== path || isOnBus(row)));
  let chosen = [OTHER];
  if (free.length === 0)
    asker.note('  No free serial port was found here; a sensor that comes later can be named already.');
  else chosen = await asker.several({ message: 'Which ports have a sensor?', choices: portChoices(free) });
  let sensors = [...before];
  for (const picked of chosen) {
    const place = picked === OTHER ? await askPath(asker, undefined) : picked;
    for (let more = true; more; ) {
      const added = await askSensor(asker, attached(place), sensors, ports);
      sensors = [...sensors, added];
      more = isOnBus(added) && (await asker.confirm({ message: 'Another sensor on the same line?', default: false }));
    }
  }
  return sensors;
}

async function changeSensor(asker: Asker, sensors: readonly SensorRow[], ports: readonly FoundPort[], id: string) {
  const before = sensors.find((row) => row.id === id) ?? {};
  const others = sensors.filter((row) => row.id !== id);
  const now = placeOf(before);
  const free = ports.filter(({ path }) => path === now || others.every((row) => placeOf(row) !== path || isOnBus(row)));
  const known = free.some(({ path }) => path === now);
  const choices = [...(known ? [] : [{ value: now, name: `${now} (not found now)` }]), ...portChoices(free)];
  const picked = await asker.choose({ message: `${id}: at which port?`, choices, default: now });
  const place = picked === OTHER ? await askPath(asker, now) : picked;
  const { port: _port, adapter: _adapter, ...kept } = before;
  const after = await askSensor(asker, { ...kept, ...attached(place) }, others, ports);
  return sensors.map((row) => (row.id === id ? after : row));
}

/** What a sensor is attached to, as it is shown and picked. */
function placeOf({ port, adapter }: SensorRow): string {
  return String(port ?? adapter ?? 'auto');
}

/** A port is a path; a radio has a name. */
function attached(place: string): SensorRow {
  return place.startsWith('/') ? { port: place } : { adapter: place };
}

function isOnBus({ driver }: SensorRow): boolean {
  return isSensorDriver(driver) && DRIVER_FACTS[driver].bus !== undefined;
}

function portChoices(ports: readonly FoundPort[]): Choice<string>[] {
  return [
    ...ports.map(({ path, device, product, naming, kind }) => ({
      value: path,
      name: `${device.padEnd(8)} ${product || 'port of the board'}`,
      short: device,
      description:
        naming === 'stable' || product === '' || kind === 'bluetooth'
          ? path
          : `${path} (may be another one after a restart)`,
    })),
    { value: OTHER, name: 'Another one: type its path' },
  ];
}

function askPath(asker: Asker, preset: string | undefined): Promise<string> {
  const message = 'Path of the port, as /dev/serial/by-id/...:';
  const known = preset?.startsWith('/') ? { default: preset } : {};
  return asker.text({ message, check: refusals.port, ...known });
}

/** Everything of one sensor but where it is attached. */
async function askSensor(
  asker: Asker,
  before: SensorRow,
  others: readonly SensorRow[],
  ports: readonly FoundPort[],
): Promise<SensorRow> {
  const place = placeOf(before);
  const neighbour = others.find((row) => row.port !== undefined && row.port === before.port);
  const found = ports.find(({ path }) => path === place);
  const label = String(before.id ?? found?.device ?? place.split('/').at(-1));
  const kind = fixedKind(neighbour, before, found) ?? (await askKind(asker, before, label));
  const driver = kind === TILL ? 'door-lines' : kind;
  const id = String(before.id ?? (await askId(asker, others, kind)));
  const kept = Object.entries(before).filter(([key]) => !ASKED_KEYS.some((asked) => asked === key));
  const row: SensorRow = { ...Object.fromEntries(kept), id, driver };
  // All on one line are opened alike.
  for (const key of ['baud', 'parity', 'stop_bits']) if (neighbour?.[key] !== undefined) row[key] = neighbour[key];
  const known = neighbour ? { ...before, ...row } : before;
  const fitted = kind === TILL ? { ...known, role: 'transactions' } : withoutRole(known, driver);
  const told = await askDriver({ asker, id, driver, before: { ...fitted, ...attached(place) }, others });
  return fitting({ ...row, ...(kind === TILL && { role: 'transactions' }), ...told });
}

/** A door counter that was a till has a door again. */
function withoutRole(row: SensorRow, driver: SensorDriver): SensorRow {
  const { role: _role, ...rest } = row;
  return driver === 'door-contact' ? row : rest;
}

/** What the place leaves no choice about. */
function fixedKind(neighbour: SensorRow | undefined, before: SensorRow, found: FoundPort | undefined) {
  if (neighbour && isSensorDriver(neighbour.driver)) return neighbour.driver;
  const radio = found && RADIOS[found.kind];
  if (radio) return radio;
  if (before.port !== undefined || !isSensorDriver(before.driver)) return undefined;
  return DRIVER_FACTS[before.driver].line === 'radio' ? before.driver : undefined;
}

function askKind(asker: Asker, before: SensorRow, label: string) {
  const drivers = DRIVER_NAMES.filter((name) => DRIVER_FACTS[name].keys.includes('port'));
  const choices: Choice<SensorDriver | typeof TILL>[] = [
    ...drivers.map((value) => ({ value, name: DRIVERS[value], description: `driver ${value}` })),
    { value: TILL, name: 'Till: a pulse or line per sale', description: 'driver door-lines, role transactions' },
  ];
  const till = before.driver === 'door-lines' && before.role === 'transactions';
  const now = till ? TILL : isSensorDriver(before.driver) ? before.driver : undefined;
  const message = `${label}: what is it?`;
  return asker.choose<SensorDriver | typeof TILL>({ message, choices, ...(now === undefined ? {} : { default: now }) });
}

function askId(asker: Asker, others: readonly SensorRow[], kind: string): Promise<string> {
  const base = kind === TILL ? 'till' : (kind.split('-')[0] ?? kind);
  const taken = (id: string) => others.some((row) => row.id === id);
  let preset = base;
  for (let number = 2; taken(preset); number++) preset = `${base}-${number}`;
  return asker.text({
    message: 'Its name, which stays when it is replaced:',
    default: preset,
    check: (id) =>
      taken(id) ? `"${id}" is the name of another sensor` : refusals.sensor({ ...probeOf('wifi-pcap'), id }),
  });
}
