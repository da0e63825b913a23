/** `footfall run`: the daemon. */
import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_SETTINGS } from './socket.ts';

/** @param storageWorker another entry of the storage thread than the product's; for tests that plant a fault. */
export function register(program: Command, storageWorker?: URL): void {
  program
    .command('run')
    .description('run the daemon: read the sensors, count, keep, deliver')
    .option('-s, --settings <FILE>', 'settings file', DEFAULT_SETTINGS)
    .option(
      '--virtual-clock <TIME>',
      'run on a clock that stands still at TIME (ISO 8601) and moves only when POST /clock/advance on the local socket says so; for replays and tests',
      parseTime,
    )
    .option('--start-radios', 'start the helpers of radios as well, where systemd does not')
    .addHelpText(
      'after',
      `
Logs JSON lines to stdout, under systemd with the journal's priorities. SIGHUP reads the settings again (so does
footfall reload, which tells what became of it). Ends on SIGINT or SIGTERM after a last commit. A settings file that is
broken by an edit is stood in for by the last good one, and footfall status says so.

Exit codes: 0 ended as asked, 1 could not start or failed, 64 wrong use.

Examples:
  footfall run --settings /etc/footfall/footfall.yaml
  footfall run --settings shop.yaml | npx pino-pretty`,
    )
    .action((options: RunOptions) => run(options, storageWorker));
}

function parseTime(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new InvalidArgumentError(`expected a time such as 2026-03-02T09:00:00Z, received "${text}"`);
  return ms;
}

interface RunOptions {
  settings: string;
  virtualClock?: number;
  startRadios?: boolean;
}

async function run(options: RunOptions, storageWorker: URL | undefined): Promise<void> {
  const { loadEffective } = await import('../settings/effective.ts');
  const { notes, ...effective } = loadEffective({ path: options.settings, nowMs: options.virtualClock ?? Date.now() });
  const { runDaemon } = await import('../run.ts');
  await runDaemon({
    effective,
    notes,
    ...(options.startRadios === undefined ? {} : { startRadios: options.startRadios }),
    ...(options.virtualClock === undefined ? {} : { virtualStartMs: options.virtualClock }),
    ...(storageWorker === undefined ? {} : { storageWorker }),
  });
}
