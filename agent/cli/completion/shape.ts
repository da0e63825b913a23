/** What a command line can hold at each place, read off the commander program: the same for every shell. */
import type { Argument, Command, Option } from 'commander';

/** How a value is completed. */
export type Values =
  | { kind: 'words'; words: readonly string[] }
  | { kind: 'files' }
  | { kind: 'directories' }
  /** Ids of the sensors, asked of the daemon when it is needed. */
  | { kind: 'sensors' }
  /** Anything; nothing can be offered. */
  | { kind: 'any' };

export interface OptionShape {
  /** As in `-s` and `--settings`. */
  names: string[];
  description: string;
  /** Null for a flag. */
  value: { name: string; values: Values; required: boolean; variadic: boolean } | null;
}

export interface ArgumentShape {
  name: string;
  description: string;
  values: Values;
  variadic: boolean;
}

export interface CommandShape {
  /** The words that lead to it; empty for the program. */
  path: string[];
  description: string;
  options: OptionShape[];
  arguments: ArgumentShape[];
  /** Each with its description; hidden ones are left out. */
  commands: { name: string; description: string }[];
}

/** Every command of a program with all of its verbs, the program itself first. */
export function shapesOf(program: Command): CommandShape[] {
  return shapesBelow(program, []);
}

function shapesBelow(command: Command, path: string[]): CommandShape[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((each) => command.commands.includes(each));
  const shape: CommandShape = {
    path,
    description: command.description(),
    options: help.visibleOptions(command).map(optionOf),
    arguments: command.registeredArguments.map(argumentOf),
    commands: below.map((each) => ({ name: each.name(), description: each.description() })),
  };
  return [shape, ...below.flatMap((each) => shapesBelow(each, [...path, each.name()]))];
}

function optionOf(option: Option): OptionShape {
  const { short, long, description, required, optional, variadic, argChoices } = option;
  const name = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1]?.replace('...', '') ?? '';
  return {
    names: [short, long].filter((each) => each !== undefined),
    description,
    value: required || optional ? { name, values: valuesOf(name, argChoices), required, variadic } : null,
  };
}

function argumentOf(argument: Argument): ArgumentShape {
  const name = argument.name();
  const { description, variadic, argChoices } = argument;
  return { name, description, values: valuesOf(name, argChoices), variadic };
}

/** By the name that stands for the value in the help. */
function valuesOf(name: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) return { kind: 'words', words: choices };
  if (/^(?:FILE|PATH|DATABASE)$/i.test(name)) return { kind: 'files' };
  if (/^DIR(?:ECTORY)?$/i.test(name)) return { kind: 'directories' };
  return /^sensors?$/i.test(name) ? { kind: 'sensors' } : { kind: 'any' };
}
