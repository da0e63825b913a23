/** The epochs of this box: the one that seals now, what its messages say of it, and what became of the one before. */
import type { Clock } from './clock.ts';
import { type BatchOrigin, encodeWindow } from './contract/batch.ts';
import { encodeGap } from './contract/gap.ts';
import type { Range } from './gap-to-tell.ts';
import type { Log } from './logging.ts';
import type { PipelineOptions } from './pipeline.ts';
import type { Settings } from './settings/settings.ts';
import type { Opened } from './storage/storage.ts';
import { VERSION } from './version.ts';

/** A collector that rejects without reason must not begin an epoch a minute. */
const CONFLICT_EVERY_MS = 24 * 3_600_000;

export interface LineageParts {
  /** Those in force. */
  settings(): Settings;
  /** Whose wall clock is in the messages. */
  clock: Clock;
  log: Log;
  /** Notes a change of the box's health. */
  event(code: string, message: string): void;
}

export class Lineage {
  readonly #parts: LineageParts;
  #opened: Opened;
  #conflictAt: number | null = null;

  constructor(opened: Opened, parts: LineageParts) {
    this.#opened = opened;
    this.#parts = parts;
  }

  /** The database that is written to, as it was when it was opened. */
  get opened(): Opened {
    return this.#opened;
  }

  get epoch(): string {
    return this.#opened.epoch;
  }

  /** How the pipeline encodes what it seals. */
  get encoders(): Pick<PipelineOptions, 'encode' | 'encodeGap'> {
    return {
      encode: (window, firstSequence) =>
        encodeWindow(window, { ...this.#origin(), clock: window.clock }, firstSequence),
      encodeGap: (ranges, sequence) => encodeGap(this.#origin(), sequence, ranges.map(toGapRange)),
    };
  }

  /**
   * The collector holds another batch under a sequence of this epoch: the database is an older copy of itself, put back where
   * nothing on this machine could tell. True when a new epoch is to begin, at most once a day.
   */
  conflicted(): boolean {
    const now = this.#parts.clock.monotonic();
    if (this.#conflictAt !== null && now - this.#conflictAt < CONFLICT_EVERY_MS) return false;
    this.#conflictAt = now;
    return true;
  }

  /** Another database goes on in the place of a damaged one. */
  goOnIn(opened: Opened): void {
    this.#opened = opened;
    this.tell();
  }

  /** Notes what became of the database when it was opened, if anything did. */
  tell(): void {
    const { origin, epoch, quarantined } = this.#opened;
    const { log, event } = this.#parts;
    if (quarantined !== null) {
      const { path, found, salvaged } = quarantined;
      log('error', { path, found, ...salvaged }, 'the database was set aside; another one begins');
      event('database_quarantined', `${found}; kept as ${path}`);
    }
    if (origin === 'kept') return;
    log(origin === 'new' ? 'info' : 'warn', { epoch, origin }, 'a new epoch begins');
    if (origin !== 'new') event('epoch_began', origin);
  }

  /** What every sealed message says of this gateway. */
  #origin(): Omit<BatchOrigin, 'clock'> {
    const { settings, clock } = this.#parts;
    const { tenant, gateway, store } = settings();
    return {
      tenant,
      gateway,
      epoch: this.epoch,
      store: store.id,
      timeZone: store.timeZone,
      version: VERSION,
      sealedAtMs: Math.floor(clock.wall()),
    };
  }
}

function toGapRange({ epoch, fromSequence, toSequence, reason }: Range) {
  return { epoch, from_seq: fromSequence, to_seq: toSequence, reason };
}
