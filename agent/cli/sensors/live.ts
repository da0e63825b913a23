/** What one sensor says right now: heard through the running daemon, or on its own line where no daemon runs. */
import { AgentError } from '../../errors.ts';
import type { TailEvent } from '../../local/tail.ts';
import type { LoadedSettings } from '../../settings/effective.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { DEFAULT_SETTINGS, socketIn } from '../socket.ts';

/** Ends a command that cannot hear its sensor at all. */
export const NO_ANSWER = 3;

/** How the sensor and its daemon are found. */
export interface LivePlaces {
  settings?: string;
  socket?: string;
}

/** A reading as `footfall tail` tells it; door readings are as they are counted, `swap` done. */
export type LiveReading = Extract<TailEvent, { kind: 'sighting' | 'ble' | 'door' | 'till' }>;

/** What became of the sensor's bytes since the listening began. */
export interface LiveCounts {
  state: 'up' | 'silent' | 'down';
  /** Why it is down, for people. */
  detail: string | null;
  bytes: number;
  /** Valid frames, those of no interest included. */
  accepted: number;
  rejected: Record<string, number>;
  /** Readings that the daemon left out, as this reader was too slow. */
  dropped: number;
}

export interface LiveSensor {
  /** What it is heard through. */
  readonly source: 'daemon' | 'line';
  /** UTC milliseconds on the timeline of the readings; never goes back. */
  now(): number;
  /** Rejects with an AgentError once the sensor can be heard no more, as when the daemon has ended. */
  counts(): Promise<LiveCounts>;
  stop(): Promise<void>;
}

export type TakeReading = (reading: LiveReading) => void;

/** The settings in force and the sensor of this id. Wrong use where there is none. */
export async function findSensor(
  id: string,
  { settings: path = DEFAULT_SETTINGS }: LivePlaces,
): Promise<{ loaded: LoadedSettings; sensor: SensorSettings }> {
  const { loadEffective } = await import('../../settings/effective.ts');
  const loaded = loadEffective({ path, nowMs: Date.now() });
  const { sensors } = loaded.settings;
  const sensor = sensors.find((each) => each.id === id);
  if (sensor !== undefined) return { loaded, sensor };
  const known =
    sensors.length === 0 ? 'The settings have none.' : `There are: ${sensors.map((each) => each.id).join(', ')}`;
  throw endingWith(
    new AgentError('sensor_unknown', `expected the name of a sensor, received "${id}"`, known),
    WRONG_USE,
  );
}

/** Listens until `stop`. Only a daemon that surely does not run leaves the line to us: a line has one reader. */
export async function listen(
  sensor: SensorSettings,
  loaded: LoadedSettings,
  places: LivePlaces,
  take: TakeReading,
): Promise<LiveSensor> {
  const socket = places.socket ?? socketIn(loaded.settings);
  const [{ ask }, { realClock }, { Timeline }] = await Promise.all([
    import('../observe.ts'),
    import('../../platform/clock.ts'),
    import('../../platform/timeline.ts'),
  ]);
  const timeline = new Timeline(realClock());
  const now = (): number => timeline.now();
  try {
    const status = await ask(socket);
    const { listenToDaemon } = await import('./live-daemon.ts');
    return await listenToDaemon({ sensor, socket, status, now, take });
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'daemon_not_running') throw endingWith(error, NO_ANSWER);
  }
  const { listenToLine } = await import('./live-line.ts');
  return listenToLine({ sensor, runtimeDirectory: loaded.settings.runtimeDirectory, clock: realClock(), now, take });
}
