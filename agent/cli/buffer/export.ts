/** `footfall buffer export`: copies of dead letters, byte for byte. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentError, reasonOf } from '../../errors.ts';
import type { DeadLetter } from '../../local/dead-letters.ts';
import type { ChosenOptions } from '../buffer.ts';
import { choose, isWhole, lettersText, wantedOf, whyFinal } from './choose.ts';
import { openLetters } from './letters.ts';

const STDOUT = '-';

export async function exportLetters(sequences: number[], options: ChosenOptions & { to: string }): Promise<void> {
  const wanted = wantedOf(sequences, options);
  const letters = await openLetters(options);
  const { chosen, left } = choose(await letters.list(), wanted, isWhole);
  const write = options.to === STDOUT ? toStdout : intoFolder(options.to);
  let count = 0;
  for (const letter of chosen) {
    const body = await letters.body(letter.sequence);
    if (body === null) left.push({ ...letter, code: 'damaged' });
    else {
      await write(letter, body);
      count++;
    }
  }
  const where = options.to === STDOUT ? '' : ` to ${options.to}`;
  process.stderr.write(`${lettersText(count)} exported${where}\n`);
  for (const letter of left) process.stderr.write(`not exported: ${whyFinal(letter)}\n`);
  if (left.length > 0 && options.all !== true) process.exitCode = 1;
}

function toStdout(_letter: DeadLetter, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(Buffer.concat([body, Buffer.from('\n')]), (error) => (error ? reject(error) : resolve()));
  });
}

/** A file that is there already may stay if it holds the same. */
function intoFolder(folder: string): (letter: DeadLetter, body: Uint8Array) => void {
  attempt(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
  return ({ epoch, sequence }, body) => {
    const path = join(folder, `${epoch}-${sequence}.json`);
    attempt(path, () => {
      try {
        writeFileSync(path, body, { flag: 'wx', mode: 0o600 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        if (readFileSync(path).equals(body)) return;
        throw new AgentError('export_exists', `expected no file ${path}, found another one`, 'Name another folder.');
      }
    });
  };
}

function attempt(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const hint = 'Check the folder, its permissions and the room on its disk.';
    throw new AgentError('export_failed', `cannot write ${path}: ${reasonOf(error)}`, hint, { cause: error });
  }
}
