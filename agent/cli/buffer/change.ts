/** `footfall buffer resend` and `footfall buffer drop`: by the daemon, the only one that writes to the database. */
import { AgentError } from '../../errors.ts';
import { requestLocal } from '../../local/client.ts';
import { type DeadLetter, MAX_SEQUENCES } from '../../local/dead-letters.ts';
import type { ChosenOptions } from '../buffer.ts';
import { endingWith, INTERRUPTED, WRONG_USE } from '../exit-codes.ts';
import { socketOf } from '../socket.ts';
import { terminalOf } from '../view/style.ts';
import { choose, isResendable, lettersText, namesOf, wantedOf, whyFinal } from './choose.ts';
import { lettersOfDaemon } from './letters.ts';

const UNREACHABLE = 3;

export async function resend(sequences: number[], options: ChosenOptions): Promise<void> {
  const wanted = wantedOf(sequences, options);
  const { socket, letters } = await readLetters(options);
  const { chosen, left } = choose(letters, wanted, isResendable);
  const went = await change(socket, 'resend', chosen);
  process.stdout.write(`${lettersText(went.length)} back in the buffer, to be delivered again\n`);
  for (const letter of left) process.stdout.write(`not sent again: ${whyFinal(letter)}\n`);
  tellRefused(chosen, went);
}

export async function drop(sequences: number[], options: ChosenOptions & { yes?: boolean }): Promise<void> {
  const wanted = wantedOf(sequences, options);
  const { socket, letters } = await readLetters(options);
  const { chosen } = choose(letters, wanted);
  if (chosen.length > 0 && options.yes !== true && !(await isSure(chosen))) {
    process.stdout.write('nothing was dropped\n');
    return;
  }
  const went = await change(socket, 'drop', chosen);
  const told = went.length > 0 ? '; the next gap record tells the central platform' : '';
  process.stdout.write(`${lettersText(went.length)} dropped${told}\n`);
  tellRefused(chosen, went);
}

async function readLetters(options: ChosenOptions): Promise<{ socket: string; letters: DeadLetter[] }> {
  const socket = await socketOf(options);
  try {
    return { socket, letters: await lettersOfDaemon(socket).list() };
  } catch (error) {
    throw endingWith(error, UNREACHABLE);
  }
}

/** @returns the sequences that went. */
async function change(socket: string, what: 'resend' | 'drop', letters: DeadLetter[]): Promise<number[]> {
  const went: number[] = [];
  for (let at = 0; at < letters.length; at += MAX_SEQUENCES) {
    const sequences = letters.slice(at, at + MAX_SEQUENCES).map(({ sequence }) => sequence);
    const answer = (await requestLocal(socket, 'POST', `/dead-letters/${what}`, { sequences })) as {
      resent?: number[];
      dropped?: number[];
    };
    went.push(...(answer.resent ?? answer.dropped ?? []));
  }
  return went;
}

/** What the daemon did not take after all: somebody else was faster, or the bytes turned out to be damaged. */
function tellRefused(chosen: DeadLetter[], went: number[]): void {
  const refused = chosen.map(({ sequence }) => sequence).filter((sequence) => !went.includes(sequence));
  if (refused.length === 0) return;
  process.stderr.write(`error: refused for ${namesOf(refused)}\nhint: See why: footfall buffer list\n`);
  process.exitCode = 1;
}

async function isSure(chosen: DeadLetter[]): Promise<boolean> {
  if (!(process.stdin.isTTY && process.stderr.isTTY)) {
    const error = new AgentError(
      'drop_unasked',
      'expected a terminal to ask at, found none',
      'To drop them without a question: --yes',
    );
    throw endingWith(error, WRONG_USE);
  }
  const { terminalAsker } = await import('../setup/terminal.ts');
  const ended = new AbortController();
  const end = (): void => ended.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const { width } = terminalOf(process.stderr, process.env);
  const asker = terminalAsker({ input: process.stdin, output: process.stderr }, width, ended.signal);
  const sequences = chosen.map(({ sequence }) => sequence);
  try {
    return await asker.confirm({
      message: `Drop ${lettersText(chosen.length)} for good (${namesOf(sequences)})? The central platform will be told.`,
      default: false,
    });
  } catch (error) {
    if ((error as { code?: string }).code !== 'setup_interrupted') throw error;
    throw endingWith(new AgentError('drop_interrupted', 'ended at the question; nothing was dropped'), INTERRUPTED);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(signal, end);
  }
}
