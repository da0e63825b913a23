/** The settings as counting sees them. */
import { createHash } from 'node:crypto';
import type { Parameters, SensorParameters } from '../analytics/parameters.ts';
import { AgentError } from '../errors.ts';
import type { SensorSettings, Settings } from './settings.ts';

/** The sensor column of the journal is one byte, and 255 sensors have the indices 0 to 254. */
const LAST_INDEX = 254;

/**
 * The parameter set of these settings. A sensor that `previous` knows keeps its index; a new one gets an index above
 * all of those, so that the rows of a removed sensor are not taken for its own. `id` is 8 hex digits of a SHA-256 over
 * the rest. Throws `sensors_exhausted`.
 */
export function toParameters(settings: Settings, previous?: Parameters): Parameters {
  const rest = {
    store: settings.store.id,
    timeZone: settings.store.timeZone,
    hours: settings.store.hours,
    windowMinutes: settings.counting.windowMinutes,
    graceMs: settings.counting.graceSeconds * 1000,
    visitGapMs: settings.counting.visitGapSeconds * 1000,
    passingSeconds: settings.counting.passingSeconds,
    sensors: numberSensors(settings.sensors, previous?.sensors ?? []),
    // Left out where it is off: the id of the set is what it was before there was such a thing.
    ...(settings.share?.visitors && { visitors: true }),
  };
  const id = createHash('sha256').update(canonicalJson(rest)).digest('hex').slice(0, 8);
  return { id, ...rest };
}

function numberSensors(sensors: readonly SensorSettings[], previous: readonly SensorParameters[]): SensorParameters[] {
  const known = new Map(previous.map(({ id, index }) => [id, index]));
  let next = Math.max(-1, ...known.values()) + 1;
  return sensors.map(({ id, driver, role, place, gateDbm, swap }) => {
    const index = known.get(id) ?? next++;
    if (index > LAST_INDEX) {
      throw new AgentError(
        'sensors_exhausted',
        `expected at most ${LAST_INDEX + 1} sensors in the life of a database, found one more (${id})`,
        'Give a replaced sensor the id of the one it replaces, or start with an empty storage directory.',
      );
    }
    return { index, id, driver, role, place, gateDbm, swap };
  });
}

/** JSON with the keys of every map in order, so that equal values have equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
