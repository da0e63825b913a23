/** Where the daemon of a box is spoken to. */

export { DEFAULT_SETTINGS } from '../settings/settings.ts';

const SOCKET_NAME = 'footfall.sock';

/** The socket of a daemon with the default `runtime_directory`. */
export const DEFAULT_SOCKET = `/run/footfall/${SOCKET_NAME}`;

/**
 * The daemon's socket: the one that `socket` names, else that of the settings file, else the default one. A daemon that
 * runs with the last good copy of a broken file is found too. Throws what reading the settings throws.
 */
export async function socketOf(options: { settings?: string; socket?: string }): Promise<string> {
  if (options.socket !== undefined) return options.socket;
  // The settings are read only when named: their libraries take longer to load than all the rest.
  if (options.settings === undefined) return DEFAULT_SOCKET;
  const { readBase } = await import('../settings/last-good.ts');
  return socketIn(readBase({ path: options.settings }).settings);
}

/** The socket of a daemon with these settings. */
export function socketIn({ runtimeDirectory }: { runtimeDirectory: string }): string {
  return `${runtimeDirectory}/${SOCKET_NAME}`;
}
