/** What the set-up knows of a gateway: from its settings file, from flags, from the dialogue. */
import { hostname } from 'node:os';

/** By day or by date, as the settings file writes them. */
export type Hours = Record<string, string>;

/** One sensor with the keys of the settings file; keys that the set-up does not ask about are kept as they are. */
export type SensorRow = Record<string, string | number | boolean | number[]>;

/** The uplink with the keys of the settings file, as far as the set-up asks about it. */
export type BrokerRow = Partial<Record<(typeof BROKER_KEYS)[number], string>>;
export const BROKER_KEYS = ['url', 'username', 'password_file', 'ca_file'] as const;

/** Absent is what is not known yet. */
export interface Answers {
  tenant?: string;
  gateway?: string;
  store?: string;
  timeZone?: string;
  hours?: Hours;
  exceptions?: Hours;
  sensors?: SensorRow[];
  /** null: nothing is to be sent. */
  broker?: BrokerRow | null;
  storage?: string;
  runtimeDirectory?: string;
}

/** What must be known before a file can be written, and the flag that says it. */
const NEEDED = [
  ['tenant', '--tenant'],
  ['gateway', '--gateway'],
  ['store', '--store'],
  ['timeZone', '--time-zone'],
  ['hours', '--hours'],
  ['sensors', '--sensor'],
  ['broker', '--broker or --no-broker'],
] as const satisfies readonly (readonly [keyof Answers, string])[];

/** The flags of what is still missing, in the order of the questions. */
export function missingFlags(answers: Answers): string[] {
  return NEEDED.filter(([key]) => answers[key] === undefined).map(([, flag]) => flag);
}

/** The answers that a settings file's value holds; what is not of the right kind counts as not said. */
export function answersOf(value: unknown): Answers {
  const file = asRow(value);
  const store = asRow(file.store);
  const uplink = asRow(file.uplink);
  const sensors = Array.isArray(file.sensors) ? file.sensors.map(sensorOf).filter((row) => 'id' in row) : [];
  const broker = Object.fromEntries(BROKER_KEYS.flatMap((key) => entryOf(uplink, key, key)));
  return {
    ...Object.fromEntries([
      ...entryOf(file, 'tenant', 'tenant'),
      ...entryOf(file, 'gateway', 'gateway'),
      ...entryOf(store, 'id', 'store'),
      ...entryOf(store, 'time_zone', 'timeZone'),
      ...entryOf(asRow(file.storage), 'directory', 'storage'),
      ...entryOf(file, 'runtime_directory', 'runtimeDirectory'),
    ]),
    ...textsOf(store, 'hours'),
    ...textsOf(store, 'exceptions'),
    ...(sensors.length === 0 ? {} : { sensors }),
    // A file that says something, but nothing of a broker, means to send nothing.
    ...('url' in broker ? { broker } : 'sensors' in file && !('uplink' in file) ? { broker: null } : {}),
  };
}

/** The host's name as a gateway name: lower-case letters, digits, "-" and "_"; undefined where nothing is left. */
export function gatewayFromHost(name: string = hostname()): string | undefined {
  const made = (name.split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
  return made === '' || made === 'localhost' ? undefined : made;
}

function sensorOf(value: unknown): SensorRow {
  const plain = Object.entries(asRow(value)).filter(
    ([, part]) =>
      ['string', 'number', 'boolean'].includes(typeof part) ||
      (Array.isArray(part) && part.every((item) => typeof item === 'number')),
  );
  return Object.fromEntries(plain) as SensorRow;
}

function textsOf(holder: Record<string, unknown>, key: 'hours' | 'exceptions'): { [Key in typeof key]?: Hours } {
  const texts = Object.entries(asRow(holder[key])).filter((entry): entry is [string, string] => isText(entry[1]));
  return texts.length === 0 ? {} : { [key]: Object.fromEntries(texts) };
}

function entryOf(holder: Record<string, unknown>, key: string, name: string): [string, string][] {
  const value = holder[key];
  return isText(value) ? [[name, value]] : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function asRow(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
