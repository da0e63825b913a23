/** Answers are judged by the same checks as a settings file, one at a time. */
import { checkSettings } from '../../settings/load.ts';

/** The least that a settings file says, for an answer to be put into. */
export interface Probe {
  tenant: unknown;
  gateway: unknown;
  store: Record<string, unknown>;
  sensors: Record<string, unknown>[];
  uplink?: Record<string, unknown>;
  storage?: Record<string, unknown>;
  runtime_directory?: unknown;
}

/** What the settings would say against the answer that `put` puts into an otherwise good file; undefined if nothing. */
export function refusalOf(put: (file: Probe) => void): string | undefined {
  const file: Probe = {
    tenant: 'tenant',
    gateway: 'gateway',
    store: { id: 'store', time_zone: 'UTC', hours: { daily: '24h' } },
    sensors: [{ id: 'sensor', driver: 'wifi-pcap', port: '/dev/port', zone: 'zone' }],
  };
  put(file);
  // JSON is YAML.
  const checked = checkSettings(JSON.stringify(file));
  return 'mistakes' in checked ? checked.mistakes[0].message : undefined;
}

/** The checks of single answers, each from a text as it was typed. */
export const refusals = {
  tenant: (text: string) => refusalOf((file) => Object.assign(file, { tenant: text })),
  gateway: (text: string) => refusalOf((file) => Object.assign(file, { gateway: text })),
  store: (text: string) => refusalOf((file) => Object.assign(file.store, { id: text })),
  timeZone: (text: string) => refusalOf((file) => Object.assign(file.store, { time_zone: text })),
  /** Opening hours of a day. */
  dayHours: (text: string) => refusalOf((file) => Object.assign(file.store, { hours: { daily: text } })),
  /** Hours of the whole week. */
  week: (hours: Record<string, string>) => refusalOf((file) => Object.assign(file.store, { hours })),
  /** Hours of some days; the others are taken as closed. */
  days: (hours: Record<string, string>) =>
    refusalOf((file) => Object.assign(file.store, { hours: { daily: 'closed', ...hours } })),
  exceptions: (exceptions: Record<string, string>) => refusalOf((file) => Object.assign(file.store, { exceptions })),
  sensor: (sensor: Record<string, unknown>) => refusalOf((file) => Object.assign(file, { sensors: [sensor] })),
  /** Sensors that may say something against each other. */
  sensors: (sensors: Record<string, unknown>[]) => refusalOf((file) => Object.assign(file, { sensors })),
  port: (text: string) => refusalOf((file) => Object.assign(file.sensors[0], { port: text })),
  broker: (uplink: Record<string, unknown>) => refusalOf((file) => Object.assign(file, { uplink })),
  storage: (text: string) => refusalOf((file) => Object.assign(file, { storage: { directory: text } })),
  runtimeDirectory: (text: string) => refusalOf((file) => Object.assign(file, { runtime_directory: text })),
} as const;
