/** A value laid over the settings file for a while: what `config override` and `sensors calibrate --apply` share. */
import { AgentError, reasonOf } from '../errors.ts';
import type { LoadedSettings } from '../settings/effective.ts';
import type { Override } from '../settings/settings.ts';
import { socketIn } from './socket.ts';

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
export const LONGEST_DAYS = 30;

/** Milliseconds of `30s`, `15m`, `2h` or `3d`; null for what is no duration, or too long. */
export function parseLength(text: string): number | null {
  const match = /^(\d{1,7})([smhd])$/.exec(text);
  const ms = match ? Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] : 0;
  return ms > 0 && ms <= LONGEST_DAYS * UNITS.d ? ms : null;
}

/** Lays one value over the settings. Throws `override_refused` and what `keepOverrides` throws. */
export async function layOver(before: LoadedSettings, override: Override, socket?: string): Promise<void> {
  const { refusalOf } = await import('../settings/effective.ts');
  const refused = refusalOf(before.path, override.key, override.value, before.loadedMs);
  if (refused !== null) {
    const hint = 'Nothing was written. What can be overridden: footfall config override --help';
    throw new AgentError('override_refused', refused, hint);
  }
  await keepOverrides(before, [...before.overrides.filter(({ key }) => key !== override.key), override], socket);
}

/**
 * Writes the overrides and has a running daemon take them over; what it says goes to stderr. Throws
 * `override_unwritable`, and why the daemon was not told.
 */
export async function keepOverrides(before: LoadedSettings, overrides: Override[], socket?: string): Promise<void> {
  const { writeOverrides } = await import('../settings/layers.ts');
  const { directory } = before.settings.storage;
  try {
    writeOverrides(directory, overrides);
  } catch (error) {
    const hint = 'Run this as the user of the daemon or with sudo.';
    const message = `cannot write the overrides into ${directory}: ${reasonOf(error)}`;
    throw new AgentError('override_unwritable', message, hint, { cause: error });
  }
  const { askReload, wordsOf } = await import('./reload.ts');
  const told = (line: string) => process.stderr.write(`${line}\n`);
  try {
    wordsOf(await askReload(socket ?? socketIn(before.settings))).forEach(told);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (error.code === 'daemon_not_running') return void told('no daemon runs: it takes effect at the next start');
    throw new AgentError(error.code, `written, but the daemon was not told: ${error.message}`, error.hint, {
      cause: error,
    });
  }
}
