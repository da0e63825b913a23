/** `footfall buffer`: what waits to be delivered, and the batches that the collector does not want. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { wholeNumber } from './options.ts';
import { DEFAULT_SOCKET } from './socket.ts';

/** How the box is found, and how it answers. */
export interface BufferOptions {
  settings?: string;
  socket?: string;
  json?: boolean;
}

export interface ChosenOptions extends BufferOptions {
  all?: boolean;
}

export function register(program: Command): void {
  const buffer = placed(program.command('buffer'))
    .description('what waits to be delivered, and dead letters: batches the collector rejected')
    .option('--json', 'print it as JSON, times in milliseconds UTC')
    .addHelpText(
      'after',
      `
A dead letter is a batch that will not be sent as it is: the collector rejected it, or its bytes were
found damaged. It is kept, and takes room, until it is sent again or dropped.

Each command has a help of its own: footfall buffer export --help

Exit codes: 0 done, 1 refused or failed, 3 no daemon where one is needed, 64 wrong use.

Examples:
  footfall buffer
  footfall buffer list
  footfall buffer export --all --to letters
  footfall buffer resend 1042`,
    )
    .action(async (options: BufferOptions) => (await import('./buffer/show.ts')).show(options));

  placed(buffer.command('list'))
    .description('the dead letters, and why each is one')
    .option('--json', 'print {"dead_letters": [...]}, the messages in full')
    .addHelpText(
      'after',
      `
Reads the database itself while no daemon runs.

Exit codes: 0 listed, 1 failed, 64 wrong use.

Examples:
  footfall buffer list
  footfall buffer list --json | jq '.dead_letters[].message'`,
    )
    .action(async (_: unknown, command: Command) => (await import('./buffer/show.ts')).list(optionsOf(command)));

  chosen(placed(buffer.command('export')), 'all but those that are damaged')
    .description('copy dead letters out, each as it was sealed')
    .addOption(
      new Option('--to <DIR>', 'a file each in this folder; - for a line each on stdout').makeOptionMandatory(),
    )
    .addHelpText(
      'after',
      `
The files are named after epoch and sequence, and closed to other users. The dead letters stay where
they are. Reads the database itself while no daemon runs.

Exit codes: 0 exported, 1 refused or failed, 64 wrong use.

Examples:
  footfall buffer export --all --to letters
  footfall buffer export 1042 --to - | jq .data`,
    )
    .action(async (sequences: number[], _: unknown, command: Command) =>
      (await import('./buffer/export.ts')).exportLetters(sequences, optionsOf(command)),
    );

  chosen(placed(buffer.command('resend')), 'all that can be sent again')
    .description('deliver dead letters again, as they were sealed')
    .addHelpText(
      'after',
      `
For when the collector was mended. A batch in conflict cannot be sent again: the collector holds other
bytes under its sequence. Nor can a damaged one. Nothing is sent again if one of the named cannot be.

Exit codes: 0 on their way, 1 refused or failed, 3 no daemon, 64 wrong use.

Examples:
  footfall buffer resend 1042 1043
  footfall buffer resend --all`,
    )
    .action(async (sequences: number[], _: unknown, command: Command) =>
      (await import('./buffer/change.ts')).resend(sequences, optionsOf(command)),
    );

  chosen(placed(buffer.command('drop')), 'all of them')
    .description('give dead letters up for good')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      `
Their counts are lost. The central platform is told: a gap record names the sequences, with the reason
"operator". Keep them first: footfall buffer export

Exit codes: 0 dropped, 1 refused or failed, 3 no daemon, 64 wrong use, 130 ended at the question.

Examples:
  footfall buffer drop 1042
  footfall buffer drop --all --yes`,
    )
    .action(async (sequences: number[], _: unknown, command: Command) =>
      (await import('./buffer/change.ts')).drop(sequences, optionsOf(command)),
    );
}

function placed(command: Command): Command {
  return command
    .option('-s, --settings <FILE>', 'find the socket and the database by this settings file')
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`);
}

function chosen(command: Command, all: string): Command {
  return command
    .argument('[SEQUENCE...]', 'of dead letters', (text: string, before: number[] | undefined) => [
      ...(before ?? []),
      sequence(text),
    ])
    .option('--all', all);
}

/** The options of a command, with those that stand in front of its name. */
function optionsOf<T extends BufferOptions>(command: Command): T {
  return command.optsWithGlobals<T>();
}

function sequence(text: string): number {
  const value = wholeNumber(text);
  if (value >= 1) return value;
  throw new InvalidArgumentError(`expected a sequence from 1 on, received "${text}"`);
}
