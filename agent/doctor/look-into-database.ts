/**
 * A process of its own that looks into the database named by its argument and prints a `DatabaseReport`: reading a large
 * or damaged file takes its time, and must neither hold up nor end the examination.
 */
import { argv, stdout } from 'node:process';
import { AgentError, reasonOf } from '../errors.ts';
import { checkDatabase, inspectDatabase } from '../storage/inspect.ts';
import type { DatabaseReport } from './context.ts';

const NOTHING = { held: 0, heldBytes: 0, bytesPerWindow: null, oldestSealedMs: null, deadLetters: 0, dropped: 0 };

stdout.write(`${JSON.stringify(look(argv[2]))}\n`);

function look(path: string): DatabaseReport {
  try {
    const problems = checkDatabase(path, { deep: false });
    if (problems.length > 0) return { problems, bytes: 0, ...NOTHING };
    const { bytes, outbox } = inspectDatabase(path);
    const { held, heldBytes, bytesPerWindow, oldestSealedMs, deadLetters, dropped } = outbox;
    return { problems, bytes, held, heldBytes, bytesPerWindow, oldestSealedMs, deadLetters, dropped };
  } catch (error) {
    if (error instanceof AgentError) {
      return { error: { code: error.code, message: error.message, hint: error.hint } };
    }
    return { error: { code: 'database_unreadable', message: reasonOf(error), hint: '' } };
  }
}
