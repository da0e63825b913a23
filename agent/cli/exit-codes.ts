/** What a process ends with. Small numbers are the verbs' own; each verb's help tells its. */
import { AgentError } from '../errors.ts';

/** EX_USAGE, sysexits(3). */
export const WRONG_USE = 64;
/** As shells tell of a signal: 128 and its number. */
export const ENDED_BY = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export const INTERRUPTED = ENDED_BY.SIGINT;

/** Has the process end with this code when the error reaches the command's main. An error that is none of ours stays as it is. */
export function endingWith<E>(error: E, exitCode: number): E {
  return error instanceof AgentError ? Object.assign(error, { exitCode }) : error;
}
