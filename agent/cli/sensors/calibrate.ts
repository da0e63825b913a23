/** `footfall sensors calibrate`: finds the RSSI gate of a sniffer. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AgentError } from '../../errors.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { decimal } from '../options.ts';
import { DEFAULT_SETTINGS } from '../socket.ts';

const USUAL_SECONDS = 180;
const USUAL_MINUTES = 15;
const LONGEST_SECONDS = 3_600;
const LONGEST_MINUTES = 24 * 60;

export interface CalibrateOptions {
  settings: string;
  socket?: string;
  walk?: true;
  /** Of each of the two walks. */
  seconds: number;
  minutes: number;
  autoAdvance?: true;
  apply?: true;
  for?: string;
  json?: boolean;
}

export function register(sensors: Command): void {
  sensors
    .command('calibrate')
    .argument('<ID>', 'sniffer of the settings')
    .description('find the RSSI gate of a sniffer, best by carrying a phone about')
    .addOption(new Option('--walk', 'carry a phone to the sensor, about inside, and outside').conflicts('minutes'))
    .option('--seconds <N>', 'with --walk: how long each of the two walks takes', seconds, USUAL_SECONDS)
    .option('--auto-advance', 'with --walk: the next part begins by itself, no Enter')
    .option('--minutes <N>', 'without --walk: how long to listen', minutes, USUAL_MINUTES)
    .option('--apply', 'set the gate that was found as an override, for as long as --for says')
    .option('--for <DURATION>', 'with --apply: 15m, 2h, 3d; at most 30d (default: 7d)')
    .option('--json', 'print one JSON object at the end')
    .option('-s, --settings <FILE>', 'settings file', DEFAULT_SETTINGS)
    .option('--socket <PATH>', "the daemon's socket (default: by the settings)")
    .addHelpText(
      'after',
      `
A device above the gate is inside. With --walk you carry a phone whose Wi-Fi (or
Bluetooth) settings page is open, so that it sends every few seconds: first hold
it at the sensor, then walk slowly wherever customers go, then outside along the
way of passers-by. The phone is told from others by following you. Where it has
no lasting identity, do it before opening.

Without --walk it listens to whoever is around, and looks for a valley between
near and far: weak evidence, and often there is none.

No number is given on too few bursts, or where inside and outside sound alike.
The settings file is never written: the line for it is told. --apply lays the
gate over it for a while, as footfall config override does.

Exit codes: 0 a gate was found, 1 none was found, or it was not applied,
3 the daemon does not answer, 64 wrong use, 130 ended with Ctrl-C.

Examples:
  footfall sensors calibrate front-wifi --walk
  footfall sensors calibrate front-wifi --walk --seconds 300 --apply --for 3d
  footfall sensors calibrate front-wifi --minutes 60 --json | jq .evidence`,
    )
    .action(calibrate);
}

async function calibrate(id: string, options: CalibrateOptions): Promise<void> {
  if (options.autoAdvance && !options.walk) {
    const error = new AgentError('wrong_use', 'expected --auto-advance with --walk, received it alone', 'Add --walk.');
    throw endingWith(error, WRONG_USE);
  }
  const { runCalibration } = await import('./calibrate-run.ts');
  await runCalibration(id, options);
}

function seconds(text: string): number {
  return within(text, LONGEST_SECONDS, 'seconds');
}

function minutes(text: string): number {
  return within(text, LONGEST_MINUTES, 'minutes');
}

function within(text: string, most: number, unit: string): number {
  const value = decimal(text);
  if (value > 0 && value <= most) return value;
  throw new InvalidArgumentError(`expected more than 0 and at most ${most} ${unit}, received "${text}"`);
}
