/** Values laid over settings, and checked with them as a whole. */
import { LAYERED_KEYS, lockOn, whyNotAllowed } from './keys.ts';
import { type CheckedValue, checkValue } from './value.ts';
import { pathOf, withPart } from './written.ts';

const LONGEST_SHOWN = 80;

export interface Laid extends CheckedValue {
  /** The plain value, without defaults. */
  value: unknown;
}

/**
 * The settings with these values, or every reason against them, in words.
 * @param values by keys of these settings: each must have been found to be one.
 */
export function lay(
  base: Laid,
  values: readonly (readonly [key: string, value: unknown])[],
): Laid | { reasons: string[] } {
  let value = base.value;
  for (const [key, part] of values) value = withPart(value, pathOf(value, key) ?? [], part);
  // No layer can name another profile, and that of a file in use is not read again.
  const checked = checkValue(value, base.profiles);
  if ('settings' in checked) return { ...checked, value };
  const reasons = checked.findings.map(({ path, message }) => {
    // Sensors go by id here, not by their place in the file.
    const at = typeof path[1] === 'number' ? ['sensors', idsOf(base)[path[1]], ...path.slice(2)] : path;
    return `at ${at.join('.')}: ${message}`;
  });
  return { reasons };
}

/** The settings with one local override; or why not, in words. */
export function layOver(base: Laid, key: string, value: unknown): Laid | string {
  const refused = whyNotAllowed(key, LAYERED_KEYS, idsOf(base));
  if (refused !== null) return `${quoted(key)} ${refused}`;
  const lock = lockOn(key, base.settings.locked);
  if (lock !== null) return `${quoted(key)} is locked by the settings file (locked: ${lock})`;
  const laid = lay(base, [[key, value]]);
  return 'reasons' in laid ? laid.reasons[0] : laid;
}

export function idsOf({ settings }: CheckedValue): string[] {
  return settings.sensors.map(({ id }) => id);
}

/** A key that may be anybody's text, for people. */
export function quoted(key: string): string {
  return JSON.stringify(key.slice(0, LONGEST_SHOWN));
}
