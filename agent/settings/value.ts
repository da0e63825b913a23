/** From the plain value of a settings file to `Settings`, or to everything that is wrong with it. */
import type { z } from 'zod';
import { crossCheck, type Finding, isRow } from './checks.ts';
import { nearest } from './nearest.ts';
import { type SettingsFile, settingsSchema } from './schema.ts';
import { DRIVER_FACTS } from './sensor-drivers.ts';
import type { SensorSettings, Settings, UplinkSettings } from './settings.ts';

const LONGEST_SHOWN = 60;

export interface CheckedValue {
  settings: Settings;
  /** The same in the file's own keys and words. */
  file: SettingsFile;
}

/** The settings, or every finding; each is told whatever else is wrong. */
export function checkValue(value: unknown): CheckedValue | { findings: Finding[] } {
  const parsed = settingsSchema.safeParse(value);
  const { findings, hours } = crossCheck(value);
  if (parsed.success && findings.length === 0) {
    return { settings: toSettings(parsed.data, hours), file: parsed.data };
  }
  const told = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue, value));
  return { findings: [...told, ...findings] };
}

function describeIssue(issue: z.core.$ZodIssue, file: unknown): Finding[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const meant = nearest(key, issue.message.split(', '));
      const help = meant ? `did you mean "${meant}"?` : `known here: ${issue.message}`;
      return { path: [...path, key], at: 'key', message: `unknown key "${key}"; ${help}` };
    });
  }
  const key = path.at(-1);
  const holder = path.slice(0, -1).reduce<unknown>(step, file);
  if (isRow(holder) && typeof key === 'string' && !(key in holder)) {
    return [{ path: path.slice(0, -1), at: 'value', message: `"${key}" is missing; expected ${issue.message}` }];
  }
  const value = key === undefined ? file : step(holder, key);
  const wantsQuotes = issue.code === 'invalid_type' && issue.expected === 'string' && typeof value === 'number';
  const received = `${describe(value, key)}${wantsQuotes ? ' (a text of digits needs quotes)' : ''}`;
  return [{ path, at: 'value', message: `expected ${issue.message}, received ${received}` }];
}

function step(holder: unknown, key: string | number): unknown {
  return (holder as Record<string | number, unknown> | null | undefined)?.[key];
}

/** A received value for people; what may be a secret is not shown. */
function describe(value: unknown, key: string | number | undefined): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  if (key === 'password_file') return 'something else (not shown: it may be a password)';
  if (typeof value !== 'string') return String(value);
  const shown = value.replace(/^.*@/s, '...@');
  return JSON.stringify(shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}...` : shown);
}

function toSettings(file: SettingsFile, hours: Settings['store']['hours']): Settings {
  const { counting, storage } = file;
  return {
    tenant: file.tenant,
    gateway: file.gateway,
    store: { id: file.store.id, timeZone: file.store.time_zone, hours },
    sensors: file.sensors.map(toSensor),
    counting: {
      windowMinutes: counting.window_minutes,
      graceSeconds: counting.grace_seconds,
      visitGapSeconds: counting.visit_gap_seconds,
      passingSeconds: counting.passing_seconds,
    },
    storage: {
      directory: storage.directory,
      commitSeconds: storage.commit_seconds,
      doorCommitSeconds: storage.door_commit_seconds,
    },
    runtimeDirectory: file.runtime_directory,
    ...(file.uplink && { uplink: toUplink(file.uplink) }),
    log: file.log,
    ...(file.metrics && { metrics: file.metrics }),
    clock: file.clock,
    locked: file.locked,
  };
}

function toSensor(sensor: SettingsFile['sensors'][number]): SensorSettings {
  const { kind, baud } = DRIVER_FACTS[sensor.driver];
  const role = kind === 'wifi' ? 'zone' : (sensor.role ?? 'door');
  return {
    id: sensor.id,
    driver: sensor.driver,
    port: sensor.port,
    baud: sensor.baud ?? baud,
    role,
    place: (kind === 'wifi' ? sensor.zone : sensor.door) ?? sensor.id,
    gateDbm: sensor.gate_dbm,
    ...(sensor.link_type !== undefined && { linkType: sensor.link_type }),
    swap: sensor.swap,
    silentMinutes: sensor.silent_minutes,
  };
}

function toUplink(uplink: NonNullable<SettingsFile['uplink']>): UplinkSettings {
  return {
    url: uplink.url,
    ...(uplink.username !== undefined && { username: uplink.username }),
    ...(uplink.password_file !== undefined && { passwordFile: uplink.password_file }),
    ...(uplink.ca_file !== undefined && { caFile: uplink.ca_file }),
    ack: uplink.ack,
    window: uplink.window,
  };
}
