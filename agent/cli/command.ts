/** The command line: one file a verb; only the verb that runs is loaded. */
import { Command, CommanderError } from 'commander';
import { AgentError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { WRONG_USE } from './exit-codes.ts';
import { wrapHelp } from './view/help.ts';
import { terminalOf } from './view/style.ts';

/** In the order of the help: those of a box, then those of the platform and of trying things out. */
const VERBS = [
  'setup',
  'run',
  'status',
  'sensors',
  'doctor',
  'tail',
  'buffer',
  'config',
  'reload',
  'wifi',
  'record',
  'support-bundle',
  'completion',
  'collect',
  'contract',
  'replay',
  'simulate',
  'radio',
  'demo',
];

interface Verb {
  /** @param whole the program with every verb; given to the verb that describes all of them. */
  register(program: Command, whole?: () => Promise<Command>): void;
}

/** Runs the verb that `words` name and sets the process's exit code. Errors for people go to stderr. */
export async function main(words: string[]): Promise<void> {
  try {
    await run(words);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : WRONG_USE;
    } else if (error instanceof AgentError) {
      process.stderr.write(`error: ${error.message}\n${error.hint === '' ? '' : `hint: ${error.hint}\n`}`);
      process.exitCode = exitCodeOf(error);
    } else {
      throw error;
    }
  }
}

async function run(words: string[]): Promise<void> {
  const named = VERBS.find((verb) => verb === words.find((word) => !word.startsWith('-')));
  const program = await programWith(named === undefined ? VERBS : [named]);
  await program.parseAsync(words, { from: 'user' });
}

async function programWith(verbs: readonly string[]): Promise<Command> {
  const { width } = terminalOf(process.stdout, process.env);
  const program = new Command('footfall')
    .description('Counts passers-by, entries and dwell in a store without knowing who anyone is.')
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(add --help for the options and examples)')
    .configureOutput({ writeOut: (text) => process.stdout.write(wrapHelp(text, width)) })
    .exitOverride();
  for (const verb of verbs) {
    const { register } = (await import(`./${verb}.ts`)) as Verb;
    if (verb === 'completion') register(program, () => programWith(VERBS));
    else register(program);
  }
  return program;
}

/** The exit code a verb chose for its error, else 1; each verb's help tells. */
function exitCodeOf(error: AgentError & { exitCode?: number }): number {
  return error.exitCode ?? 1;
}
