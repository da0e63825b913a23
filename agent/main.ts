#!/usr/bin/env node
/** The command `footfall`: one file a verb; only the verb that runs loads its parts. */
import { Command, CommanderError } from 'commander';
import { AgentError } from './errors.ts';
import { VERSION } from './version.ts';

const VERBS = ['run', 'status', 'demo', 'replay', 'simulate', 'collect', 'config'] as const;

interface Verb {
  register(program: Command): void;
}

async function main(argv: string[]): Promise<void> {
  const program = new Command('footfall')
    .description('Counts passers-by, entries and dwell in a store without knowing who anyone is.')
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(add --help for the options and examples)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text) });
  const named = argv.find((word) => !word.startsWith('-'));
  const wanted = VERBS.filter((verb) => verb === named);
  for (const verb of wanted.length > 0 ? wanted : VERBS) {
    const module = (await import(`./cli/${verb}.ts`)) as Verb;
    module.register(program);
  }
  await program.parseAsync(argv, { from: 'user' });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof AgentError) {
    process.stderr.write(`error: ${error.message}\n${error.hint === '' ? '' : `hint: ${error.hint}\n`}`);
    process.exitCode = exitCodeOf(error);
  } else {
    throw error;
  }
}

/** Exit codes a verb chose for its error; 1 otherwise. Documented in each verb's help. */
function exitCodeOf(error: AgentError): number {
  const { exitCode } = error as AgentError & { exitCode?: number };
  return exitCode ?? 1;
}
