import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../agent/clock.ts';
import { type ChildMessage, type ChildTask, type ParentMessage, REPORTS_FD } from './noble-messages.ts';

/** A process that listens with one adapter until it is ended or fails. */
export interface ListeningProcess {
  /** Both are lost where the process is gone. */
  ask(question: 'memory' | 'rescan'): void;
  /** Resolves when it is gone, by force if it does not go by itself. May be called more than once. */
  end(): Promise<void>;
}

export interface ListeningEvents {
  message(message: ChildMessage): void;
  /** A part of the stream of HCI events, cut anywhere; valid only during the call. */
  reports(chunk: Uint8Array): void;
  /** It is gone, and everything it said has been told. Called once. @param how for people. */
  ended(how: string): void;
}

export interface ListeningTask {
  /** Index of the adapter: 0 for hci0. */
  device: number;
  /** Takes the adapter for itself, which also switches it on; else it shares one that is on. */
  exclusive: boolean;
}

export type ListeningOpener = (task: ListeningTask, events: ListeningEvents) => ListeningProcess;

const CHILD = fileURLToPath(new URL('./noble-child.ts', import.meta.url));
/** For noble to tell the adapter to stop scanning. */
const END_PATIENCE_MS = 2_000;

/** @param bindings module that stands in for the machine's Bluetooth; for tests. */
export function nobleOpener(clock: Clock, bindings?: string): ListeningOpener {
  return ({ device, exclusive }, events) => {
    const task: ChildTask = { device, ...(bindings === undefined ? {} : { bindings }) };
    const child = fork(CHILD, [JSON.stringify(task)], {
      // Nothing is inherited: DEBUG alone would print every address.
      env: {
        ...(process.env.PATH === undefined ? {} : { PATH: process.env.PATH }),
        NODE_DISABLE_COMPILE_CACHE: '1',
        NOBLE_REPORT_ALL_HCI_EVENTS: '1',
        ...(exclusive ? { HCI_CHANNEL_USER: '1' } : {}),
      },
      execArgv: [],
      // What noble prints can hold addresses.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', 'pipe'],
    });
    return new NobleProcess(child, clock, events);
  };
}

class NobleProcess implements ListeningProcess {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #gone: Promise<void>;

  constructor(child: ChildProcess, clock: Clock, events: ListeningEvents) {
    this.#child = child;
    this.#clock = clock;
    child.on('message', (message) => events.message(message as ChildMessage));
    const pipe = child.stdio[REPORTS_FD];
    // A process that could not be started has none.
    if (pipe !== null && pipe !== undefined && 'read' in pipe) {
      pipe.on('data', (chunk: Uint8Array) => events.reports(chunk));
      pipe.on('error', () => undefined);
    }
    this.#gone = new Promise((resolve) => {
      let told = false;
      const end = (how: string): void => {
        if (!told) events.ended(how);
        told = true;
        resolve();
      };
      // `close`, not `exit`: the last message may be read only behind it.
      child.once('close', (code, signal) =>
        end(signal === null ? `it ended with ${code}` : `it was ended by ${signal}`),
      );
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (child.pid === undefined) end(`it could not be started (${error.code ?? 'error'})`);
      });
    });
  }

  ask(question: 'memory' | 'rescan'): void {
    this.#send(question);
  }

  async end(): Promise<void> {
    if (!this.#send('end')) this.#child.kill('SIGTERM');
    const force = this.#clock.after(END_PATIENCE_MS, () => void this.#child.kill('SIGKILL'));
    await this.#gone;
    force.cancel();
  }

  #send(message: ParentMessage): boolean {
    if (!this.#child.connected) return false;
    // Without a callback a channel that breaks now would be an `error` event, and nobody's.
    this.#child.send(message, () => undefined);
    return true;
  }
}
