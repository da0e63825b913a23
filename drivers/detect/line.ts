/** The line that is looked into, as an interface: a serial port, or a scripted line in a test. */
import type { Clock } from '../../agent/clock.ts';
import type { LineSettings } from '../transport/port.ts';

export interface ProbeLine {
  /** Opens the line, which loses what was waiting. Rejects where it cannot be opened in this way. */
  open(line: LineSettings): Promise<OpenedProbe>;
}

export interface OpenedProbe {
  /** What has come since the last read; empty where nothing has. Throws where the line is gone. */
  read(): Uint8Array;
  /** Resolves when the bytes are handed to the line. Rejects where the line is gone or takes none. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** How often an open line is read, milliseconds. */
export const READ_EVERY_MS = 20;
/** Silence between an answer and the next question, for lines with several sensors. */
const GAP_MS = 30;

/** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Questions and answers on an open line, one at a time. */
export class Exchange {
  readonly clock: Clock;
  readonly #probe: OpenedProbe;
  readonly #signal: AbortSignal | undefined;

  constructor(probe: OpenedProbe, clock: Clock, signal?: AbortSignal) {
    this.clock = clock;
    this.#probe = probe;
    this.#signal = signal;
  }

  /** Says `frame` and gives what comes until `whole` holds, `timeoutMs` at most. What waited before is dropped. */
  async ask(frame: Uint8Array, timeoutMs: number, whole: (answer: Uint8Array) => boolean): Promise<Uint8Array> {
    this.#probe.read();
    await this.#probe.write(frame);
    const until = this.clock.monotonic() + timeoutMs;
    let answer: Uint8Array = new Uint8Array(0);
    while (this.clock.monotonic() < until && !whole(answer)) {
      await pause(this.clock, READ_EVERY_MS, this.#signal);
      const bytes = this.#probe.read();
      if (bytes.length > 0) answer = Buffer.concat([answer, bytes]);
    }
    await pause(this.clock, GAP_MS, this.#signal);
    return answer;
  }

  /** What comes within `ms`. */
  async listen(ms: number, take: (bytes: Uint8Array) => void): Promise<void> {
    const until = this.clock.monotonic() + ms;
    while (this.clock.monotonic() < until) {
      await pause(this.clock, READ_EVERY_MS, this.#signal);
      const bytes = this.#probe.read();
      if (bytes.length > 0) take(bytes);
    }
  }
}
