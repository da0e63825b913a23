/** One look at this box: what its daemon says, or what is known while none answers. */
import { dirname, resolve } from 'node:path';
import { AgentError } from '../errors.ts';
import { requestLocal } from '../local/client.ts';
import type { StatusDocument } from '../local/document.ts';
import type { Settings } from '../settings/settings.ts';
import { DEFAULT_SETTINGS, DEFAULT_SOCKET, socketOf } from './socket.ts';
import type { Down, Told } from './view/down.ts';

/** systemd.exec(5) StateDirectory=footfall. */
const DEFAULT_STATE = '/var/lib/footfall';

/** How the box and its daemon are found. */
export interface Places {
  settings?: string;
  socket?: string;
}

export type Observation =
  /** `doubt`: why another box than the one that was meant may have answered; null where there is none. */
  | { kind: 'answer'; document: StatusDocument; doubt: string | null }
  | { kind: 'down'; down: Down }
  /** Whether a daemon runs cannot be told, as when its socket may not be opened. */
  | { kind: 'unknown'; error: AgentError };

/** Never rejects with an AgentError: not knowing is an observation too. */
export async function observe(places: Places, environment: NodeJS.ProcessEnv): Promise<Observation> {
  let doubt: string | null = null;
  // Broken settings do not end a daemon that runs with the last good ones.
  const socket = await socketOf(places).catch((reason: unknown) => {
    if (!(reason instanceof AgentError)) throw reason;
    doubt = `${reason.message}\nso the daemon on ${DEFAULT_SOCKET} was asked`;
    return DEFAULT_SOCKET;
  });
  try {
    return { kind: 'answer', document: await ask(socket), doubt };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (!['daemon_not_running', 'daemon_silent'].includes(error.code)) return { kind: 'unknown', error };
    return { kind: 'down', down: await lookBack({ ...places, socket }, error, environment) };
  }
}

/** The status document of the daemon on this socket. Throws what `requestLocal` throws, and `status_version`. */
export async function ask(socket: string): Promise<StatusDocument> {
  const document = (await requestLocal(socket, 'GET', '/status')) as Partial<StatusDocument> | null;
  if (document?.v === 1) return document as StatusDocument;
  throw new AgentError(
    'status_version',
    `expected status document version 1, received ${JSON.stringify(document?.v ?? null)}`,
    'The daemon is of another release than this command: restart it.',
  );
}

async function lookBack(
  places: { settings?: string; socket: string },
  error: AgentError,
  environment: NodeJS.ProcessEnv,
): Promise<Down> {
  const [{ lastKnown }, { readRuns }] = await Promise.all([
    import('../last-known.ts'),
    import('../local/run-record.ts'),
  ]);
  const path = resolve(places.settings ?? DEFAULT_SETTINGS);
  const { settings, error: mistake, directory } = await settingsAt(path, environment);
  const storageDirectory = settings?.storage.directory ?? directory;
  const runtimeDirectory = settings?.runtimeDirectory ?? dirname(places.socket);
  const known = await lastKnown({ storageDirectory, runtimeDirectory });
  const silent = error.code === 'daemon_silent';
  const run = silent ? readRuns({ directory: storageDirectory, runtimeDirectory }).current : null;
  const zone = settings?.store.timeZone ?? known.status?.time_zone;
  return {
    error: plain(error),
    pid: run?.pid ?? null,
    known,
    settings: { path, error: mistake },
    time_zone: zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

interface FoundSettings {
  /** Of the file, or of its last good copy; null where there is neither. */
  settings: Settings | null;
  error: Told | null;
  /** Where the database is likely to be, whatever the file says. */
  directory: string;
}

async function settingsAt(path: string, environment: NodeJS.ProcessEnv): Promise<FoundSettings> {
  const [{ readBase }, { readSettingsFile }, { YamlSource }] = await Promise.all([
    import('../settings/last-good.ts'),
    import('../settings/load.ts'),
    import('../settings/source.ts'),
  ]);
  let directory = environment.STATE_DIRECTORY?.split(':')[0] || DEFAULT_STATE;
  try {
    const { settings, origin, mistakes } = readBase({ path, environment });
    const hint = `Correct it, then try: footfall config check ${path}`;
    const error = { code: 'settings_invalid', message: mistakes.join('\n'), hint };
    return { settings, error: origin === 'file' ? null : error, directory };
  } catch (reason) {
    if (!(reason instanceof AgentError)) throw reason;
    if ((reason.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
      const error = {
        code: 'settings_missing',
        message: `there is no ${path} yet`,
        hint: 'Make it: sudo footfall setup',
      };
      return { settings: null, error, directory };
    }
    const named =
      reason.code === 'settings_invalid' ? new YamlSource(readSettingsFile(path)).peek(['storage', 'directory']) : null;
    if (typeof named === 'string' && named.startsWith('/')) directory = named;
    return { settings: null, error: plain(reason), directory };
  }
}

function plain({ code, message, hint }: AgentError): Told {
  return { code, message, hint };
}
