/** `footfall run`: the daemon. */
import { type Command, InvalidArgumentError } from 'commander';

/** @param storageWorker another entry of the storage thread than the product's; for tests that plant a fault. */
export function register(program: Command, storageWorker?: URL): void {
  program
    .command('run')
    .description('run the daemon: read the sensors, count, keep, deliver')
    .option('-s, --settings <FILE>', 'settings file', '/etc/footfall/footfall.yaml')
    .option(
      '--virtual-clock <TIME>',
      'run on a clock that stands still at TIME (ISO 8601) and moves only when POST /clock/advance on the local socket says so; for replays and tests',
      parseTime,
    )
    .addHelpText(
      'after',
      `
Logs JSON lines to stdout. Ends on SIGINT or SIGTERM after a last commit.

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
}

async function run(options: RunOptions, storageWorker: URL | undefined): Promise<void> {
  const { loadSettings, readPassword } = await import('../settings/load.ts');
  const settings = loadSettings(options.settings);
  const password = readPassword(settings);
  const { runDaemon } = await import('../run.ts');
  await runDaemon({
    settings,
    password,
    ...(options.virtualClock === undefined ? {} : { virtualStartMs: options.virtualClock }),
    ...(storageWorker === undefined ? {} : { storageWorker }),
  });
}
