/** `footfall status`: is this box counting, what is missing since when, and what to do about it. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AgentError } from '../errors.ts';
import type { HealthEntry } from '../local/routes.ts';
import { endingWith, WRONG_USE } from './exit-codes.ts';
import type { Observation, Places } from './observe.ts';
import { wholeNumber } from './options.ts';
import { DEFAULT_SOCKET } from './socket.ts';
import type { RenderOptions } from './view/status.ts';

const EXIT_CODES = { counting: 0, degraded: 1, not_counting: 2 } as const;
const UNREACHABLE = 3;
const USUAL_SECONDS = 2;
const USUAL_CHANGES = 20;

interface Options extends Places {
  json?: boolean;
  watch?: number | true;
  history?: number | true;
}

export function register(program: Command): void {
  program
    .command('status')
    .description('is this box counting, what is missing since when, and what to do')
    .option('-s, --settings <FILE>', 'find the socket and the database by this settings file')
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`)
    .addOption(new Option('--json', 'print the status document as JSON, times in milliseconds UTC').conflicts('watch'))
    .addOption(
      new Option(
        '-w, --watch [SECONDS]',
        `look again every so many seconds (default: ${USUAL_SECONDS}) until q or Ctrl-C`,
      )
        .argParser(parseSeconds)
        .conflicts('history'),
    )
    .option(
      '--history [N]',
      `the newest changes of health, what began and ended when (default: ${USUAL_CHANGES})`,
      parseCount,
    )
    .addHelpText(
      'after',
      `
While no daemon answers, shows how the last run ended and what the database holds.

--json prints the document that config/status.schema.json describes. While no daemon answers it has
"running": false and holds what is known instead; where that cannot be told, as when the socket may not
be opened, "running" is null. Otherwise the key "running" is absent.

Exit codes: 0 counting, 1 degraded, 2 not counting, 3 no answer (not running, hanging, not allowed),
64 wrong use. With --watch 0 after q, Ctrl-C or SIGTERM; with --history 0.

Examples:
  footfall status
  footfall status --watch
  footfall status --history 50
  footfall status --settings shop.yaml
  footfall status --json | jq '.verdict.reasons'`,
    )
    .action(run);
}

function run(options: Options): Promise<void> {
  if (options.history !== undefined)
    return history(options, options.history === true ? USUAL_CHANGES : options.history);
  if (options.watch !== undefined) return watchStatus(options, options.watch === true ? USUAL_SECONDS : options.watch);
  return once(options);
}

async function once(options: Options): Promise<void> {
  const { observe } = await import('./observe.ts');
  const seen = await observe(options, process.env);
  process.exitCode = exitCodeOf(seen);
  if (seen.kind === 'answer' && seen.doubt !== null) process.stderr.write(`warning: ${seen.doubt}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(documentOf(seen), null, 2)}\n`);
  // The command's main tells the error, and reads the exit code off it.
  if (seen.kind === 'unknown') throw endingWith(seen.error, UNREACHABLE);
  if (options.json) return;
  const [render, { terminalOf }] = await Promise.all([loadRender(), import('./view/style.ts')]);
  process.stdout.write(render(seen, terminalOf(process.stdout, process.env)));
}

function exitCodeOf(seen: Observation): number {
  return seen.kind === 'answer' ? EXIT_CODES[seen.document.verdict.state] : UNREACHABLE;
}

/** What `--json` prints. */
function documentOf(seen: Observation): object {
  if (seen.kind === 'answer') return seen.document;
  if (seen.kind === 'down') {
    const { error, pid, known, settings } = seen.down;
    return { ...known, running: false, error, pid, settings };
  }
  const { code, message, hint } = seen.error;
  return { v: 1, running: null, error: { code, message, hint } };
}

type Render = (seen: Observation, options: RenderOptions) => string;

async function loadRender(): Promise<Render> {
  const [{ renderStatus }, { renderDown }] = await Promise.all([import('./view/status.ts'), import('./view/down.ts')]);
  return (seen, options) => {
    if (seen.kind === 'answer') return renderStatus(seen.document, options);
    if (seen.kind === 'down') return renderDown(seen.down, options);
    return `error: ${seen.error.message}\n${seen.error.hint === '' ? '' : `hint: ${seen.error.hint}\n`}`;
  };
}

async function watchStatus(options: Options, seconds: number): Promise<void> {
  const { stdin: input, stdout: output } = process;
  if (output.isTTY !== true) {
    const error = new AgentError(
      'watch_needs_terminal',
      'expected a terminal to watch in, found something else as the output',
      'Without a terminal use: footfall status --json, or watch(1): watch footfall status',
    );
    throw endingWith(error, WRONG_USE);
  }
  const [{ observe }, { watch }, render] = await Promise.all([
    import('./observe.ts'),
    import('./view/watch.ts'),
    loadRender(),
  ]);
  await watch<Observation>({
    input,
    output,
    everyMs: seconds * 1_000,
    environment: process.env,
    render,
    look: () => observe(options, process.env),
  });
  // A question to a daemon that hangs may still be under way.
  process.exit(0);
}

async function history(options: Options, limit: number): Promise<void> {
  const [{ ask }, { requestLocal }, { socketOf }] = await Promise.all([
    import('./observe.ts'),
    import('../local/client.ts'),
    import('./socket.ts'),
  ]);
  try {
    const socket = await socketOf(options);
    const answer = (await requestLocal(socket, 'GET', `/health?limit=${limit}`)) as { changes: HealthEntry[] };
    if (options.json) {
      process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      return;
    }
    const { time_zone: timeZone, at_ms: now } = await ask(socket);
    const [{ renderHistory }, { terminalOf }] = await Promise.all([
      import('./view/history.ts'),
      import('./view/style.ts'),
    ]);
    process.stdout.write(renderHistory(answer.changes, { ...terminalOf(process.stdout, process.env), timeZone, now }));
  } catch (error) {
    throw endingWith(error, UNREACHABLE);
  }
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0.5 && value <= 3_600) return value;
  throw new InvalidArgumentError(`expected 0.5 to 3600 seconds, received "${text}"`);
}

function parseCount(text: string): number {
  const value = wholeNumber(text);
  if (value >= 1 && value <= 5_000) return value;
  throw new InvalidArgumentError(`expected 1 to 5000 changes, received "${text}"`);
}
