/** `footfall sensors test`: is this sensor heard, and does a door count people the right way round. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AgentError } from '../../errors.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { decimal } from '../options.ts';
import { DEFAULT_SETTINGS } from '../socket.ts';

const USUAL_PASSAGES = 5;
const USUAL_PAUSE_SECONDS = 5;
const MOST_PASSAGES = 50;

export interface TestOptions {
  settings: string;
  socket?: string;
  seconds?: number;
  json?: boolean;
  walk?: number | true;
  autoAdvance?: number | true;
}

export function register(sensors: Command): void {
  sensors
    .command('test')
    .argument('<ID>', 'sensor of the settings')
    .description('hear one sensor live; with --walk, check how a door counts')
    .addOption(new Option('--seconds <N>', 'end after this long').argParser(decimal).conflicts('walk'))
    .option('--walk [N]', `walk N times in and N times out (default: ${USUAL_PASSAGES})`, passages)
    .option(
      '--auto-advance [N]',
      `with --walk: no Enter, a passage ends after N seconds of quiet (default: ${USUAL_PAUSE_SECONDS})`,
      decimal,
    )
    .option('--json', 'print one JSON object at the end')
    .option('-s, --settings <FILE>', 'settings file', DEFAULT_SETTINGS)
    .option('--socket <PATH>', "the daemon's socket (default: by the settings)")
    .addHelpText(
      'after',
      `
Listens through the running daemon, which goes on counting; where none runs, on
the sensor's own line. Ends on q or Ctrl-C, without a terminal after 30 seconds
unless --seconds says otherwise.

--walk asks you to walk in, then out, in turn, one person at a time, and tells
for each direction what was counted right, the wrong way round, not at all, or
too often. While a daemon runs, what you walk is counted as visitors too.

Exit codes: 0 well heard, and every passage counted right, 1 nothing was heard,
most of it was rejected, the line is down, or a passage was counted wrong,
3 the daemon does not answer, 64 wrong use, 130 a walk was ended with Ctrl-C.

Examples:
  footfall sensors test front-wifi
  footfall sensors test front-wifi --seconds 60 --json | jq .rssi
  footfall sensors test main-door --walk
  footfall sensors test main-door --walk 10 --auto-advance`,
    )
    .action(test);
}

async function test(id: string, options: TestOptions): Promise<void> {
  const { walk, autoAdvance } = options;
  if (walk === undefined) {
    if (autoAdvance !== undefined) {
      const error = new AgentError(
        'wrong_use',
        'expected --auto-advance with --walk, received it alone',
        'Add --walk.',
      );
      throw endingWith(error, WRONG_USE);
    }
    const { runTest } = await import('./test-run.ts');
    await runTest(id, options);
    return;
  }
  const { runWalk } = await import('./walk-run.ts');
  const pause = autoAdvance === true ? USUAL_PAUSE_SECONDS : autoAdvance;
  await runWalk(id, {
    ...options,
    passages: walk === true ? USUAL_PASSAGES : walk,
    ...(pause !== undefined && { pauseSeconds: pause }),
  });
}

function passages(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1 && count <= MOST_PASSAGES) return count;
  throw new InvalidArgumentError(`expected 1 to ${MOST_PASSAGES} passages each way, received "${text}"`);
}
