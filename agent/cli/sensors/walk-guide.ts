/** Leads a person through something, at a terminal or by itself; Ctrl-C ends it. */
import { AgentError } from '../../errors.ts';
import { ENDED_BY, endingWith, WRONG_USE } from '../exit-codes.ts';
import { interrupted, isInterrupted } from '../setup/asker.ts';
import { terminalAsker } from '../setup/terminal.ts';
import { terminalOf } from '../view/style.ts';
import { fold } from '../view/width.ts';

export interface Guide {
  say(line: string): void;
  /** Resolves when the person has pressed Enter. */
  enter(message: string): Promise<void>;
  /** Aborted by a signal: everything is to end. */
  readonly signal: AbortSignal;
}

interface GuideOptions {
  /** stdout is for the result alone: what is said goes to stderr. */
  json: boolean;
  /** There is no going on without a person who presses Enter. */
  needsEnter: boolean;
}

/** Runs `lead` with a guide; an end by Ctrl-C or a signal becomes the exit code. */
export async function guided({ json, needsEnter }: GuideOptions, lead: (guide: Guide) => Promise<void>): Promise<void> {
  const output = json ? process.stderr : process.stdout;
  if (needsEnter && (process.stdin.isTTY !== true || output.isTTY !== true)) {
    const message = 'expected a terminal to press Enter at, found none';
    throw endingWith(new AgentError('walk_needs_terminal', message, 'Without a terminal: --auto-advance'), WRONG_USE);
  }
  const ended = new AbortController();
  let code: number = ENDED_BY.SIGINT;
  const handlers = Object.entries(ENDED_BY).map(([signal, number]) => {
    const handle = (): void => {
      code = number;
      ended.abort();
    };
    process.on(signal, handle);
    return { signal, handle };
  });
  const { width } = terminalOf(output, process.env);
  const asker = needsEnter ? terminalAsker({ input: process.stdin, output }, width, ended.signal) : null;
  try {
    await lead({
      signal: ended.signal,
      say: (line) => void output.write(`${fold(line, width).join('\n')}\n`),
      async enter(message) {
        if (asker === null) throw interrupted();
        await asker.text({ message });
      },
    });
  } catch (error) {
    if (!isInterrupted(error)) throw error;
    process.stderr.write('\nEnded before it was done: nothing is judged by it.\n');
    process.exitCode = ended.signal.aborted ? code : error.exitCode;
  } finally {
    for (const { signal, handle } of handlers) process.removeListener(signal, handle);
  }
}
