/** When a recording ends, and how it goes meanwhile, told on a terminal. */
import type { Clock } from '../clock.ts';

const PROGRESS_MS = 500;
const ERASE_LINE = '\r\u001b[K';

/** Why something ends; the first reason holds. */
export class Ending<Reason extends string> {
  readonly #controller = new AbortController();
  #end: { reason: Reason; atMs: number | null } | null = null;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): Reason | null {
    return this.#end?.reason ?? null;
  }

  /** When, where whoever ended it has told, UTC milliseconds. */
  get atMs(): number | null {
    return this.#end?.atMs ?? null;
  }

  end(reason: Reason, atMs: number | null = null): void {
    this.#end ??= { reason, atMs };
    this.#controller.abort();
  }
}

export interface WatchOptions {
  id: string;
  /** Times on the timeline of the recording, UTC milliseconds. */
  recorder: { readonly startMs: number; readonly lastMs: number; readonly bytes: number; readonly frames: number };
  limitMs: number;
  clock: Clock;
  /** The time is over. */
  over: () => void;
}

/** The time of a recording, from its first word on. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #progress = process.stderr.isTTY === true;
  #timers: NodeJS.Timeout[] = [];
  #startedMs: number | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  begin(): void {
    const { clock, limitMs, over } = this.#options;
    this.#startedMs = clock.monotonic();
    this.#timers.push(setTimeout(over, limitMs));
    if (this.#progress) this.#timers.push(setInterval(() => void this.#show(), PROGRESS_MS));
  }

  /** On the timeline of the recording. */
  get nowMs(): number {
    const { startMs, lastMs } = this.#options.recorder;
    return Math.max(lastMs, startMs + Math.floor(this.#elapsedMs));
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#progress && this.#timers.length > 0) process.stderr.write(ERASE_LINE);
    this.#timers = [];
  }

  get #elapsedMs(): number {
    return this.#startedMs === null ? 0 : this.#options.clock.monotonic() - this.#startedMs;
  }

  async #show(): Promise<void> {
    const { renderProgress } = await import('./view/record.ts');
    const { terminalOf } = await import('./view/style.ts');
    if (this.#timers.length === 0) return;
    const { id, recorder, limitMs } = this.#options;
    const { bytes, frames } = recorder;
    const { width } = terminalOf(process.stderr, process.env);
    const line = renderProgress({ id, bytes, frames, leftMs: limitMs - this.#elapsedMs }, width);
    process.stderr.write(`${ERASE_LINE}${line}`);
  }
}
