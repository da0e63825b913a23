/**
 * Tells systemd how the service is (sd_notify(3)). Node has no unix datagram sockets, so each message is a call of
 * systemd-notify(1); the unit needs NotifyAccess=all for that.
 */
import { execFile } from 'node:child_process';

/** systemd-notify waits up to 5 s for the manager to have read the message. */
const PATIENCE_MS = 10_000;
const STATUS_LENGTH = 200;

type Environment = Readonly<Record<string, string | undefined>>;

export interface NotifierOptions {
  environment?: Environment;
  pid?: number;
  /** Sends assignments such as `READY=1`; rejects where that failed. */
  send?: (assignments: string[]) => Promise<void>;
  /** Told of the first call that failed. */
  onFailure?: (error: unknown) => void;
}

/** Nothing of it blocks or throws, and without a systemd that listens (NOTIFY_SOCKET) nothing of it does anything. */
export class ServiceNotifier {
  /** WatchdogSec= of the unit in milliseconds; null where nobody watches this process. */
  readonly watchdogMs: number | null;
  readonly #listened: boolean;
  readonly #send: (assignments: string[]) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #failed = false;
  /** What is still to be said: a later word on the same thing replaces the earlier. */
  readonly #pending = new Map<string, string>();
  #sending: Promise<void> | null = null;

  constructor({ environment = process.env, pid = process.pid, send, onFailure }: NotifierOptions = {}) {
    this.#listened = (environment.NOTIFY_SOCKET ?? '') !== '';
    this.watchdogMs = this.#listened ? watchdogMsOf(environment, pid) : null;
    this.#send = send ?? ((assignments) => systemdNotify(assignments, environment));
    this.#onFailure = onFailure ?? (() => undefined);
  }

  /** The service is up, or up again behind `reloading`. */
  ready(status: string): void {
    this.#pending.delete('RELOADING');
    this.#say('READY', '1', status);
  }

  /** One line for `systemctl status`. */
  status(text: string): void {
    this.#say('STATUS', line(text));
  }

  /** New settings are being read; `ready` ends it. */
  reloading(): void {
    this.#pending.delete('READY');
    this.#say('RELOADING', '1');
  }

  stopping(): void {
    this.#pending.delete('READY');
    this.#pending.delete('RELOADING');
    this.#say('STOPPING', '1');
  }

  /** Sign of life. */
  watchdog(): void {
    this.#say('WATCHDOG', '1');
  }

  /** Resolves when all that was said so far is out, or failed. */
  async settled(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  #say(name: string, value: string, status?: string): void {
    if (!this.#listened) return;
    this.#pending.set(name, value);
    if (status !== undefined) this.#pending.set('STATUS', line(status));
    this.#sending ??= this.#drain();
  }

  // One call at a time: two of them may arrive in either order.
  async #drain(): Promise<void> {
    while (this.#pending.size > 0) {
      const assignments = [...this.#pending].map(([name, value]) => `${name}=${value}`);
      this.#pending.clear();
      try {
        await this.#send(assignments);
      } catch (error) {
        if (!this.#failed) this.#onFailure(error);
        this.#failed = true;
      }
    }
    this.#sending = null;
  }
}

/** sd_watchdog_enabled(3). */
function watchdogMsOf({ WATCHDOG_USEC, WATCHDOG_PID }: Environment, pid: number): number | null {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== '' && Number(WATCHDOG_PID) !== pid) return null;
  const ms = Number(WATCHDOG_USEC) / 1_000;
  return ms > 0 && Number.isFinite(ms) ? ms : null;
}

// A line end would begin an assignment of its own.
function line(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, STATUS_LENGTH);
}

function systemdNotify(assignments: string[], { NOTIFY_SOCKET, PATH }: Environment): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { timeout: PATIENCE_MS, env: { NOTIFY_SOCKET, PATH: PATH ?? '/usr/bin:/bin', LC_ALL: 'C' } };
    execFile('systemd-notify', ['--', ...assignments], options, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
