/** The worker's side: hosts an owner and answers one request after the other. */
import { parentPort, type Transferable, workerData } from 'node:worker_threads';
import { AgentError, reasonOf } from '../errors.ts';
import type { Owner, OwnerOptions } from './owner.ts';
import type { Answer, Request } from './protocol.ts';

/** Bodies from this size on are handed over: copied, a large journal or a backlog would be in memory twice. */
const TRANSFER_BYTES = 4 * 1024;

/** Serves an owner of this class to the thread that started this one, until it is asked to stop. */
export function serveOwner(OwnerClass: new (options: OwnerOptions) => Owner): void {
  const port = parentPort;
  if (port === null) throw new AgentError('no_parent', 'expected to run as a worker thread, found the main one');
  const owner = new OwnerClass(workerData as OwnerOptions);
  port.on('message', (request: Request) => {
    const answer = answerTo(owner, request);
    const large = [...buffersIn(answer)].filter(({ byteLength }) => byteLength >= TRANSFER_BYTES);
    port.postMessage(answer, large satisfies Transferable[]);
    // What was copied in is this thread's alone. Left to the collector, tens of megabytes of it pile up between two runs.
    for (const buffer of buffersIn(request.args)) buffer.transfer(0);
    if (request.method === 'stop') port.close();
  });
}

function answerTo(owner: Owner, { method, args }: Request): Answer {
  try {
    return { value: (owner[method] as (...args: unknown[]) => unknown).apply(owner, args) };
  } catch (error) {
    const { code, hint } = error instanceof AgentError ? error : new AgentError('storage_failed', '');
    return { error: { code, message: reasonOf(error), hint } };
  }
}

/** The buffers of the bodies anywhere in a value, each once; not those that are shared with other values. */
function buffersIn(value: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (value instanceof Uint8Array) {
    const { buffer } = value;
    if (buffer instanceof ArrayBuffer && value.length === buffer.byteLength) found.add(buffer);
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) buffersIn(part, found);
  }
  return found;
}
