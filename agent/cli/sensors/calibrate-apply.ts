/** Lays a gate over the settings file for a while, as `footfall config override` does. */
import { AgentError } from '../../errors.ts';
import { loadEffective } from '../../settings/effective.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { LONGEST_DAYS, layOver, parseLength } from '../override.ts';

const USUAL = '7d';

/** How long the gate is to hold, milliseconds; null where it is not to be applied. Wrong use of what makes no sense. */
export function applyLength(options: { apply?: true; for?: string }): number | null {
  if (!options.apply) {
    if (options.for === undefined) return null;
    throw wrongUse('expected --apply with --for, received --for alone');
  }
  const text = options.for ?? USUAL;
  const ms = parseLength(text);
  if (ms !== null) return ms;
  throw wrongUse(`expected --for with a duration such as 15m, 2h or 3d, at most ${LONGEST_DAYS}d, received "${text}"`);
}

/** Returns the end of the override, UTC milliseconds. Throws what `layOver` throws. */
export async function applyGate(
  { id }: SensorSettings,
  gateDbm: number,
  lengthMs: number,
  places: { settings: string; socket?: string },
): Promise<number> {
  // Read again: a calibration takes minutes, in which another override may have been set.
  const before = loadEffective({ path: places.settings, nowMs: Date.now() });
  const untilMs = before.loadedMs + lengthMs;
  await layOver(before, { key: `sensors.${id}.gate_dbm`, value: gateDbm, untilMs }, places.socket);
  return untilMs;
}

function wrongUse(message: string): AgentError {
  return endingWith(new AgentError('wrong_use', message, 'For example: --apply --for 3d'), WRONG_USE);
}
