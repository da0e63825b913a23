/** `footfall reload`: a running daemon reads its settings again, and tells what became of it. */
import type { Command } from 'commander';
import { AgentError } from '../errors.ts';
import type { ReloadOutcome } from '../local/document.ts';
import { endingWith } from './exit-codes.ts';
import { DEFAULT_SOCKET, socketOf } from './socket.ts';

const BROKEN = 1;
const RESTART_NEEDED = 2;
const UNREACHABLE = 3;

interface Options {
  settings?: string;
  socket?: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('reload')
    .description('have the daemon take over its changed settings')
    .option('-s, --settings <FILE>', 'find the socket by this settings file')
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`)
    .option('--json', 'print {"state", "applied", "restart", "mistakes", "notes"}')
    .addHelpText(
      'after',
      `
A file that holds a mistake changes nothing: the daemon goes on with the settings it has, and footfall status says so. To
check it before: footfall config check.
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
  const answer = await unreachable(socketOf(options).then(askReload));
  if (answer.state !== 'current') process.exitCode = answer.state === 'restart_needed' ? RESTART_NEEDED : BROKEN;
  process.stdout.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : `${wordsOf(answer).join('\n')}\n`);
}

/** Has the daemon read its settings again. Throws as `requestLocal`, and `answer_invalid`. */
export async function askReload(socket: string): Promise<ReloadOutcome> {
  const { requestLocal } = await import('../local/client.ts');
  const answer = (await requestLocal(socket, 'POST', '/reload')) as Partial<ReloadOutcome> | null;
  const { state, applied = [], restart = [], mistakes = [], notes = [] } = answer ?? {};
  if (state !== undefined) return { state, applied, restart, mistakes, notes };
  throw new AgentError(
    'answer_invalid',
    'expected an answer with a state to POST /reload, received another one',
    'The daemon is of another release than this command: restart it.',
  );
}

/** The answer for people, a line each. */
export function wordsOf({ state, applied, restart, mistakes, notes }: ReloadOutcome): string[] {
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
    throw endingWith(error, UNREACHABLE);
  }
}
