/** Modbus profiles: those that come with the program, by name, and those of one's own, by path. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AgentError, reasonOf } from '../errors.ts';
import { describeIssue } from './issues.ts';
import { formatMistake, mistakesOf } from './mistakes.ts';
import { type ModbusProfileFile, modbusProfileSchema } from './modbus-schema.ts';
import { nearest } from './nearest.ts';
import type { ModbusCounters } from './settings.ts';
import { YamlSource } from './source.ts';

const FOLDER = new URL('../../config/modbus/', import.meta.url);
const ENDING = '.yaml';
/** Bytes. */
const LARGEST = 65_536;

export interface ModbusProfile {
  /** As the settings name it: a name, or an absolute path. */
  name: string;
  /** The file it was read from. */
  path: string;
  /** Maker and model. */
  description: string;
  /** Channels are numbered from 1 to this. */
  channels: number;
  line: { baud: number; parity: 'none' | 'even' | 'odd'; stopBits: 1 | 2 };
  /** Zero-based address of channel 1, and registers from one channel to the next. */
  counters: Omit<ModbusCounters, 'entered' | 'left' | 'enableCoils'> & { address: number; step: number };
  /** Coils that must be on for the counters to run. */
  enable?: { coil: number; step: number };
  /** What sets totals to 0: a coil for each channel, or one register for all. */
  reset?: { coil: number; step: number } | { register: number; value: number };
}

/** Which channels of a unit are a door's; a beam that knows no direction has a total. */
export type DoorChannels = { in: number; out: number } | { total: number };

/** A profile and its text, or what is wrong with it, one line each with the profile's path, line and column. */
export type ReadProfile = { profile: ModbusProfile; text: string } | { problems: string[] };

/** Names of the profiles that come with the program. */
export function modbusProfileNames(): string[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(ENDING));
  return files.map((file) => file.slice(0, -ENDING.length)).sort();
}

/** Throws `modbus_profile` where there is none by that name or path, or it has mistakes. */
export function loadModbusProfile(nameOrPath: string): ModbusProfile {
  const read = readModbusProfile(nameOrPath);
  if ('profile' in read) return read.profile;
  const hint = 'A profile is a name of config/modbus or the absolute path of a file like those.';
  throw new AgentError('modbus_profile', read.problems.join('\n'), hint);
}

/** The same without throwing. */
export function readModbusProfile(nameOrPath: string): ReadProfile {
  const own = isOwnProfile(nameOrPath);
  const path = own ? nameOrPath : fileURLToPath(new URL(`${nameOrPath}${ENDING}`, FOLDER));
  try {
    if (!own && !modbusProfileNames().includes(nameOrPath)) return { problems: [unknown(nameOrPath)] };
    const facts = statSync(path);
    if (!facts.isFile() || facts.size > LARGEST) {
      return {
        problems: [`expected a Modbus profile, a file of at most ${LARGEST} bytes, found another thing: ${path}`],
      };
    }
    return parseModbusProfile(nameOrPath, path, readFileSync(path, 'utf8'));
  } catch (error) {
    return { problems: [`cannot read the profile: ${reasonOf(error)}`] };
  }
}

/** Whether the settings name a file of one's own, rather than a profile that comes with the program. */
export function isOwnProfile(nameOrPath: string): boolean {
  return nameOrPath.startsWith('/');
}

/** A profile from its text. @param path for the messages. */
export function parseModbusProfile(name: string, path: string, text: string): ReadProfile {
  const source = new YamlSource(text);
  const checked = source.value === undefined ? undefined : modbusProfileSchema.safeParse(source.value);
  const issues = checked?.error?.issues ?? [];
  const findings = issues.flatMap((issue) => describeIssue(issue, source.value));
  const problems = mistakesOf(source, findings).map((mistake) => formatMistake(path, mistake));
  if (!checked?.success || problems.length > 0) return { problems };
  return { profile: toProfile(name, path, checked.data), text };
}

/** Where the totals of one door are. The channels are within the profile's. */
export function countersOf(profile: ModbusProfile, channels: DoorChannels): ModbusCounters {
  const { address, step, ...format } = profile.counters;
  const [entered, left] = 'total' in channels ? [channels.total, channels.total] : [channels.in, channels.out];
  const registerOf = (channel: number) => address + step * (channel - 1);
  const { enable } = profile;
  const used = [...new Set([entered, left])];
  return {
    ...format,
    entered: registerOf(entered),
    left: registerOf(left),
    enableCoils: enable ? used.map((channel) => enable.coil + enable.step * (channel - 1)) : [],
  };
}

function unknown(name: string): string {
  const names = modbusProfileNames();
  const meant = nearest(name, names);
  const help = meant ? `did you mean "${meant}"?` : `there are ${names.join(', ')}, or the absolute path of your own`;
  return `there is no Modbus profile "${name}"; ${help}`;
}

function toProfile(name: string, path: string, file: ModbusProfileFile): ModbusProfile {
  const { counters, line, enable, reset } = file;
  const { words } = counters;
  return {
    name,
    path,
    description: file.description,
    channels: file.channels,
    line: { baud: line.baud, parity: line.parity, stopBits: line.stop_bits },
    counters: {
      functionCode: counters.function,
      address: counters.address,
      step: counters.step ?? words,
      words,
      wordOrder: counters.word_order,
      width: counters.width ?? (words === 1 ? 16 : 32),
    },
    ...(enable && { enable }),
    ...(reset && { reset: toReset(reset) }),
  };
}

function toReset({ coil, step, register, value }: NonNullable<ModbusProfileFile['reset']>) {
  if (coil !== undefined) return { coil, step: step ?? 1 };
  return { register: register ?? 0, value: value ?? 1 };
}
