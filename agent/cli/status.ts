/** `footfall status`: is this box counting, what is missing since when, and what to do about it. */
import type { Command } from 'commander';
import { AgentError } from '../errors.ts';
import type { StatusDocument } from '../local/document.ts';

const DEFAULT_SOCKET = '/run/footfall/footfall.sock';
const SOCKET_NAME = 'footfall.sock';
const EXIT_CODES = { counting: 0, degraded: 1, not_counting: 2 } as const;
const UNREACHABLE = 3;

interface Options {
  settings?: string;
  socket?: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('status')
    .description('is this box counting, what is missing since when, and what to do')
    .option('-s, --settings <FILE>', 'find the socket by this settings file')
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`)
    .option('--json', 'print the status document as JSON, times in milliseconds UTC')
    .addHelpText(
      'after',
      `
Exit codes: 0 counting, 1 degraded, 2 not counting, 3 no answer (not running, not allowed, wrong settings),
64 wrong use.

Examples:
  footfall status
  footfall status --settings shop.yaml
  footfall status --json | jq '.verdict.reasons'
  watch footfall status`,
    )
    .action(status);
}

async function status(options: Options): Promise<void> {
  const document = await ask(options).catch((error: unknown) => {
    // The command's main reads the exit code off the error.
    throw error instanceof AgentError ? Object.assign(error, { exitCode: UNREACHABLE }) : error;
  });
  process.exitCode = EXIT_CODES[document.verdict.state];
  process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : await render(document));
}

/** The settings are read only when named: their libraries take longer to load than all the rest. */
async function socketOf(settingsFile: string | undefined): Promise<string> {
  if (settingsFile === undefined) return DEFAULT_SOCKET;
  const { loadSettings } = await import('../settings/load.ts');
  return `${loadSettings(settingsFile).runtimeDirectory}/${SOCKET_NAME}`;
}

async function ask(options: Options): Promise<StatusDocument> {
  const { requestLocal } = await import('../local/client.ts');
  const path = options.socket ?? (await socketOf(options.settings));
  const document = (await requestLocal(path, 'GET', '/status')) as Partial<StatusDocument> | null;
  if (document?.v === 1) return document as StatusDocument;
  throw new AgentError(
    'status_version',
    `expected status document version 1, received ${JSON.stringify(document?.v ?? null)}`,
    'The daemon is of another release than this command: restart it.',
  );
}

async function render(document: StatusDocument): Promise<string> {
  const [{ renderStatus }, { terminalOf }] = await Promise.all([import('./view/status.ts'), import('./view/style.ts')]);
  return renderStatus(document, terminalOf(process.stdout, process.env));
}
