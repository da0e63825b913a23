/** Entry of the thread that owns a collector's SQLite file. */
import { parentPort, workerData } from 'node:worker_threads';
import { AgentError, reasonOf } from '../errors.ts';
import { SqliteStore } from './sqlite-store.ts';
import { bodiesOf, type SqliteAnswer, type SqliteRequest } from './sqlite-thread.ts';

const port = parentPort;
if (port === null) throw new AgentError('no_parent', 'expected to run as a worker thread, found the main one');

let store: SqliteStore | null = null;

async function answerTo(request: SqliteRequest): Promise<SqliteAnswer> {
  try {
    if (request !== null) return { outcomes: (await store?.commit(request.arrivals, request.receivedMs)) ?? [] };
    await store?.close();
  } catch (error) {
    return failure(error);
  }
  return { outcomes: [] };
}

function failure(error: unknown): SqliteAnswer {
  const { code, hint } = error instanceof AgentError ? error : new AgentError('collector_database', '');
  return { error: { code, message: reasonOf(error), hint } };
}

port.on('message', (request: SqliteRequest) => {
  void answerTo(request).then((answer) => {
    port.postMessage(answer);
    if (request === null) port.close();
    // Left to the garbage collector, megabytes of them pile up until it runs.
    else for (const body of bodiesOf(request.arrivals)) body.transfer(0);
  });
});

try {
  store = new SqliteStore((workerData as { path: string }).path);
  port.postMessage({ outcomes: [] } satisfies SqliteAnswer);
} catch (error) {
  port.postMessage(failure(error));
}
