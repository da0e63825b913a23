/** `footfall demo`: the main job on embedded parts, with a live view, and what came out against what was simulated. */
import { type Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from './options.ts';

interface DemoOptions {
  for: number;
  speed: number;
  seed: number;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('a simulated store through the real decoders, counting, database, MQTT broker and collector')
    .option('--for <SECONDS>', 'wall time it runs for', seconds, 60)
    .option('--speed <N>', 'simulated seconds in a second of wall time', speed, 600)
    .option('--seed <N>', 'another seed is another store', wholeNumber, 7)
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
The store opens a quarter of an hour after the start and closes so that its day is settled before the end: with the
defaults, 10 hours in 60 seconds. Everything is on this machine, in memory and in a scratch directory that is removed.

Exit codes: 0 nothing was lost, 1 failed or a batch is missing, 64 wrong use, 130 stopped by Ctrl-C.

Examples:
  footfall demo
  footfall demo --for 20 --speed 1800
  footfall demo --seed 12 --json`,
    )
    .action(async (options: DemoOptions) => {
      const { runDemo } = await import('./demo/demo.ts');
      process.exitCode = await runDemo(options);
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(`expected a number above 0, received "${text}"`);
}

function seconds(text: string): number {
  const value = positive(text);
  if (value >= 2 && value <= 86_400) return value;
  throw new InvalidArgumentError(`expected 2 to 86400 seconds, received "${text}"`);
}

function speed(text: string): number {
  const value = positive(text);
  if (value <= 20_000) return value;
  throw new InvalidArgumentError(`expected a speed of at most 20000, received "${text}"`);
}
