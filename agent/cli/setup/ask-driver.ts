/** What each driver has to be told of its sensor, beyond where it is attached. */
import { modbusProfileNames } from '../../settings/modbus-profile.ts';
import { DRIVER_FACTS, type DriverKey, SENSOR_DEFAULTS } from '../../settings/sensor-drivers.ts';
import type { SensorDriver } from '../../settings/settings.ts';
import type { SensorRow } from './answers.ts';
import type { Asker } from './asker.ts';
import { refusals } from './refusal.ts';

export interface Asked {
  asker: Asker;
  id: string;
  driver: SensorDriver;
  /** What is known of the sensor; keys that are not asked about are kept. */
  before: SensorRow;
  others: readonly SensorRow[];
}

const OWN_PROFILE = '';
const SALES = 'sales';

/** The keys that the driver needs an answer for; an answer that equals a default is left out unless it was said before. */
export async function askDriver(asked: Asked): Promise<SensorRow> {
  const { driver, before } = asked;
  const { kind, keys } = DRIVER_FACTS[driver];
  if (kind !== 'door') return { ...(await askZone(asked)), ...(await askBaud(asked)) };
  const row: SensorRow = {};
  if (driver === 'door-modbus') Object.assign(row, await askModbus(asked));
  if (keys.includes('unit')) Object.assign(row, await askUnit(asked, row));
  if (driver === 'door-contact') Object.assign(row, await askContact(asked));
  const till = (row.role ?? (driver === 'door-contact' ? undefined : before.role)) === 'transactions';
  if (!till) row.door = await askName(asked, 'door', 'door it counts:', before.door ?? 'main');
  if (driver === 'door-radar')
    Object.assign(row, await askNumber(asked, 'line_mm', 'line crossed, mm from the radar:'));
  return { ...row, ...(await askBaud(asked, row.profile)) };
}

/** Keys that `askDriver` answers anew: what it leaves out is to go. */
export const ASKED_KEYS: readonly DriverKey[] = [
  ...(['zone', 'gate_dbm', 'door', 'role', 'baud', 'unit', 'profile', 'in_channel', 'out_channel'] as const),
  ...(['total_channel', 'contact', 'counts', 'line_mm'] as const),
];

/** A good sensor of this driver, to try one key of. */
export function probeOf(driver: SensorDriver): SensorRow {
  const { needs, kind } = DRIVER_FACTS[driver];
  const good = { port: '/dev/port', adapter: 'wlan1', zone: 'zone', profile: 'generic-input', contact: 'cts' };
  return {
    ...{ id: 'sensor', driver },
    ...Object.fromEntries(Object.entries(good).filter(([key]) => needs.some((need) => need === key))),
    ...(kind === 'door' && { door: 'door' }),
    ...(driver === 'door-modbus' && { in_channel: 1, out_channel: 2 }),
  };
}

async function askZone(asked: Asked): Promise<SensorRow> {
  const usual = asked.before.zone ?? asked.others.find((other) => other.zone)?.zone ?? 'shop';
  const zone = await askName(asked, 'zone', 'zone it listens to:', usual);
  const question = 'a phone counts as inside above which RSSI, in dBm?';
  return { zone, ...(await askNumber(asked, 'gate_dbm', question)) };
}

async function askModbus(asked: Asked): Promise<SensorRow> {
  const { asker, id, before } = asked;
  const names = modbusProfileNames();
  const now = typeof before.profile === 'string' ? before.profile : undefined;
  const choices = [
    ...names.map((value) => ({ value, name: value })),
    ...(now === undefined || names.includes(now) ? [] : [{ value: now, name: now }]),
    { value: OWN_PROFILE, name: 'A profile of your own: type its path' },
  ];
  const preset = now === undefined ? {} : { default: now };
  const picked = await asker.choose({ message: `${id}: which counter module is it?`, choices, ...preset });
  const { in_channel: _in, out_channel: _out, ...good } = probeOf('door-modbus');
  const profile =
    picked === OWN_PROFILE
      ? await asker.text({
          message: `${id}: path of the profile:`,
          check: (path) => refusals.sensor({ ...good, profile: path, total_channel: 1 }),
        })
      : picked;
  const both = await asker.confirm({
    message: `${id}: does it know the direction, one channel in and one out?`,
    default: before.total_channel === undefined,
  });
  const channel = async (message: string, usual: unknown, put: (channel: number | string) => SensorRow) => {
    const check = (text: string) => refusals.sensor({ ...good, profile, ...put(numberOf(text)) });
    return Number(await asker.text({ message: `${id}: ${message}`, default: String(usual), check }));
  };
  const alone = (total_channel: number | string) => ({ total_channel });
  if (!both) return { profile, total_channel: await channel('its channel:', before.total_channel ?? 1, alone) };
  const in_channel = await channel('channel of people coming in:', before.in_channel ?? 1, alone);
  const beside = (out_channel: number | string) => ({ in_channel, out_channel });
  const usual = before.out_channel ?? in_channel + 1;
  return { profile, in_channel, out_channel: await channel('channel of people going out:', usual, beside) };
}

