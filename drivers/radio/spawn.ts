import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock, Timer } from '../../agent/clock.ts';
import { Backoff } from '../transport/backoff.ts';

/** For the helper to end its own process and remove its socket. */
const END_PATIENCE_MS = 5_000;
/** A helper that lived this long worked: the next end is a new one. */
const PROVEN_MS = 60_000;
const LONGEST_LINE = 2_000;

export interface HelperProcessOptions {
  /** The program's own main file. */
  main: string;
  sensorId: string;
  /** Path of the settings file. */
  settings: string;
  /** Path of the socket it serves. */
  socket: string;
  clock: Clock;
  /** Numbers from 0 to below 1, for the jitter of the waits. */
  random: () => number;
  /** Takes each line that it prints, without its line end. */
  log: (line: string) => void;
  /** The process's unless given. */
  environment?: NodeJS.ProcessEnv;
}

/** A radio helper started by this process, where systemd does not: in demos and tests. Started again until it is stopped. */
export class HelperProcess {
  readonly #options: HelperProcessOptions;
  readonly #backoff: Backoff;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #again: Timer | undefined;
  #wanted = false;

  constructor(options: HelperProcessOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#spawn();
  }

  /** SIGTERM, and SIGKILL where that does not help. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#again?.cancel();
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const force = this.#options.clock.after(END_PATIENCE_MS, () => void child.kill('SIGKILL'));
    await this.#gone;
    force.cancel();
  }

  #spawn(): void {
    const { main, sensorId, settings, socket, clock, environment = process.env } = this.#options;
    // The settings of systemd for the daemon are not this process's.
    const { NOTIFY_SOCKET: _notify, WATCHDOG_USEC: _usec, WATCHDOG_PID: _pid, ...env } = environment;
    const words = [main, 'radio', sensorId, '--settings', settings, '--socket', socket];
    // The channel carries nothing: where this process is killed it closes, and the helper ends.
    const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    const since = clock.monotonic();
    this.#child = child;
    for (const input of [child.stdout, child.stderr]) {
      if (input !== null)
        createInterface({ input }).on('line', (line) => this.#options.log(line.slice(0, LONGEST_LINE)));
    }
    this.#gone = new Promise((resolve) => {
      const ended = (how: string): void => {
        if (this.#child !== child) return;
        this.#child = undefined;
        resolve();
        if (!this.#wanted) return;
        if (clock.monotonic() - since >= PROVEN_MS) this.#backoff.reset();
        this.#options.log(`the radio helper of ${sensorId} ended (${how}); it is started again`);
        this.#again = clock.after(this.#backoff.next(), () => this.#spawn());
      };
      child.once('close', (code, signal) => ended(signal ?? `exit code ${code}`));
      child.once('error', (error: NodeJS.ErrnoException) => {
        if (child.pid === undefined) ended(error.code ?? 'not started');
      });
    });
  }
}
