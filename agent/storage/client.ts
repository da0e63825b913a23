/** Storage in a thread of its own, so that a stalled disk stalls nothing else. */
import { Worker } from 'node:worker_threads';
import { AgentError, reasonOf } from '../errors.ts';
import type { OwnerOptions } from './owner.ts';
import type { Answer, Method, Request } from './protocol.ts';
import type {
  DeadLetter,
  Gap,
  HealthChange,
  HeldBatch,
  HistoryRow,
  JournalBlob,
  Opened,
  Storage,
  StorageState,
  WindowClose,
} from './storage.ts';

export interface StorageClientOptions extends OwnerOptions {
  /** The worker's entry; another one than `worker.ts` in tests and bundles. */
  workerUrl?: URL;
  /** Called once when the thread ends without having been asked to. */
  onError?: (error: AgentError) => void;
}

/**
 * Starts the storage thread. Bodies given to it are copied, so the caller may repeat a failed call with the same ones.
 * Calls reject with AgentError: `storage_stopped` when the thread is gone, else what `Owner` throws.
 */
export function openStorageClient(options: StorageClientOptions): Storage {
  return new StorageClient(options);
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: AgentError): void;
}

class StorageClient implements Storage {
  readonly #worker: Worker;
  readonly #pending: Pending[] = [];
  readonly #ended: Promise<void>;
  #reason = '';
  #stopping: Promise<void> | null = null;
  #stopped = false;

  constructor(options: StorageClientOptions) {
    const { path, machineId, bounds } = options;
    const workerData: OwnerOptions = { path, machineId, ...(bounds !== undefined && { bounds }) };
    this.#worker = new Worker(options.workerUrl ?? new URL('./worker.ts', import.meta.url), { workerData });
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (error) => {
      this.#reason = reasonOf(error);
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#stopped = true;
        for (const { reject } of this.#pending.splice(0)) reject(this.#stoppedError());
        if (this.#stopping === null) options.onError?.(this.#stoppedError());
        resolve();
      });
    });
  }

  open(): Promise<Opened> {
    return this.#ask('open');
  }

  commit(blob: JournalBlob): Promise<void> {
    return this.#ask('commit', withTightBody(blob));
  }

  closeWindow(close: WindowClose): Promise<Gap[]> {
    const { batches, snapshot } = close;
    return this.#ask('closeWindow', {
      ...close,
      batches: batches.map(withTightBody),
      snapshot: withTightBody(snapshot),
    });
  }

  renew(reason: 'damaged' | 'restored'): Promise<Opened> {
    return this.#ask('renew', reason);
  }

  readOutbox(query: Parameters<Storage['readOutbox']>[0]): Promise<HeldBatch[]> {
    return this.#ask('readOutbox', query);
  }

  acknowledge(sequences: number[]): Promise<void> {
    return this.#ask('acknowledge', sequences);
  }

  reject(rejected: { sequence: number; code: string; message: string }[]): Promise<void> {
    return this.#ask('reject', rejected);
  }

  readDeadLetters(query: { after: number; limit: number }): Promise<DeadLetter[]> {
    return this.#ask('readDeadLetters', query);
  }

  readDeadBodies(sequences: number[]): Promise<HeldBatch[]> {
    return this.#ask('readDeadBodies', sequences);
  }

  resend(sequences: number[]): Promise<number[]> {
    return this.#ask('resend', sequences);
  }

  drop(sequences: number[]): Promise<number[]> {
    return this.#ask('drop', sequences);
  }

  readHistory(query: Parameters<Storage['readHistory']>[0]): Promise<HistoryRow[]> {
    return this.#ask('readHistory', query);
  }

  noteHealth(changes: HealthChange[]): Promise<void> {
    return this.#ask('noteHealth', changes);
  }

  readHealth(query: { limit: number }): Promise<HealthChange[]> {
    return this.#ask('readHealth', query);
  }

  keepStatus(status: string): Promise<void> {
    return this.#ask('keepStatus', status);
  }

  state(): Promise<StorageState> {
    return this.#ask('state');
  }

  /** Also resolves when the thread is gone already: nothing is left to stop. */
  stop(): Promise<void> {
    if (this.#stopping === null) {
      const answered = this.#stopped ? Promise.resolve() : this.#ask<void>('stop');
      // The thread ends by itself after its answer; until then the file may still be open.
      this.#stopping = answered.finally(() => this.#ended);
    }
    return this.#stopping;
  }

  #ask<T>(method: Method, ...args: unknown[]): Promise<T> {
    if (this.#stopped || this.#stopping !== null) return Promise.reject(this.#stoppedError());
    return new Promise<T>((resolve, reject) => {
      const request: Request = { method, args };
      this.#worker.postMessage(request);
      this.#pending.push({ resolve: resolve as (value: unknown) => void, reject });
    });
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.shift();
    if ('value' in answer) {
      pending?.resolve(answer.value);
    } else {
      const { code, message, hint } = answer.error;
      pending?.reject(new AgentError(code, message, hint));
    }
  }

  #stoppedError(): AgentError {
    return new AgentError(
      'storage_stopped',
      `expected the storage thread to run, found it ended${this.#reason === '' ? '' : `: ${this.#reason}`}`,
      'Restart the daemon; what was not acknowledged as stored is not stored.',
    );
  }
}

/** Gives a body that is a view of a larger buffer one of its own: a message carries the whole buffer of a view. */
function withTightBody<T extends { body: Uint8Array }>(holder: T): T {
  const { body } = holder;
  return body.length === body.buffer.byteLength ? holder : { ...holder, body: new Uint8Array(body) };
}
