/** `--watch`: one screen, looked at again and again until the person has seen enough. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadStream, WriteStream } from 'node:tty';
import { LiveScreen } from './live-screen.ts';
import type { RenderOptions } from './status.ts';
import { terminalOf } from './style.ts';

/** What Ctrl-C, Ctrl-D and q send from a terminal in raw mode, and what Ctrl-Z does. */
const QUIT = ['\u0003', '\u0004', 'q', 'Q'];
const SUSPEND = '\u001a';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface WatchOptions<T> {
  input: ReadStream;
  output: WriteStream;
  /** From one look to the next, milliseconds. */
  everyMs: number;
  look(): Promise<T>;
  render(seen: T, options: RenderOptions): string;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Resolves after q, Ctrl-C or a signal, the terminal as it was found. Rejects with what `look` or `render` throws. */
export async function watch<T>({ input, output, everyMs, look, render, environment }: WatchOptions<T>): Promise<void> {
  const screen = new LiveScreen(output);
  const ending = new AbortController();
  const ended = new Promise<null>((resolve) => {
    ending.signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  const foot = `every ${everyMs / 1_000} s, q to end`;
  let seen: { value: T } | null = null;
  const draw = (): void => {
    if (seen === null || ending.signal.aborted) return;
    const terminal = terminalOf(output, environment);
    screen.draw(render(seen.value, terminal), { colour: terminal.colour, foot });
  };
  const end = (): void => ending.abort();
  const raw = (on: boolean): void => {
    if (input.isTTY) input.setRawMode(on);
  };
  const key = (text: string): void => {
    if ([...text].some((character) => QUIT.includes(character))) end();
    else if (text.includes(SUSPEND)) {
      screen.close();
      raw(false);
      process.kill(process.pid, 'SIGTSTP');
    }
  };
  const resume = (): void => {
    raw(true);
    draw();
  };
  // The terminal may be gone before we are: then there is nothing left to restore.
  output.on('error', end);
  output.on('resize', draw);
  for (const signal of SIGNALS) process.on(signal, end);
  process.on('SIGCONT', resume);
  if (input.isTTY) input.setEncoding('utf8').on('data', key);
  raw(true);
  try {
    while (!ending.signal.aborted) {
      const looked = await Promise.race([look().then((value) => ({ value })), ended]);
      if (looked === null) break;
      seen = looked;
      draw();
      await sleep(everyMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  } finally {
    screen.close();
    raw(false);
    input.off('data', key).pause();
    output.off('error', end).off('resize', draw);
    for (const signal of SIGNALS) process.off(signal, end);
    process.off('SIGCONT', resume);
  }
}
