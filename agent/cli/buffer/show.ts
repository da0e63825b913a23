/** `footfall buffer` and `footfall buffer list`. */
import type { BufferOptions } from '../buffer.ts';
import { renderBuffer, renderLetters } from '../view/buffer.ts';
import { terminalOf } from '../view/style.ts';
import { openLetters } from './letters.ts';

export async function show(options: BufferOptions): Promise<void> {
  const facts = await (await openLetters(options)).facts();
  process.stdout.write(
    options.json === true ? json(facts) : renderBuffer(facts, terminalOf(process.stdout, process.env)),
  );
}

export async function list(options: BufferOptions): Promise<void> {
  const letters = await openLetters(options);
  const all = await letters.list();
  if (options.json === true) {
    process.stdout.write(json({ dead_letters: all }));
    return;
  }
  process.stdout.write(renderLetters(all, await letters.facts(), terminalOf(process.stdout, process.env)));
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
