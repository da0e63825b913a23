/** `footfall sensors detect`: what is plugged in, at which speed it speaks, and what to write into the settings. */
import { type Command, InvalidArgumentError } from 'commander';
import { AgentError } from '../../errors.ts';
import type { SensorStatus } from '../../local/document.ts';
import { ENDED_BY, endingWith } from '../exit-codes.ts';
import type { Places } from '../observe.ts';

const MOST_SECONDS = 600;

interface Options extends Places {
  json?: boolean;
  seconds?: number;
}

export function register(sensors: Command): void {
  sensors
    .command('detect')
    .description('find out what is plugged in, at which speed it speaks, and what to write')
    .argument('[port]', 'a serial port (default: all of them, and the radios)')
    .option('--seconds <N>', 'listen for so long at each speed (default: 3)', parseSeconds)
    .option('-s, --settings <FILE>', 'find the daemon by this settings file')
    .option('--socket <PATH>', "the daemon's socket")
    .option('--json', 'print {"ports": [...], "radios": [...]}')
    .addHelpText(
      'after',
      `
Listens at each speed, then asks what is silent until it is asked. It only
reads: nothing is set, switched or reset, though opening a port restarts some
boards. A line that speaks by itself is never asked anything. A port that the
daemon has open is told of and left alone. A silent port takes a minute.

Exit codes: 0 something found, 1 nothing known, 2 a port cannot be opened, 64 wrong use,
130 ended by Ctrl-C.

Examples:
  footfall sensors detect
  footfall sensors detect /dev/ttyUSB0
  footfall sensors detect --seconds 12 --json | jq '.ports[].found'`,
    )
    .action(run);
}

async function run(named: string | undefined, options: Options): Promise<void> {
  const [{ Detector, targetsOf }, { Teller }, { realMachine }, { realClock }, { portLine }] = await Promise.all([
    import('./detect-run.ts'),
    import('./detect-teller.ts'),
    import('../../doctor/machine.ts'),
    import('../../platform/clock.ts'),
    import('../../../drivers/detect/port-line.ts'),
  ]);
  const ended = new AbortController();
  const ends = (Object.keys(ENDED_BY) as (keyof typeof ENDED_BY)[]).map((signal) => {
    const end = () =>
      ended.abort(endingWith(new AgentError('detect_ended', 'ended before all was looked at'), ENDED_BY[signal]));
    process.once(signal, end);
    return () => process.off(signal, end);
  });
  const machine = realMachine(ended.signal);
  const clock = realClock();
  const teller = new Teller(options.json === true);
  try {
    const detector = new Detector({
      ...{ machine, clock, signal: ended.signal },
      lineAt: (path) => portLine(path, clock),
      sensors: await daemonSensors(options),
      listenMs: options.seconds === undefined ? undefined : options.seconds * 1_000,
      progress: (port, step) => teller.progress(port, step),
    });
    for (const target of await targetsOf(machine, named)) teller.port(await detector.look(target));
    if (named === undefined) for (const radio of await detector.radios()) teller.radio(radio);
    process.exitCode = teller.end();
  } finally {
    teller.clear();
    for (const end of ends) end();
  }
}

/** None where no daemon answers: a port that it has open is locked then all the same. */
async function daemonSensors(places: Places): Promise<SensorStatus[]> {
  const [{ ask }, { socketOf }] = await Promise.all([import('../observe.ts'), import('../socket.ts')]);
  try {
    return (await ask(await socketOf(places))).sensors;
  } catch (error) {
    if (error instanceof AgentError) return [];
    throw error;
  }
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0.5 && value <= MOST_SECONDS) return value;
  throw new InvalidArgumentError(`expected 0.5 to ${MOST_SECONDS} seconds, received "${text}"`);
}
