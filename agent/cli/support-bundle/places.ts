/** Where this box keeps what goes into a bundle, found however broken its settings are. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AgentError, reasonOf } from '../../errors.ts';
import type { Settings } from '../../settings/settings.ts';
import { DEFAULT_SETTINGS, DEFAULT_SOCKET, socketIn } from '../socket.ts';

/** systemd.exec(5) StateDirectory=footfall. */
const DEFAULT_STATE = '/var/lib/footfall';
const DATABASE = 'footfall.db';

export interface Places {
  settingsPath: string;
  /** In force or at the next start; null where neither the file nor a last good copy can be used. */
  settings: Settings | null;
  /** Why not. */
  settingsError: string | null;
  socket: string;
  storageDirectory: string;
  runtimeDirectory: string;
  database: string;
}

export async function findPlaces(
  options: { settings?: string; socket?: string },
  environment: NodeJS.ProcessEnv,
): Promise<Places> {
  const settingsPath = resolve(options.settings ?? DEFAULT_SETTINGS);
  const { settings, error, peeked } = await readSettings(settingsPath, environment);
  const storageDirectory =
    settings?.storage.directory ?? peeked ?? (environment.STATE_DIRECTORY?.split(':')[0] || DEFAULT_STATE);
  const socket = options.socket ?? (settings === null ? DEFAULT_SOCKET : socketIn(settings));
  return {
    settingsPath,
    settings,
    settingsError: error,
    socket,
    storageDirectory,
    runtimeDirectory: settings?.runtimeDirectory ?? dirname(socket),
    database: join(storageDirectory, DATABASE),
  };
}

async function readSettings(path: string, environment: NodeJS.ProcessEnv) {
  const none = { settings: null, peeked: null };
  if (!existsSync(path)) return { ...none, error: `there is no ${path}` };
  const [{ readBase }, { readSettingsFile }, { YamlSource }] = await Promise.all([
    import('../../settings/last-good.ts'),
    import('../../settings/load.ts'),
    import('../../settings/source.ts'),
  ]);
  try {
    return { settings: readBase({ path, environment }).settings, error: null, peeked: null };
  } catch (reason) {
    const error = reasonOf(reason);
    if (!(reason instanceof AgentError) || reason.code !== 'settings_invalid') return { ...none, error };
    const named = new YamlSource(readSettingsFile(path)).peek(['storage', 'directory']);
    return { ...none, error, peeked: typeof named === 'string' && named.startsWith('/') ? named : null };
  }
}
