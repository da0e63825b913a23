/** Where the passphrase of an encrypted file comes from; never the command line, where every process could read it. */
import { readFileSync, statSync } from 'node:fs';
import { AgentError, reasonOf } from '../errors.ts';
import { endingWith, INTERRUPTED, WRONG_USE } from './exit-codes.ts';

/** The first line of a file. @throws AgentError `passphrase_unreadable`, `passphrase_exposed`. */
export function readPassphrase(path: string): string {
  const first = readSecretFile(path, 'the passphrase').split(/\r?\n/, 1)[0] ?? '';
  if (first !== '') return first;
  throw wrongUse('passphrase_unreadable', `expected a passphrase in the first line of ${path}, found none`, '');
}

/** The text of a file that others may not read. @param what is in it, for the messages. */
export function readSecretFile(path: string, what: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const message = `cannot read ${what}: ${reasonOf(error)}`;
    throw wrongUse('passphrase_unreadable', message, 'Check the path, and that this user may read the file.');
  }
  const { mode } = statSync(path);
  if ((mode & 0o007) === 0) return text;
  const found = (mode & 0o777).toString(8).padStart(4, '0');
  const message = `expected ${path} to be closed to other users, found mode ${found}`;
  throw wrongUse('passphrase_exposed', message, `Close it: chmod o= ${path}`);
}

export interface PassphraseQuestion {
  message: string;
  /** Least number of characters of a new one, which is asked for twice; 0 for one that there is already. */
  shortest: number;
  /** What to give in place of an answer where there is no terminal. */
  instead: string;
}

/** Asks at the terminal, hidden. @throws AgentError `passphrase_unasked`, `passphrase_interrupted`. */
export async function askPassphrase({ message, shortest, instead }: PassphraseQuestion): Promise<string> {
  if (!(process.stdin.isTTY && process.stderr.isTTY)) {
    throw wrongUse('passphrase_unasked', 'expected a terminal to ask for the passphrase at, found none', instead);
  }
  const [{ terminalAsker }, { terminalOf }] = await Promise.all([
    import('./setup/terminal.ts'),
    import('./view/style.ts'),
  ]);
  const ended = new AbortController();
  const end = (): void => ended.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  // Not on stdout, which may be a file of records.
  const { width } = terminalOf(process.stderr, process.env);
  const asker = terminalAsker({ input: process.stdin, output: process.stderr }, width, ended.signal);
  const enough = (text: string): string | undefined =>
    [...text].length >= Math.max(1, shortest) ? undefined : `expected at least ${Math.max(1, shortest)} characters`;
  try {
    const passphrase = await asker.secret({ message, check: enough });
    if (shortest > 0) {
      const same = (text: string): string | undefined => (text === passphrase ? undefined : 'expected the same again');
      await asker.secret({ message: 'The same again', check: same });
    }
    return passphrase;
  } catch (error) {
    if ((error as { code?: string }).code !== 'setup_interrupted') throw error;
    throw endingWith(new AgentError('passphrase_interrupted', 'ended at the question'), INTERRUPTED);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(signal, end);
  }
}

function wrongUse(code: string, message: string, hint: string): AgentError {
  return endingWith(new AgentError(code, message, hint), WRONG_USE);
}
