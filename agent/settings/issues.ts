/** What a schema finds wrong with a file's value, in words: what was expected, what was received. */
import type { z } from 'zod';
import { nearest } from './nearest.ts';
import type { Path } from './source.ts';

const LONGEST_SHOWN = 60;

/** Something wrong at a place of a file. */
export interface Finding {
  path: Path;
  /** Whether it is the key or its value that is wrong. */
  at: 'key' | 'value';
  message: string;
}

export type Row = Readonly<Record<string, unknown>>;

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asRow(value: unknown): Row {
  return isRow(value) ? value : {};
}

/**
 * @param file the whole value that was checked.
 * @param knownAt the keys that are known to the map at a path, where they are fewer than all that the schema names.
 */
export function describeIssue(
  issue: z.core.$ZodIssue,
  file: unknown,
  knownAt: (path: Path) => readonly string[] | null = () => null,
): Finding[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    const known = knownAt(path) ?? issue.message.split(', ');
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      const help = meant ? `did you mean "${meant}"?` : `known here: ${known.join(', ')}`;
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
export function describe(value: unknown, key?: string | number): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  if (key === 'password_file') return 'something else (not shown: it may be a password)';
  if (typeof value !== 'string') return String(value);
  const shown = value.replace(/^.*@/s, '...@');
  return JSON.stringify(shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}...` : shown);
}
