/** What the dialogue needs of whoever answers: a person at a terminal, or a script. */
import { AgentError } from '../../errors.ts';
import { INTERRUPTED } from '../exit-codes.ts';

export interface Choice<Value> {
  value: Value;
  name: string;
  /** Shown once it is chosen; the name if absent. */
  short?: string;
  /** A line below the list while this one is pointed at. */
  description?: string;
}

/** Why a text cannot be taken; undefined when it can. */
export type Check = (text: string) => string | undefined;

/** Every question rejects with `setup_interrupted` when the person ends the dialogue. */
export interface Asker {
  text(question: { message: string; default?: string; check?: Check }): Promise<string>;
  /** Not echoed, and never kept by the asker. */
  secret(question: { message: string; check?: Check }): Promise<string>;
  confirm(question: { message: string; default: boolean }): Promise<boolean>;
  choose<Value>(question: { message: string; choices: Choice<Value>[]; default?: Value }): Promise<Value>;
  /** At least one of them. */
  several<Value>(question: { message: string; choices: Choice<Value>[] }): Promise<Value[]>;
  /** Tells something between the questions. */
  note(line: string): void;
  /** One of many; `find` gives those that fit what was typed so far. */
  search(question: {
    message: string;
    default?: string;
    find: (typed: string | undefined) => string[];
  }): Promise<string>;
}

/** The dialogue was ended: by Ctrl-C, Ctrl-D or a signal, or (with 1) by an answer. */
export function interrupted(exitCode: number = INTERRUPTED): AgentError & { exitCode: number } {
  return Object.assign(new AgentError('setup_interrupted', 'the set-up was ended before it was done'), { exitCode });
}

export function isInterrupted(error: unknown): error is ReturnType<typeof interrupted> {
  return error instanceof AgentError && error.code === 'setup_interrupted';
}
