/** What a message of the centre asks for, key by key, and whether it can be had. Nothing of it is believed. */
import { isDeepStrictEqual } from 'node:util';
import { isRow, type Row } from './issues.ts';
import { covers, REMOTE_KEYS, whyNotAllowed } from './keys.ts';
import { type Environment, readBase } from './last-good.ts';
import { idsOf, type Laid, quoted } from './lay.ts';
import { readLayers } from './layers.ts';
import { type KeptRemote, layRemote, REVISION, toldReasons } from './remote-layer.ts';

/** Zones that remote revisions may name over time: a place of the counting state is never given up. */
const MOST_ZONES = 64;
const NAME = /^[\w-]{1,64}$/;

/** A message as it was read; or why it could not be. */
export type RemoteMessage = { revision: string } & ({ settings: Row } | { reasons: string[] });

/** What is kept, and what is to be kept instead; equal where the message tells nothing new. */
export interface Weighed {
  /** Where it is kept. */
  directory: string;
  before: KeptRemote;
  after: KeptRemote;
}

/** Weighs a message by the settings as they stand at this moment; changes nothing. Throws as `loadEffective`. */
export function weighRemote(path: string, message: RemoteMessage, environment?: Environment): Weighed {
  const base = readBase({ path, ...(environment && { environment }) });
  const { directory } = base.settings.storage;
  const before = readLayers(directory).remote;
  return { directory, before, after: weigh({ ...base, value: base.source.value }, before, message) };
}

/**
 * What is to be kept once a message was taken.
 * @param base the settings file alone.
 */
export function weigh(base: Laid, before: KeptRemote, message: RemoteMessage): KeptRemote {
  const reject = (reasons: string[]): KeptRemote => {
    const rejected = { revision: message.revision.slice(0, 64), reasons: toldReasons(reasons) };
    return { ...before, rejected };
  };
  if ('reasons' in message) return reject(message.reasons);
  const { revision } = message;
  if (!REVISION.test(revision)) {
    return reject(['expected a revision of 1 to 64 letters, digits, ".", ":", "_", "+" and "-", found another']);
  }
  const asked = new Asked(idsOf(base), message.settings);
  if (asked.reasons.length > 0) return reject(asked.reasons);
  const result = layRemote(base, asked.values);
  if ('reasons' in result) return reject(result.reasons);
  // As they will be read from the file.
  const values = JSON.parse(JSON.stringify(asked.values)) as KeptRemote['values'];
  if (revision === before.revision && !isDeepStrictEqual(values, before.values)) {
    return reject([`expected revision ${revision} to ask for what it asked for before, found other settings`]);
  }
  const zones = [...new Set([...before.zones, ...zonesOf(values)])];
  if (zones.length > MOST_ZONES) {
    return reject([`expected at most ${MOST_ZONES} zones named over time, found one more (${zones[MOST_ZONES]})`]);
  }
  return { revision, values, rejected: null, zones };
}

/** The values of a message by key, as far as it is written like a settings file, and what is wrong with the rest. */
class Asked {
  readonly values: Record<string, unknown> = {};
  readonly reasons: string[] = [];
  readonly #ids: readonly string[];

  constructor(sensorIds: readonly string[], settings: Row) {
    this.#ids = sensorIds;
    this.#collect(settings, '');
  }

  #collect(part: Row, prefix: string): void {
    for (const [name, value] of Object.entries(part)) {
      const key = `${prefix}${name}`;
      if (!NAME.test(name)) this.reasons.push(`${quoted(key)} is no key of these settings; nest keys as in the file`);
      else if (key === 'sensors') this.#collectSensors(value);
      else this.#take(key, value);
    }
  }

  #take(key: string, value: unknown): void {
    if (isAllowed(key)) {
      const why = whyNotAllowed(key, REMOTE_KEYS, this.#ids);
      if (why === null) this.values[key] = value;
      else this.reasons.push(`${quoted(key)} ${why}`);
    } else if (!isSection(key)) {
      const why = whyNotAllowed(key, REMOTE_KEYS, this.#ids) ?? 'can be set in the settings file only';
      this.reasons.push(`${quoted(key)} ${why}`);
    } else if (isRow(value)) this.#collect(value, `${key}.`);
    else this.reasons.push(`at ${key}: expected a map of keys, found something else`);
  }

  #collectSensors(list: unknown): void {
    const entries = Array.isArray(list) ? list.filter(isRow) : [];
    if (!Array.isArray(list) || entries.length < list.length) {
      this.reasons.push('at sensors: expected a list of maps, each with the id of a sensor, found something else');
      return;
    }
    const seen = new Set<unknown>();
    for (const { id, ...rest } of entries) {
      if (typeof id !== 'string' || !this.#ids.includes(id)) {
        this.reasons.push(`at sensors: expected the id of a sensor, one of ${this.#ids.join(', ')}, found another`);
      } else if (seen.has(id)) this.reasons.push(`at sensors: expected each sensor once, found "${id}" again`);
      else this.#collect(rest, `sensors.${id}.`);
      seen.add(id);
    }
  }
}

function isAllowed(key: string): boolean {
  const depth = key.split('.').length;
  return REMOTE_KEYS.some((pattern) => covers(pattern, key) && pattern.split('.').length === depth);
}

/** True for what has allowed keys below it. */
function isSection(key: string): boolean {
  const depth = key.split('.').length;
  return REMOTE_KEYS.some((pattern) => {
    const parts = pattern.split('.');
    return parts.length > depth && covers(parts.slice(0, depth).join('.'), key);
  });
}

function zonesOf(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    if (key === 'store.zones' && Array.isArray(value)) return value.map(String);
    return key.endsWith('.zone') ? [String(value)] : [];
  });
}
