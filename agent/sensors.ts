/** One sensor of the running daemon: its transport, its decoder, and what is known of its health. */
import type { Decoder, DecoderOptions, Driver, Transport } from '../drivers/driver.ts';
import type { SensorParameters } from './analytics/parameters.ts';
import { AgentError } from './errors.ts';
import type { Intake } from './intake.ts';
import type { SensorStatus } from './local/document.ts';
import { REJECTIONS } from './readings.ts';

/** Reports cover whole spans of this length on the UTC grid, so that none straddles two windows. */
export const REPORT_MS = 10_000;
const MINUTE_MS = 60_000;
/** Sensors are looked after every second. */
const LONGEST_STEP_MS = 5_000;

/** What counts as silence unless the settings say otherwise: an empty night has few probe requests. */
export const SILENT_MS = 15 * 60_000;

/** The detail of a sensor whose line was not tried yet. */
export const NOT_OPENED_YET = 'not opened yet';

export interface SensorOptions {
  parameters: SensorParameters;
  driver: Driver;
  /** What the driver is told by the settings. */
  decoder?: DecoderOptions;
  transport: Transport;
  port: string;
  /** No accepted frame for this long, while the line is open, is silence. */
  silentMs: number;
  /** The gateway's timeline, UTC milliseconds. */
  now: () => number;
  intake: Intake;
  log: (level: 'info' | 'warn', fields: Record<string, unknown>, message: string) => void;
}

/** Takes a sensor's bytes as they are read: a recording. */
export interface BytesListener {
  /** `chunk` is valid only during the call. */
  bytes(chunk: Uint8Array, atMs: number): void;
  /** The sensor was stopped. */
  ended(): void;
}

export class Sensor {
  #options: SensorOptions;
  readonly #decoder: Decoder;
  #listener: BytesListener | null = null;
  #up = false;
  #detail: string | null = NOT_OPENED_YET;
  #since: number;
  #lastFrame: number | null = null;
  #silent = false;
  /** Time that the open line was read without an accepted frame. */
  #quietMs = 0;
  #reportedUntil: number;
  #reportedBytes = 0;
  #reportedAccepted = 0;
  readonly #reportedRejected = REJECTIONS.map(() => 0);
  /** Milliseconds covered since the last report. */
  #covered = 0;
  #coveredUntil: number;
  #minute = 0;
  #minuteAccepted = 0;
  #perMinute = 0;