/** @param row what was answered of this sensor so far. */
async function askUnit(asked: Asked, row: SensorRow): Promise<SensorRow> {
  const { asker, id, driver, before, others } = asked;
  const neighbours = others.filter((other) => other.port === before.port && other.driver === driver);
  const taken = neighbours.map(({ unit }) => Number(unit ?? SENSOR_DEFAULTS.unit));
  // Two doors can be on one Modbus module, so that its unit is offered again.
  const tried = { ...(driver === 'door-modbus' ? row : {}), ...{ id, driver, port: before.port, door: 'door' } };
  const usual = before.unit ?? (driver === 'door-modbus' ? taken.at(-1) : Math.max(0, ...taken) + 1) ?? 1;
  const unit = await asker.text({
    message: `${id}: its address on the bus:`,
    default: String(usual),
    check: (text) => refusals.sensors([...neighbours, { ...tried, unit: numberOf(text) }]),
  });
  return Number(unit) === SENSOR_DEFAULTS.unit && before.unit === undefined ? {} : { unit: Number(unit) };
}

async function askContact({ asker, id, before }: Asked): Promise<SensorRow> {
  const contact = await asker.choose({
    message: `${id}: which line is closed?`,
    choices: ['cts', 'dsr', 'dcd'].map((value) => ({ value, name: value.toUpperCase() })),
    default: String(before.contact ?? 'cts'),
  });
  const counts = await asker.choose({
    message: `${id}: what does a closure count?`,
    choices: [
      { value: 'in', name: 'Somebody coming in' },
      { value: 'out', name: 'Somebody going out' },
      { value: 'both', name: 'Anybody: each second one is going out' },
      { value: SALES, name: 'A sale: it is a till' },
    ],
    default: before.role === 'transactions' ? SALES : String(before.counts ?? SENSOR_DEFAULTS.counts),
  });
  return counts === SALES ? { contact, role: 'transactions' } : { contact, counts };
}

async function askBaud(asked: Asked, profile?: SensorRow[string]): Promise<SensorRow> {
  const { asker, id, driver, before } = asked;
  const { baud, uartBaud } = DRIVER_FACTS[driver];
  const usual = before.port === undefined ? 0 : (uartBaud ?? baud);
  // A module's profile knows its speed.
  if (usual === 0 || profile !== undefined) return before.baud === undefined ? {} : { baud: before.baud };
  const kept = before.driver === driver ? before.baud : undefined;
  const text = await asker.text({
    message: `${id}: bits per second:`,
    default: String(kept ?? usual),
    check: (answer) => refusals.sensor({ ...probeOf(driver), port: '/dev/port', baud: numberOf(answer) }),
  });
  return Number(text) === usual && kept === undefined ? {} : { baud: Number(text) };
}

async function askNumber(asked: Asked, key: 'gate_dbm' | 'line_mm', question: string): Promise<SensorRow> {
  const { asker, id, driver, before } = asked;
  const usual = SENSOR_DEFAULTS[key];
  const text = await asker.text({
    message: `${id}: ${question}`,
    default: String(before[key] ?? usual),
    check: (answer) => refusals.sensor({ ...probeOf(driver), [key]: numberOf(answer) }),
  });
  return Number(text) === usual && before[key] === undefined ? {} : { [key]: Number(text) };
}

function askName(asked: Asked, key: 'zone' | 'door', question: string, preset: SensorRow[string]): Promise<string> {
  const { asker, id, driver } = asked;
  const check = (text: string) => refusals.sensor({ ...probeOf(driver), [key]: text });
  return asker.text({ message: `${id}: ${question}`, default: String(preset), check });
}

function numberOf(text: string): number | string {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
