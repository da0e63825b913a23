/** Answers given as flags: each is checked at once, and changes what the settings file says so far. */
import { resolve } from 'node:path';
import { AgentError } from '../../errors.ts';
import { DRIVER_KEYS, isSensorDriver, keysOf } from '../../settings/sensor-drivers.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import type { Answers, BrokerRow, Hours, SensorRow } from './answers.ts';
import { refusals } from './refusal.ts';

export interface Flags {
  tenant?: string;
  gateway?: string;
  store?: string;
  timeZone?: string;
  /** Each `DAYS=HOURS`. */
  hours?: string[];
  /** Each `DATE=HOURS`, or `DATE=` for the usual hours again. */
  exception?: string[];
  /** Each `id=ID,KEY=VALUE,...`; `KEY=` takes a key away, `channels` are joined by +. */
  sensor?: string[];
  /** Each an id. */
  removeSensor?: string[];
  /** false: --no-broker. */
  broker?: string | false;
  username?: string;
  passwordFile?: string;
  caFile?: string;
  storage?: string;
  runtimeDirectory?: string;
}

const SENSOR_KEYS = ['id', 'driver', ...DRIVER_KEYS, 'silent_minutes'];
/** Values of --sensor that are texts, however they look. */
const TEXTS = ['id', 'driver', 'port', 'adapter', 'parity', 'profile', 'role', 'zone', 'door', 'contact', 'counts'];

/** `base` with what the flags say. Throws `setup_flag`, which ends with 64, for a flag that cannot be. */
export function withFlags(base: Answers, flags: Flags): Answers {
  const answers: Answers = { ...base };
  for (const [key, flag] of NAMES) {
    const text = flags[key];
    if (text === undefined) continue;
    demand(flag, text, refusals[key](text));
    answers[key] = text;
  }
  for (const [key, flag] of DIRECTORIES) {
    const text = flags[key];
    if (text === undefined) continue;
    demand(flag, text, refusals[key](resolve(text)));
    answers[key] = resolve(text);
  }
  if (flags.hours) answers.hours = hoursFrom(flags.hours, base.hours);
  if (flags.exception) answers.exceptions = exceptionsFrom(flags.exception, base.exceptions);
  if (flags.sensor || flags.removeSensor) answers.sensors = sensorsFrom(flags, base.sensors ?? []);
  const broker = brokerFrom(flags, base.broker);
  if (broker !== undefined) answers.broker = broker;
  return answers;
}

const NAMES = [
  ['tenant', '--tenant'],
  ['gateway', '--gateway'],
  ['store', '--store'],
  ['timeZone', '--time-zone'],
] as const;
const DIRECTORIES = [
  ['storage', '--storage'],
  ['runtimeDirectory', '--runtime-directory'],
] as const;

/** Hours for every day stand for themselves; hours for some days change those days. */
function hoursFrom(given: readonly string[], before: Hours = {}): Hours {
  const said = pairs('--hours', given);
  demand('--hours', given.join(' '), refusals.days(said));
  const whole = refusals.week(said) === undefined;
  const hours = whole ? said : { ...before, ...said };
  demand('--hours', given.join(' '), refusals.week(hours));
  return hours;
}

function exceptionsFrom(given: readonly string[], before: Hours = {}): Hours {
  const said = pairs('--exception', given);
  const kept = Object.entries({ ...before, ...said }).filter(([, hours]) => hours !== '');
  const exceptions = Object.fromEntries(kept);
  demand('--exception', given.join(' '), refusals.exceptions(exceptions));
  return exceptions;
}

function pairs(flag: string, given: readonly string[]): Hours {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw refused(flag, `expected ${flag} "KEY=HOURS", received "${text}"`);
      return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
    }),
  );
}

/** A known sensor takes the keys that are said, and loses those said to be nothing; with another driver it loses those that driver cannot have. */
function sensorsFrom(flags: Flags, before: readonly SensorRow[]): SensorRow[] {
  const rows = new Map(before.map((row) => [String(row.id), row]));
  for (const id of flags.removeSensor ?? []) {
    if (!rows.delete(id)) {
      const known = [...rows.keys()].join(', ') || 'none';
      throw refused('--remove-sensor', `expected the id of a sensor (${known}), received "${id}"`);
    }
  }
  for (const text of flags.sensor ?? []) {
    const said = sensorFrom(text);
    const merged = fitting({ ...rows.get(String(said.id)), ...said }, said);
    const row = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== ''));
    demand('--sensor', text, refusals.sensor(row));
    rows.set(String(said.id), row);
  }
  return [...rows.values()];
}

function sensorFrom(text: string): SensorRow {
  const row: SensorRow = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const key = part.slice(0, Math.max(at, 0)).trim();
    if (!SENSOR_KEYS.includes(key)) {
      throw refused('--sensor', `expected key=value with one of ${SENSOR_KEYS.join(', ')}, received "${part}"`);
    }
    row[key] = sensorValue(key, part.slice(at + 1).trim());
  }
  if (row.id === undefined) throw refused('--sensor', `expected an id, as in id=front, received "${text}"`);
  return row;
}

function sensorValue(key: string, text: string): SensorRow[string] {
  if (key === 'channels' && /^\d+(\+\d+)*$/.test(text)) return text.split('+').map(Number);
  if (key === 'swap' && (text === 'true' || text === 'false')) return text === 'true';
  return !TEXTS.includes(key) && /^-?\d+$/.test(text) ? Number(text) : text;
}

/** `row` without the keys that its driver does not read, unless they were said just now. */
export function fitting(row: SensorRow, said: SensorRow = {}): SensorRow {
  const { driver } = row;
  if (!isSensorDriver(driver)) return row;
  const read = keysOf(driver);
  return Object.fromEntries(Object.entries(row).filter(([key]) => key in said || read.includes(key)));
}

function brokerFrom(flags: Flags, before: BrokerRow | null | undefined): BrokerRow | null | undefined {
  const { username, passwordFile, caFile } = flags;
  const parts: BrokerRow = {
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { password_file: resolve(passwordFile) }),
    ...(caFile === undefined ? {} : { ca_file: resolve(caFile) }),
  };
  const given = Object.keys(parts).length > 0;
  if (flags.broker === false) {
    if (given) throw refused('--no-broker', 'expected --no-broker alone, received the user or a file of a broker too');
    return null;
  }
  if (flags.broker === undefined && !given) return undefined;
  const url = flags.broker ?? before?.url;
  if (url === undefined) throw refused('--broker', 'expected --broker URL, received only parts of it');
  const broker = { ...before, url, ...parts };
  demand('--broker', '', refusals.broker({ ...broker }));
  return broker;
}

function demand(flag: string, text: string, refusal: string | undefined): void {
  if (refusal === undefined) return;
  throw refused(flag, `${flag}${text === '' ? '' : ` "${text}"`}: ${refusal}`);
}

function refused(flag: string, message: string): AgentError {
  const hint = `See the examples of ${flag}: footfall setup --help`;
  return endingWith(new AgentError('setup_flag', message, hint), WRONG_USE);
}
