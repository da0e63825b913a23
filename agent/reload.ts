/** Settings that are read again while the daemon counts: what each part takes over at once, and in which order. */
import type { Parameters, SensorParameters } from './analytics/parameters.ts';
import type { Box } from './box.ts';
import type { Delivery } from './delivery.ts';
import { AgentError, reasonOf } from './errors.ts';
import type { LiveSettings, SettingsSource } from './live-settings.ts';
import type { ReloadOutcome } from './local/document.ts';
import type { Logging } from './logging.ts';
import type { MetricsPort } from './metrics-port.ts';
import type { Pipeline } from './pipeline.ts';
import type { Sensor } from './sensors.ts';
import { toParameters } from './settings/parameters.ts';
import type { SensorSettings } from './settings/settings.ts';
import type { Station } from './station.ts';

export interface Reloadable {
  live: LiveSettings;
  logging: Logging;
  box: Box;
  pipeline: Pipeline;
  station: Station;
  delivery: Delivery;
  metricsPort: MetricsPort;
  sensor(settings: SensorSettings, parameters: Parameters): Sensor;
  /** UTC milliseconds on the gateway's timeline. */
  now(): number;
}

/**
 * Reads the settings and has every part go on with them. A broken file changes nothing but what lies over it. Throws
 * AgentErrors where the password cannot be had or the sensors are too many; nothing is changed then.
 */
export async function reload(parts: Reloadable, source: SettingsSource): Promise<ReloadOutcome> {
  const { live, logging, pipeline } = parts;
  const log = logging.logger('settings');
  const loaded = loadOrRefuse(source, live, parts.now() + pipeline.intake.correction);
  if ('refused' in loaded) return loaded.refused;
  const { notes, ...effective } = loaded;
  const before = live.current;
  const reloaded = live.compare(effective, notes);
  const { settings: after, outcome } = reloaded;
  // What can refuse comes first.
  const password = source.password(after);
  const parameters = toParameters(after, pipeline.intake.fold.parameters);
  live.accept(reloaded);
  logging.setLevels(after.log);
  parts.box.setClockSource(after.clock.source);
  pipeline.changeParameters(parameters);
  await changeSensors(parts, before.sensors, after.sensors, parameters);
  await parts.delivery.use(after, password);
  await parts.metricsPort.use(after.metrics?.port);
  try {
    source.keepLastGood(effective);
  } catch (error) {
    log('warn', { reason: reasonOf(error) }, 'the settings could not be kept for a start under a broken file');
  }
  const { applied, restart, mistakes } = outcome;
  if (mistakes.length > 0) log('error', { mistakes }, 'the settings file is broken; the last good settings hold');
  else log('info', { applied, restart, notes }, 'the settings were read again');
  return outcome;
}

function loadOrRefuse(source: SettingsSource, live: LiveSettings, nowMs: number) {
  try {
    return source.load();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { refused: live.refuse(error.message.split('\n'), nowMs) };
  }
}

/** Sensors whose line stays the same go on with it open; the others are closed and opened anew. */
async function changeSensors(
  { station, sensor: make, now }: Reloadable,
  before: SensorSettings[],
  after: SensorSettings[],
  parameters: Parameters,
): Promise<void> {
  const lines = new Map(before.map((sensor) => [sensor.id, lineOf(sensor)]));
  const [same, other] = [[] as SensorSettings[], [] as SensorSettings[]];
  for (const sensor of after) (lines.get(sensor.id) === lineOf(sensor) ? same : other).push(sensor);
  for (const sensor of station.sensors) {
    const settings = same.find(({ id }) => id === sensor.id);
    if (settings) sensor.retune(parametersOf(sensor.id, parameters), settings.silentMinutes * 60_000);
  }
  const keep = new Set(same.map(({ id }) => id));
  await station.replaceSensors(keep, () => other.map((sensor) => make(sensor, parameters)), now());
}

/** All that a line and its decoder are opened with. */
function lineOf({ driver, line, port, baud, role, options }: SensorSettings): string {
  return JSON.stringify([driver, line, port, baud, role, options]);
}

/** A sensor's part of the parameters. */
export function parametersOf(id: string, { sensors }: Parameters): SensorParameters {
  const parameters = sensors.find((sensor) => sensor.id === id);
  if (parameters === undefined) throw new Error(`no parameters for sensor ${id}`);
  return parameters;
}
