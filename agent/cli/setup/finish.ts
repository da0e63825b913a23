/** After the writing: the running daemon takes the new settings, or the person learns how to start one. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AgentError, reasonOf } from '../../errors.ts';
import type { StatusDocument } from '../../local/document.ts';
import { DEFAULT_SETTINGS } from '../socket.ts';
import type { Asker } from './asker.ts';

export interface Finish {
  /** The settings file, absolute. */
  path: string;
  socket: string;
  /** null: reload without asking. */
  asker: Asker | null;
  say: (line: string) => void;
  /** requestLocal of agent/local/client.ts. */
  request: (socket: string, method: 'GET' | 'POST', route: string) => Promise<unknown>;
  /** The file system; for tests. */
  root: string;
}

/** What became of the running daemon. */
export type DaemonState = 'reloaded' | 'restart_needed' | 'not_reloaded' | 'not_running';

const UNIT = 'footfall.service';
const UNIT_FOLDERS = ['etc/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system'];

export async function bringIntoForce(finish: Finish): Promise<DaemonState> {
  const { path, socket, asker, say, request } = finish;
  let document: Partial<StatusDocument>;
  try {
    document = (await request(socket, 'GET', '/status')) as Partial<StatusDocument>;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (error.code === 'daemon_not_running') {
      say(`No daemon is running. ${startAdvice(finish)}`);
      return 'not_running';
    }
    say(`The daemon was not reloaded: ${error.message}${error.hint === '' ? '' : `. ${error.hint}`}`);
    return 'not_reloaded';
  }
  const other = document.settings?.path;
  if (other !== undefined && other !== null && resolve(other) !== path) {
    say(`The daemon that runs uses other settings (${other}); it was left alone. ${startAdvice(finish)}`);
    return 'not_reloaded';
  }
  if (
    asker &&
    !(await asker.confirm({ message: 'The daemon is running. Let it read the new settings now?', default: true }))
  ) {
    say(`It goes on with the former settings until: footfall reload --settings ${path}`);
    return 'not_reloaded';
  }
  return reload(finish);
}

async function reload({ path, socket, say, request, root }: Finish): Promise<DaemonState> {
  try {
    const answer = (await request(socket, 'POST', '/reload')) as { state?: string; restart?: string[] };
    if (answer.state === 'current') {
      say('The daemon has read the new settings.');
      return 'reloaded';
    }
    if (answer.state === 'restart_needed') {
      const keys = (answer.restart ?? []).join(', ');
      say(`The daemon has read the new settings; a restart is needed for: ${keys}. ${restartAdvice(root, path)}`);
      return 'restart_needed';
    }
    say('The daemon could not use the new settings. See: footfall status');
  } catch (error) {
    say(`The daemon did not read the new settings: ${reasonOf(error)}. ${restartAdvice(root, path)}`);
  }
  return 'not_reloaded';
}

function startAdvice({ root, path }: Finish): string {
  return usesUnit(root, path)
    ? 'Start it, now and at every boot: sudo systemctl enable --now footfall'
    : `Start it: footfall run --settings ${path}`;
}

function restartAdvice(root: string, path: string): string {
  return usesUnit(root, path)
    ? 'Restart it: sudo systemctl restart footfall'
    : `Stop it, then start it: footfall run --settings ${path}`;
}

/** systemd is the init system (sd_booted(3)), the unit is installed, and it reads this file. */
function usesUnit(root: string, path: string): boolean {
  return (
    path === DEFAULT_SETTINGS &&
    existsSync(join(root, 'run/systemd/system')) &&
    UNIT_FOLDERS.some((folder) => existsSync(join(root, folder, UNIT)))
  );
}

/**
 * What to do next.
 * @param plain the file and the socket are where every verb looks for them.
 * @param radios ids of the sensors that listen with a radio of the box, each through a helper of its own.
 */
export function nextSteps(path: string, plain: boolean, radios: readonly string[] = [], root = '/'): string[] {
  const where = plain ? '' : ` --settings ${path}`;
  const start = usesUnit(root, path)
    ? `sudo systemctl enable --now ${radios.map((id) => `footfall-radio@${id}`).join(' ')}`
    : `footfall run --settings ${path} --start-radios`;
  const radio = radios.length === 0 ? [] : [`  Start its radios  ${start}`];
  return [
    'Next:',
    ...radio,
    `  Is it counting?   footfall status${where}`,
    `  Is the box well?  footfall doctor${where}`,
  ];
}
