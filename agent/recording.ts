/** Recordings of the running daemon: the one way out for bytes from in front of the privacy boundary. */
import { optionsToJson } from '../drivers/recording/options.ts';
import { AgentError } from './errors.ts';
import type { RecordLine } from './local/record-stream.ts';
import type { Sensor } from './sensors.ts';
import { VERSION } from './version.ts';

export interface Recorded {
  station: { readonly sensors: readonly Sensor[] };
  /** The gateway's timeline, UTC milliseconds. */
  now: () => number;
  /** Notes something in the history of health. */
  event: (code: string, text: string) => void;
}

/**
 * Passes a sensor's bytes on as lines until the returned function is called, which may be at any time and more than once.
 * Beginning and end are told to `event`, so that the history shows who was listened to, and when.
 * @throws AgentError `sensor_unknown`, `recording_running`.
 */
export function recordSensor(
  { station, now, event }: Recorded,
  id: string,
  sink: (line: RecordLine) => void,
): () => void {
  const sensor = station.sensors.find((known) => known.id === id);
  if (sensor === undefined) {
    const known = station.sensors.map((one) => one.id).join(', ');
    throw new AgentError(
      'sensor_unknown',
      'expected the name of a sensor, received another',
      known === '' ? 'This daemon has no sensors.' : `There are: ${known}`,
    );
  }
  const { driver, decoder, parameters } = sensor.options;
  const stop = sensor.listen({
    bytes: (chunk, atMs) => {
      const { buffer, byteOffset, byteLength } = chunk;
      const base64 = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
      sink({ kind: 'bytes', at_ms: atMs, base64 });
    },
    ended: () => {
      end();
      sink({ kind: 'end', at_ms: now(), reason: 'sensor_stopped' });
    },
  });
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    stop();
    event('recording_ended', `recording of ${id} ended`);
  };
  event('recording_started', `recording of ${id} started`);
  const options = optionsToJson({ ...decoder, ...(parameters.role === 'transactions' && { role: 'transactions' }) });
  sink({ kind: 'sensor', at_ms: now(), id, driver: driver.name, options, version: VERSION });
  return end;
}
