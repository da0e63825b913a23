/** From a settings file to `Settings`, or to every mistake in it at once, each with its line and column. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { AgentError, reasonOf } from '../errors.ts';
import { crossCheck, type Finding, isRow } from './checks.ts';
import { nearest } from './nearest.ts';
import { type SettingsFile, settingsSchema } from './schema.ts';
import { DRIVER_FACTS } from './sensor-drivers.ts';
import type { Mistake, SensorSettings, Settings, UplinkSettings } from './settings.ts';
import { type Path, YamlSource } from './source.ts';

export { readPassword } from './secrets.ts';

const LONGEST_SHOWN = 60;

/** Reads and checks a settings file. Throws `settings_unreadable` or `settings_invalid`. */
export function loadSettings(path: string): Settings {
  return parseSettings(readSettingsFile(path), path);
}

/** Checks a settings text; `fileName` is for the messages. Throws `settings_invalid` with one line a mistake. */
export function parseSettings(text: string, fileName: string): Settings {
  const checked = checkSettings(text);
  if ('settings' in checked) return checked.settings;
  const count = checked.mistakes.length;
  throw new AgentError(
    'settings_invalid',
    checked.mistakes.map((mistake) => formatMistake(fileName, mistake)).join('\n'),
    `Correct ${count === 1 ? 'this place' : `these ${count} places`}, then try: footfall config check ${fileName}`,
  );
}

/** The settings, or all mistakes in the order of the file. */
export function checkSettings(text: string): { settings: Settings } | { mistakes: Mistake[] } {
  const source = new YamlSource(text);
  if (source.value === undefined) return { mistakes: inOrder(source.mistakes) };
  const parsed = settingsSchema.safeParse(source.value);
  const { findings, hours } = crossCheck(source.value);
  const told = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue, source.value));
  const mistakes = [...source.mistakes, ...[...told, ...findings].map((finding) => locate(finding, source))];
  if (mistakes.length > 0 || !parsed.success) return { mistakes: inOrder(mistakes) };
  return { settings: toSettings(parsed.data, hours) };
}

/** One line, as editors understand it: `file:line:column: at path: message`. */
export function formatMistake(fileName: string, { line, column, path, message }: Mistake): string {
  return `${fileName}:${line}:${column}: ${path ? `at ${path}: ` : ''}${message}`;
}

/** The text of a settings file. Throws `settings_unreadable`. */
export function readSettingsFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const hint = 'Check the path, and that the user who runs this may read the file.';
    throw new AgentError('settings_unreadable', `cannot read the settings: ${reasonOf(error)}`, hint, { cause: error });
  }
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

function locate({ path, at, message }: Finding, source: YamlSource): Mistake {
  return { ...source.positionOf(path, at), path: formatPath(at === 'key' ? path.slice(0, -1) : path), message };
}

function formatPath(path: Path): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text && '.'}${step}`;
  return text || 'the top level';
}

/** By place, each once. */
function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  const unique = new Map(mistakes.map((mistake) => [JSON.stringify(mistake), mistake]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
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
