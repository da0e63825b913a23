/**
 * The embedded database in a thread of its own: a commit waits for the disk, and what arrives meanwhile is read and checked.
 */
import { Worker } from 'node:worker_threads';
import { AgentError, reasonOf } from '../errors.ts';
import type { Arrival, CollectorStore, Outcome } from './store.ts';

/** Null asks to close the file and to end. */
export type SqliteRequest = { arrivals: Arrival[]; receivedMs: number } | null;

/** To each request, in their order, and before them to the opening. */
export type SqliteAnswer = { outcomes: Outcome[] } | { error: { code: string; message: string; hint: string } };

interface Waiting {
  resolve(outcomes: Outcome[]): void;
  reject(error: AgentError): void;
}

/**
 * @param entry of the thread, where it is another than the product's.
 * @throws AgentError `collector_database`
 */
export async function openSqliteThread(
  path: string,
  entry = new URL('./sqlite-worker.ts', import.meta.url),
): Promise<CollectorStore> {
  const thread = new SqliteThread(path, entry);
  await thread.opened;
  return thread;
}

class SqliteThread implements CollectorStore {
  readonly trouble = null;
  readonly opened: Promise<unknown>;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #waiting: Waiting[] = [];
  #reason = '';
  #isOpen = false;
  #closing: Promise<void> | null = null;

  constructor(path: string, entry: URL) {
    this.#worker = new Worker(entry, { workerData: { path } });
    this.opened = this.#answer();
    this.#worker.on('message', (answer: SqliteAnswer) => {
      const waiting = this.#waiting.shift();
      if ('outcomes' in answer) waiting?.resolve(answer.outcomes);
      else waiting?.reject(new AgentError(answer.error.code, answer.error.message, answer.error.hint));
    });
    this.#worker.on('error', (error) => {
      this.#reason = `: ${reasonOf(error)}`;
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        resolve();
        for (const { reject } of this.#waiting.splice(0)) reject(this.#gone());
        // Without it nothing would ever be stored again: whoever started this process is to know.
        if (this.#isOpen && this.#closing === null) throw this.#gone();
      });
    });
    this.opened.then(
      () => {
        this.#isOpen = true;
      },
      // One that did not open has nothing more to do.
      () => this.close(),
    );
  }

  commit(arrivals: readonly Arrival[], receivedMs: number): Promise<Outcome[]> {
    if (this.#closing !== null) return Promise.reject(this.#gone());
    const request = { arrivals: arrivals.map(tight), receivedMs } satisfies SqliteRequest;
    this.#worker.postMessage(request, bodiesOf(request.arrivals));
    return this.#answer();
  }

  async usable(): Promise<void> {}

  close(): Promise<void> {
    if (this.#closing === null) {
      this.#worker.postMessage(null satisfies SqliteRequest);
      this.#closing = this.#ended;
    }
    return this.#closing;
  }

  #answer(): Promise<Outcome[]> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #gone(): AgentError {
    return new AgentError(
      'collector_database',
      `expected the thread of the database to run, found it ended${this.#reason}`,
      'Start the collector again; what was not acknowledged is sent again.',
    );
  }
}

/** The buffers that are handed over, and may be let go of by who got them. */
export function bodiesOf(arrivals: readonly Arrival[]): ArrayBuffer[] {
  return arrivals.flatMap((arrival) => (arrival.kind === 'batch' ? [arrival.batch.body.buffer as ArrayBuffer] : []));
}

/** With a body of its own: a message carries the whole buffer of a view, and that is everything that came with it. */
function tight(arrival: Arrival): Arrival {
  if (arrival.kind !== 'batch') return arrival;
  const { body, digest } = arrival.batch;
  return { kind: 'batch', batch: { ...arrival.batch, body: new Uint8Array(body), digest: new Uint8Array(digest) } };
}
