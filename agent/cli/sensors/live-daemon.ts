/** One sensor, heard through the running daemon: its readings from the tail, its counts from the status. */
import { AgentError } from '../../errors.ts';
import { streamLocal } from '../../local/client.ts';
import type { SensorStatus, StatusDocument } from '../../local/document.ts';
import type { TailEvent } from '../../local/tail.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import { endingWith } from '../exit-codes.ts';
import { ask } from '../observe.ts';
import { type LiveCounts, type LiveSensor, NO_ANSWER, type TakeReading } from './live.ts';

interface DaemonListening {
  sensor: SensorSettings;
  socket: string;
  /** The daemon's status before the listening. */
  status: StatusDocument;
  now: () => number;
  take: TakeReading;
}

export async function listenToDaemon({ sensor, socket, status, now, take }: DaemonListening): Promise<LiveSensor> {
  const first = statusOf(status, sensor);
  const end = new AbortController();
  let dropped = 0;
  let failure: AgentError | null = null;
  const onLine = (line: string): void => {
    const event = JSON.parse(line) as TailEvent;
    if (event.kind === 'dropped') dropped += event.count;
    else if (event.kind === 'sighting' || event.kind === 'ble' || event.kind === 'door' || event.kind === 'till') {
      take(event);
    }
  };
  const route = `/tail?${new URLSearchParams({ sensor: sensor.id })}`;
  const streaming = streamLocal(socket, route, onLine, end.signal).then(
    () => {
      if (!end.signal.aborted) failure = ended(socket);
    },
    (error: unknown) => {
      failure = error instanceof AgentError ? error : ended(socket, error);
    },
  );
  return {
    source: 'daemon',
    now,
    async counts() {
      const latest = statusOf(await ask(socket).catch(unheard), sensor);
      if (failure !== null) unheard(failure);
      return since(first, latest, dropped);
    },
    async stop() {
      end.abort();
      await streaming;
    },
  };
}

function statusOf({ sensors }: StatusDocument, { id, driver, port }: SensorSettings): SensorStatus {
  const found = sensors.find((each) => each.id === id);
  if (found?.driver === driver && found.port === port) return found;
  const message = `the running daemon has ${found === undefined ? 'no sensor' : 'another sensor of the name'} "${id}": the settings changed since it read them`;
  const hint = 'Have it read them again: footfall reload. In vain? Then its settings are others: --settings, --socket';
  throw endingWith(new AgentError('sensor_not_running', message, hint), NO_ANSWER);
}

/** Counts begin anew where the daemon has opened the sensor anew. */
function since(first: SensorStatus, latest: SensorStatus, dropped: number): LiveCounts {
  const anew = latest.bytes < first.bytes || latest.accepted < first.accepted;
  const before = (count: number | undefined): number => (anew ? 0 : (count ?? 0));
  const rejected: Record<string, number> = {};
  for (const [reason, count] of Object.entries(latest.rejected)) {
    const more = count - before(first.rejected[reason]);
    if (more > 0) rejected[reason] = more;
  }
  return {
    state: latest.state,
    detail: latest.detail,
    bytes: latest.bytes - before(first.bytes),
    accepted: latest.accepted - before(first.accepted),
    rejected,
    dropped,
  };
}

function ended(socket: string, cause?: unknown): AgentError {
  return new AgentError('daemon_ended', `the daemon on ${socket} ended`, 'See how it is: footfall status', { cause });
}

function unheard(error: unknown): never {
  throw endingWith(error, NO_ANSWER);
}
