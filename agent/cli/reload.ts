/** `footfall reload`: a running daemon takes over what changed in its settings, after a check of the file. */
import type { Command } from 'commander';
import { AgentError } from '../errors.ts';
import type { StatusDocument } from '../local/document.ts';
import { DEFAULT_SETTINGS, DEFAULT_SOCKET, socketOf } from './socket.ts';

const BROKEN = 1;
const RESTART_NEEDED = 2;
const UNREACHABLE = 3;

/** What the daemon answers to `POST /reload`. */
export interface ReloadAnswer {
  state: 'current' | 'restart_needed' | 'last_good';
  /** Changed keys that are in force now. */
  applied: string[];
  /** Changed keys that wait for a restart. */
  restart: string[];
  /** Of the file, one line each. */
  mistakes: string[];
  /** What was left out of a remote revision or the overrides. */
  notes: string[];
}

interface Options {
  settings?: string;
  socket?: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('reload')
    .description('have the daemon take over its changed settings')
    .option('-s, --settings <FILE>', `settings file (default: the daemon's own, mostly ${DEFAULT_SETTINGS})`)
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`)
    .option('--json', 'print {"state", "applied", "restart", "mistakes", "notes"}')
    .addHelpText(
      'after',
      `
Checks the file first: while it holds a mistake, the daemon is left alone and goes on as it was.
Sensors, counting, opening hours, delivery and logging change at once; names, time zone and directories at a restart.

Exit codes: 0 all is in force, 1 the file holds mistakes, 2 a restart is needed for some of it, 3 no answer (not
running, not allowed), 64 wrong use.

Examples:
  footfall reload
  footfall reload --settings shop.yaml
  footfall reload --json | jq .applied`,
    )
    .action(reload);
}

async function reload(options: Options): Promise<void> {
  const { checkSettings, formatMistake, readSettingsFile } = await import('../settings/load.ts');
  const file = options.settings ?? (await ownFile(options));
  const checked = checkSettings(readSettingsFile(file));
  let answer: ReloadAnswer;
  if ('mistakes' in checked) {
    const mistakes = checked.mistakes.map((mistake) => formatMistake(file, mistake));
    answer = { state: 'last_good', applied: [], restart: [], mistakes, notes: [] };
  } else {
    answer = await unreachable(askReload(await socketOf(options)));
  }
  if (answer.state !== 'current') process.exitCode = answer.state === 'restart_needed' ? RESTART_NEEDED : BROKEN;
  process.stdout.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : `${wordsOf(answer).join('\n')}\n`);
}

/** The settings file that the daemon says it runs with. */
async function ownFile(options: Options): Promise<string> {
  const { requestLocal } = await import('../local/client.ts');
  const status = await unreachable(requestLocal(await socketOf(options), 'GET', '/status'));
  return (status as Partial<StatusDocument> | null)?.settings?.path ?? DEFAULT_SETTINGS;
}

/** Has the daemon read its settings again. Throws as `requestLocal`, and `answer_invalid`. */
export async function askReload(socket: string): Promise<ReloadAnswer> {
  const { requestLocal } = await import('../local/client.ts');
  const answer = (await requestLocal(socket, 'POST', '/reload')) as Partial<ReloadAnswer> | null;
  const { state, applied = [], restart = [], mistakes = [], notes = [] } = answer ?? {};
  if (state !== undefined) return { state, applied, restart, mistakes, notes };
  throw new AgentError(
    'answer_invalid',
    'expected an answer with a state to POST /reload, received another one',
    'The daemon is of another release than this command: restart it.',
  );
}

/** The answer for people, a line each. */
export function wordsOf({ state, applied, restart, mistakes, notes }: ReloadAnswer): string[] {
  const lines = notes.map((note) => `note: ${note}`);
  if (state === 'last_good') {
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
    return [...mistakes, ...lines, `${count}: the daemon goes on with the settings it has`];
  }
  if (applied.length > 0) lines.push('in force now:', ...applied.map((key) => `  ${key}`));
  if (restart.length > 0) {
    lines.push('waiting for a restart (systemctl restart footfall):', ...restart.map((key) => `  ${key}`));
  } else if (state === 'restart_needed') lines.push('a restart is needed: systemctl restart footfall');
  else if (applied.length === 0) lines.push('nothing changed: the daemon runs with these settings already');
  return lines;
}

/** Failures to reach the daemon have an exit code of their own; the command's main reads it off the error. */
async function unreachable<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    throw error instanceof AgentError ? Object.assign(error, { exitCode: UNREACHABLE }) : error;
  }
}
