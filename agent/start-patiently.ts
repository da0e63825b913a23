/** A start that waits for the disk: one that is full, read-only or fails is no reason to crash again and again. */
import type { Clock } from './clock.ts';
import { AgentError } from './errors.ts';

/** Long enough that trying costs nothing, short enough that somebody who makes room sees it work. */
const PAUSE_MS = 5_000;
/** What ends by itself or by an operator's hand, without a change of the settings. */
const WORTH_WAITING: ReadonlySet<string> = new Set(['storage_full', 'storage_read_only', 'storage_io']);

export interface Patience {
  /** The machine's, never a virtual one. */
  clock: Clock;
  /** Told of the first failure, and of each one after it that is another. */
  waiting(error: AgentError): void;
  /** Ends the waiting. */
  signal: AbortSignal;
}

/**
 * What `start` gives, tried again for as long as the disk is full, read-only or does not answer; null where the signal came
 * first. Rejects with any other failure of it.
 */
export async function startPatiently<T>(start: () => Promise<T>, patience: Patience): Promise<T | null> {
  const { clock, waiting, signal } = patience;
  let told = '';
  while (!signal.aborted) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof AgentError) || !WORTH_WAITING.has(error.code)) throw error;
      if (error.message !== told) waiting(error);
      told = error.message;
    }
    await pause(clock, signal);
  }
  return null;
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(PAUSE_MS, end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
