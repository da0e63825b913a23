/** The options of `footfall simulate --fleet`, and its run. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { atLeastOne, passwordIn } from '../options.ts';
import type { FleetRunParts } from './run.ts';

export interface FleetVerbOptions {
  fleet?: number;
  broker: string;
  tenant: string;
  windows?: number;
  every: number;
  stagger?: number;
  wait: number;
  username?: string;
  passwordFile?: string;
  caFile?: string;
  seed: number;
  json?: boolean;
}

/** Of a fleet alone, as commander names them. */
const FLEET_ALONE = [
  ...['broker', 'tenant', 'windows', 'every', 'stagger', 'wait'],
  ...['username', 'passwordFile', 'caFile'],
] as const;
/** A day: a timer takes no more than 24 of them. */
const LONGEST_S = 86_400;
/** Longest stagger that is not asked for: that of a box. */
const USUAL_STAGGER_S = 60;

/** @param others options of the verb that a fleet cannot take, as commander names them. */
export function addFleetOptions(command: Command, others: string[]): Command {
  return command
    .addOption(
      new Option('--fleet <N>', 'drive the uplinks of so many gateways against a broker, in place of a recording')
        .argParser(atLeastOne)
        .conflicts(others),
    )
    .option('--broker <URL>', 'of the fleet: mqtt:// or mqtts:// with host and port', 'mqtt://127.0.0.1:1883')
    .option('--tenant <NAME>', 'of the fleet', 'fleet')
    .option('--windows <K>', 'end when each gateway has sealed so many windows and all are acknowledged', atLeastOne)
    .option('--every <SECONDS>', 'time between two windows of a gateway', aboveZero, 10)
    .option('--stagger <SECONDS>', 'a fleet sends over so long; --every, 60 at most, when absent', seconds)
    .option('--wait <SECONDS>', 'longest wait for acknowledgements after the last window', seconds, 600)
    .option('--username <NAME>', 'user name at the broker')
    .option('--password-file <FILE>', 'file whose first line is the password')
    .option('--ca-file <FILE>', "certificates (PEM) that may sign the broker's; default: those of the system");
}

export const FLEET_HELP = `With --fleet every gateway (gw-0001 and so on) has its own connection, epoch, store and outbox in memory, and the
uplink of a box: back-off, sending again, acknowledgements of a collector. Ctrl-C says goodbye for all of them. In the end
the ledger is printed: sealed = acknowledged + held + rejected + dropped, in sequences. It takes about a quarter
of a MiB of memory and one open file for each gateway. With --json there is a line of JSON a second.`;

/** Ends with wrong use where the options do not fit together. @returns whether a fleet is asked for. */
export function wantsFleet(command: Command): boolean {
  const { fleet, out } = command.opts<FleetVerbOptions & { out?: string }>();
  if (fleet !== undefined) return true;
  const alone = FLEET_ALONE.find((name) => command.getOptionValueSource(name) === 'cli');
  const flag = (name: string): string => command.options.find((each) => each.attributeName() === name)?.long ?? name;
  if (alone !== undefined) command.error(`error: option '${flag(alone)}' is of a fleet: it needs '--fleet <N>'`);
  if (out === undefined) command.error("error: expected '--out <FILE>', or '--fleet <N>'");
  return false;
}

/** @param parts others than those of this process. @returns the exit code. */
export async function driveFleet(
  options: FleetVerbOptions,
  parts: Partial<Pick<FleetRunParts, 'clock' | 'plant'>> = {},
): Promise<number> {
  const [{ runFleet }, { realClock }] = await Promise.all([import('./run.ts'), import('../../platform/clock.ts')]);
  const { fleet = 1, broker, tenant, windows, every, stagger, wait, username, passwordFile, caFile, seed } = options;
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
  const terminal = process.stderr.isTTY === true && options.json !== true;
  return runFleet(
    {
      ...{ gateways: fleet, url: broker, tenant, seed, windows: windows ?? null, everySeconds: every },
      staggerSeconds: stagger ?? Math.min(every, USUAL_STAGGER_S),
      waitSeconds: wait,
      ...(username === undefined ? {} : { username }),
      ...(passwordFile === undefined ? {} : { password: passwordIn(passwordFile) }),
      ...(caFile === undefined ? {} : { caFile }),
      json: options.json === true,
    },
    {
      clock: realClock(),
      write: (line) => process.stdout.write(`${line}\n`),
      show: terminal ? (line) => process.stderr.write(`\r\u001b[K${line}`) : null,
      signal: end.signal,
      residentMib: () => Math.round(process.memoryUsage.rss() / 2 ** 20),
      ...parts,
    },
  );
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= LONGEST_S) return value;
  throw new InvalidArgumentError(`expected seconds from 0 to ${LONGEST_S}, received "${text}"`);
}

function aboveZero(text: string): number {
  const value = seconds(text);
  if (value > 0) return value;
  throw new InvalidArgumentError(`expected seconds above 0, received "${text}"`);
}