  constructor(options: SensorOptions) {
    const { driver, parameters } = options;
    this.#options = options;
    this.#decoder = driver.createDecoder({
      ...options.decoder,
      role: parameters.role === 'transactions' ? 'transactions' : 'door',
    });
    this.#since = options.now();
    this.#reportedUntil = this.#since;
    this.#coveredUntil = this.#since;
  }

  get options(): SensorOptions {
    return this.#options;
  }

  get id(): string {
    return this.#options.parameters.id;
  }

  /** Goes on under other parameters with the line left open: the index, driver and port must be the same. */
  retune(parameters: SensorParameters, silentMs: number): void {
    this.#options = { ...this.#options, parameters, silentMs };
  }

  start(): void {
    const { intake, now, transport, parameters } = this.#options;
    const decoder = this.#decoder;
    const sink = intake.sinkOf(parameters.index);
    transport.start({
      ...(decoder.speaker && { speaker: decoder.speaker }),
      bytes: (chunk) => {
        const at = now();
        this.#listener?.bytes(chunk, at);
        // Before the bytes: they belong to the span that has begun.
        this.#reportDue(at);
        const before = decoder.counts.accepted;
        intake.arriveAt(at);
        decoder.push(chunk, at, sink);
        intake.foldPending();
        if (decoder.counts.accepted !== before) {
          this.#lastFrame = at;
          this.#cover(at);
          this.#quietMs = 0;
          if (this.#silent) this.#change(at, false, null, true);
        }
      },
      up: () => {
        this.#change(now(), false, null, true);
        decoder.reopened?.();
      },
      down: (reason) => this.#change(now(), false, reason, false),
    });
  }

  async stop(): Promise<void> {
    await this.#options.transport.stop();
    this.#listener?.ended();
    this.#listener = null;
  }

  /**
   * Passes on all bytes from now on until the returned function is called.
   * @throws AgentError `recording_running` while somebody else listens.
   */
  listen(listener: BytesListener): () => void {
    if (this.#listener !== null) {
      const hint = 'Wait for its end, or end it: Ctrl-C in its terminal.';
      throw new AgentError('recording_running', `expected no other recording of ${this.id}, found one`, hint);
    }
    this.#listener = listener;
    return () => {
      if (this.#listener === listener) this.#listener = null;
    };
  }

  /** Notices silence and, when a span of the grid has ended, reports on it. */
  tick(at: number): void {
    this.#reportDue(at);
    this.#cover(at);
    if (!this.#silent && this.#quietMs >= this.#options.silentMs) this.#change(at, true, null, true);
    const minute = Math.floor(at / MINUTE_MS);
    if (minute !== this.#minute) {
      const accepted = this.#decoder.counts.accepted;
      this.#perMinute = minute === this.#minute + 1 ? accepted - this.#minuteAccepted : 0;
      this.#minuteAccepted = accepted;
      this.#minute = minute;
    }
  }

  status(): SensorStatus {
    const { parameters, port, driver, intake } = this.#options;
    const { correction } = intake;
    const { counts } = this.#decoder;
    const rejected: Record<string, number> = {};
    for (const reason of REJECTIONS) if (counts.rejected[reason] > 0) rejected[reason] = counts.rejected[reason];
    return {
      id: parameters.id,
      driver: driver.name,
      port,
      place: parameters.place,
      role: parameters.role,
      state: this.#up ? (this.#silent ? 'silent' : 'up') : 'down',
      since_ms: this.#since + correction,
      detail: this.#detail,
      last_frame_ms: this.#lastFrame === null ? null : this.#lastFrame + correction,
      per_minute: this.#perMinute,
      bytes: counts.bytes,
      accepted: counts.accepted,
      rejected,
    };
  }

  #change(at: number, silent: boolean, detail: string | null, up: boolean): void {
    // What lasted until now belongs to the spans that have ended.
    this.#reportDue(at);
    this.#cover(at);
    const changed = up !== this.#up || silent !== this.#silent;
    // Attempts to re-open repeat the reason: one line for each change is enough.
    if (changed || detail !== this.#detail) {
      const level = up && !silent ? 'info' : 'warn';
      const what = !up ? 'sensor down' : silent ? 'sensor silent' : 'sensor up';
      this.#options.log(level, { sensor: this.id, detail: detail ?? undefined }, what);
    }
    if (changed) this.#since = at;
    if (!up) this.#quietMs = 0;
    this.#up = up;
    this.#silent = silent;
    this.#detail = detail;
  }

  #cover(at: number): void {
    if (at <= this.#coveredUntil) return;
    // A longer step is a clock that jumped, or a loop that stalled: nobody read the line in it.
    const step = at - this.#coveredUntil;
    this.#coveredUntil = at;
    if (!this.#up || step > LONGEST_STEP_MS) return;
    this.#quietMs += step;
    if (!this.#silent) this.#covered += step;
  }

  #reportDue(at: number): void {
    const until = Math.floor(at / REPORT_MS) * REPORT_MS;
    if (until <= this.#reportedUntil) return;
    this.#options.intake.arriveAt(at);
    this.#report(until);
  }

  #report(until: number): void {
    this.#cover(until);
    const { counts } = this.#decoder;
    const bytes = counts.bytes - this.#reportedBytes;
    const accepted = counts.accepted - this.#reportedAccepted;
    const rejected = REJECTIONS.map((reason, index) => counts.rejected[reason] - this.#reportedRejected[index]);
    this.#reportedUntil = until;
    if (this.#covered === 0 && bytes === 0 && rejected.every((count) => count === 0)) return;
    // One millisecond before the end of the span: the report belongs to the window that ends there.
    this.#options.intake.report(this.#options.parameters.index, until - 1, {
      up: this.#up,
      bytes,
      accepted,
      coveredMs: this.#covered,
      rejected,
    });
    this.#covered = 0;
    this.#reportedBytes = counts.bytes;
    this.#reportedAccepted = counts.accepted;
    for (const [index, reason] of REJECTIONS.entries()) this.#reportedRejected[index] = counts.rejected[reason];
  }
}
