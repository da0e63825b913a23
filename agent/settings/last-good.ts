/** The settings file, or where it is broken the last content of it that the daemon ran with. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AgentError, reasonOf } from '../errors.ts';
import { writeDurably } from './durable-file.ts';
import { asRow } from './issues.ts';
import { checkSource, formatMistake, invalidSettings, readSettingsFile } from './load.ts';
import { isOwnProfile, parseModbusProfile, readModbusProfile } from './modbus-profile.ts';
import type { EffectiveSettings } from './settings.ts';
import { YamlSource } from './source.ts';
import { type CheckedValue, readProfiles } from './value.ts';

export const LAST_GOOD_FILE = 'last-good.yaml';
/** Modbus profiles of one's own that the copy names, by their paths: they can be broken like the settings. */
export const LAST_GOOD_PROFILES = 'last-good-profiles.json';
const DEFAULT_DIRECTORY = '/var/lib/footfall';
const HEADER = /^# Footfall: [^\n]*\n# file: ([^\n]*)\n# kept: [^\n]*\n# sha256: ([0-9a-f]{64})\n/;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface BaseSettings extends CheckedValue {
  /** Absolute. */
  path: string;
  text: string;
  origin: 'file' | 'last_good';
  source: YamlSource;
  /** The file's, one line each; empty when the origin is the file. */
  mistakes: string[];
}

/** Reads and checks a settings file. Throws `settings_unreadable` or `settings_invalid` where no copy can stand in. */
export function readBase(options: { path: string; environment?: Environment }): BaseSettings {
  const path = resolve(options.path);
  const environment = options.environment ?? process.env;
  let text: string | undefined;
  let failure: AgentError;
  let mistakes: string[];
  try {
    text = readSettingsFile(path);
    const source = new YamlSource(text);
    const checked = checkSource(source);
    if ('settings' in checked) return { ...checked, path, text, origin: 'file', source, mistakes: [] };
    failure = invalidSettings(path, checked.mistakes);
    mistakes = checked.mistakes.map((mistake) => formatMistake(path, mistake));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    failure = error;
    mistakes = [error.message];
  }
  for (const directory of directoriesOf(text, environment)) {
    const copy = readCopy(directory, path);
    if (copy) return { ...copy, path, origin: 'last_good', mistakes };
  }
  throw failure;
}

/**
 * Keeps the text of the settings in force, so that a later mistake in the file does not keep the daemon from starting.
 * Does nothing where it is kept already. Throws `last_good_unwritable`.
 */
export function keepLastGood(
  effective: Pick<EffectiveSettings, 'path' | 'text' | 'source' | 'settings' | 'loadedMs'>,
  environment: Environment = process.env,
): void {
  if (effective.source === 'last_good') return;
  const directory = stateDirectory(environment) ?? effective.settings.storage.directory;
  keepProfiles(directory, effective.text);
  if (readCopy(directory, effective.path)?.text === effective.text) return;
  const header = [
    '# Footfall: the last settings in force, used while their file is broken. Edit the file, not this copy.',
    `# file: ${JSON.stringify(effective.path)}`,
    `# kept: ${new Date(effective.loadedMs).toISOString()}`,
    `# sha256: ${digest(effective.text)}`,
  ];
  keep(directory, LAST_GOOD_FILE, `${header.join('\n')}\n${effective.text}`);
}

function keepProfiles(directory: string, text: string): void {
  const own = [...readProfiles(new YamlSource(text).value)].filter(([name]) => isOwnProfile(name));
  const before = readKeptProfiles(directory);
  const now = { ...before };
  // One that was broken a moment ago keeps its former text.
  for (const [path, read] of own) if ('profile' in read) now[path] = read.text;
  for (const path of Object.keys(now)) if (!own.some(([named]) => named === path)) delete now[path];
  if (!isDeepStrictEqual(now, before)) keep(directory, LAST_GOOD_PROFILES, `${JSON.stringify(now, null, 2)}\n`);
}

function readKeptProfiles(directory: string): Record<string, string> {
  try {
    const kept: unknown = JSON.parse(readFileSync(join(directory, LAST_GOOD_PROFILES), 'utf8'));
    const texts = Object.entries(asRow(kept)).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return Object.fromEntries(texts);
  } catch {
    return {};
  }
}

function keep(directory: string, name: string, content: string): void {
  try {
    writeDurably(join(directory, name), content);
  } catch (error) {
    throw new AgentError(
      'last_good_unwritable',
      `cannot keep a copy of the settings in ${directory}: ${reasonOf(error)}`,
      'Check that the daemon may write there and that the disk is not full.',
      { cause: error },
    );
  }
}

/** A copy made from `path`, where it is whole and this release still takes it. */
function readCopy(directory: string, path: string): (CheckedValue & { text: string; source: YamlSource }) | null {
  let content: string;
  try {
    content = readFileSync(join(directory, LAST_GOOD_FILE), 'utf8');
  } catch {
    return null;
  }
  const header = HEADER.exec(content);
  if (header?.[1] !== JSON.stringify(path)) return null;
  const text = content.slice(header[0].length);
  // A text cut short by a worn card could still be good YAML, with defaults in place of what is missing.
  if (digest(text) !== header[2]) return null;
  const source = new YamlSource(text);
  const kept = readKeptProfiles(directory);
  const profiles = readProfiles(source.value, (name) =>
    Object.hasOwn(kept, name) ? parseModbusProfile(name, name, kept[name]) : readModbusProfile(name),
  );
  const checked = checkSource(source, profiles);
  return 'settings' in checked ? { ...checked, text, source } : null;
}

/** Where a copy can be, the likeliest first: the file may be too broken to tell. */
function directoriesOf(text: string | undefined, environment: Environment): Set<string> {
  const told = text === undefined ? undefined : new YamlSource(text).peek(['storage', 'directory']);
  const likely = [stateDirectory(environment), told, DEFAULT_DIRECTORY];
  return new Set(likely.filter((directory) => typeof directory === 'string' && directory.startsWith('/')) as string[]);
}

/** The service's own directory, systemd.exec(5): a list where there are several. */
function stateDirectory(environment: Environment): string | undefined {
  return environment.STATE_DIRECTORY?.split(':')[0] || undefined;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
