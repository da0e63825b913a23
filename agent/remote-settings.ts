/**
 * Settings that the centre asks for on `down/config`: each message is weighed, kept durably, and then applied as a reload
 * applies a changed file. What is in force stays in force until all of a message has been found to fit.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Clock, Timer } from './clock.ts';
import { configMessage } from './contract/messages.ts';
import { readMessage } from './contract/read.ts';
import { AgentError, reasonOf } from './errors.ts';
import type { Log } from './logging.ts';
import type { RemoteMessage, Weighed } from './settings/remote-asked.ts';
import { type KeptRemote, rejectedOutcome } from './settings/remote-layer.ts';
import type { RemoteOutcome } from './settings/settings.ts';

/**
 * So many messages are taken as fast as they come, after them one a minute, and of those that wait the newest: each may
 * cost a write, and a card wears out.
 */
const AT_ONCE = 10;
const REFILL_MS = 60_000;

/** Where the settings over the file are kept. */
export interface RemoteSource {
  /** What a message comes to, by the settings as they stand; changes nothing. Throws AgentErrors. */
  weigh(message: RemoteMessage): Weighed;
  /** Throws what the file system throws. */
  keep(directory: string, kept: KeptRemote): void;
}

/** What the centre is told of its last message. */
export interface Told {
  /** Null before its first message. */
  readonly remote: RemoteOutcome | null;
  /** A message was rejected, and nothing else has changed. */
  noteRemote(outcome: RemoteOutcome): void;
}

export interface RemoteParts {
  source: RemoteSource;
  /** Reads the settings with their layers again and applies them. Throws AgentErrors; nothing has changed then. */
  reload(): Promise<unknown>;
  live: Told;
  /** The state message tells something else than before. */
  changed(): void;
  clock: Clock;
  log: Log;
}

export class RemoteSettings {
  readonly #parts: RemoteParts;
  /** The newest message not yet weighed; with a retained topic nothing else counts. */
  #next: Uint8Array | null = null;
  /** The message weighed last. */
  #last: Uint8Array | null = null;
  #working: Promise<void> | null = null;
  #tokens = AT_ONCE;
  #refilledMs: number;
  #waiting: { timer: Timer; end: () => void } | null = null;
  #stopped = false;

  constructor(parts: RemoteParts) {
    this.#parts = parts;
    this.#refilledMs = parts.clock.monotonic();
  }

  /** Takes a message, whatever it holds. Resolves when it or a newer one has been dealt with; never rejects. */
  take(payload: Uint8Array): Promise<void> {
    // A topic that was cleared asks for nothing; what was asked for before holds on.
    if (this.#stopped || payload.length === 0) return this.#working ?? Promise.resolve();
    this.#next = payload.slice();
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  /** Resolves when no message is being applied; the broker keeps one that was waiting. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#next = null;
    this.#waiting?.end();
    await this.#working;
  }

  async #work(): Promise<void> {
    // Not within the call that brought the message: applying it may replace the connection it came by.
    await Promise.resolve();
    while (this.#next !== null) {
      if (!this.#isOld(this.#next)) await this.#untilDue();
      const payload: Uint8Array | null = this.#next;
      this.#next = null;
      if (payload === null || this.#isOld(payload)) continue;
      this.#tokens--;
      this.#last = payload;
      try {
        await this.#consider(readConfig(payload));
      } catch (error) {
        this.#parts.log('error', { reason: reasonOf(error) }, 'a message with settings could not be dealt with');
      }
    }
  }

  /** In force already, as after each new connection. One that was rejected is weighed anew: the file may have changed. */
  #isOld(payload: Uint8Array): boolean {
    return (
      this.#parts.live.remote?.state === 'applied' && this.#last !== null && Buffer.compare(payload, this.#last) === 0
    );
  }

  async #untilDue(): Promise<void> {
    const now = this.#parts.clock.monotonic();
    this.#tokens = Math.min(AT_ONCE, this.#tokens + (now - this.#refilledMs) / REFILL_MS);
    this.#refilledMs = now;
    if (this.#tokens >= 1) return;
    const waitMs = (1 - this.#tokens) * REFILL_MS;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#waiting = null;
        resolve();
      };
      const timer = this.#parts.clock.after(waitMs, end);
      this.#waiting = { timer, end };
    });
    this.#tokens = 1;
    this.#refilledMs = now + waitMs;
  }

  async #consider(message: RemoteMessage): Promise<void> {
    const { source, reload, log } = this.#parts;
    const { revision } = message;
    let weighed: Weighed;
    try {
      weighed = source.weigh(message);
    } catch (error) {
      this.#reject(revision, error);
      return;
    }
    const { directory, before, after } = weighed;
    if (isDeepStrictEqual(before, after)) return this.#tellAgain(after);
    try {
      source.keep(directory, after);
    } catch (error) {
      const message = `expected to keep the settings before they are applied, found: ${reasonOf(error)}`;
      this.#reject(revision, new AgentError('remote_settings_unwritable', message, '', { cause: error }));
      return;
    }
    if (after.rejected !== null) {
      log('warn', { ...after.rejected }, 'settings of the central platform were rejected');
      return this.#tell(rejectedOutcome(after.rejected));
    }
    try {
      await reload();
      log('info', { revision, keys: Object.keys(after.values) }, 'settings of the central platform are in force');
    } catch (error) {
      // What holds now must hold after the next start too, and what was applied of the rest is taken back.
      source.keep(directory, { ...before, rejected: this.#reject(revision, error) });
      await reload();
    }
  }

  /** Kept already; only what is told may be about another message, one that could not even be kept. */
  async #tellAgain({ revision, rejected }: KeptRemote): Promise<void> {
    const told = this.#parts.live.remote;
    if (rejected !== null) {
      const outcome = rejectedOutcome(rejected);
      if (!isDeepStrictEqual(outcome, told)) this.#tell(outcome);
    } else if (told?.state !== 'applied' || told.revision !== revision) await this.#parts.reload();
  }

  #reject(revision: string, error: unknown): { revision: string; reasons: string[] } {
    const fault = 'expected to apply the settings, found a fault of this program';
    const rejected = { revision, reasons: error instanceof AgentError ? error.message.split('\n') : [fault] };
    this.#parts.log('error', { revision, reason: reasonOf(error) }, 'settings of the central platform were not taken');
    this.#tell(rejectedOutcome(rejected));
    return rejected;
  }

  #tell(outcome: RemoteOutcome): void {
    this.#parts.live.noteRemote(outcome);
    this.#parts.changed();
  }
}

/** The values as they came: a schema's own copy would leave out names such as `__proto__` without a word. */
const asReceived = configMessage.extend({
  settings: z.custom<Record<string, unknown>>(isMap, 'expected a map of keys'),
});

function readConfig(payload: Uint8Array): RemoteMessage {
  const reading = readMessage(asReceived, payload);
  if (reading.ok) return reading.value;
  // The revision is told back where there is one, so that the centre knows which message was no good.
  const revision = isMap(reading.raw) && typeof reading.raw.revision === 'string' ? reading.raw.revision : '';
  return { revision: revision.slice(0, 64), reasons: [reading.where] };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
