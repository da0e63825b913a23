/**
 * Keeps UTC right for what is counted. The timeline tells when the wall clock asks for a correction; here it becomes a row
 * of the journal, so that a replay is corrected at the same place, and so does each change of how far the clock is trusted.
 */
import type { Intake } from './intake.ts';
import type { Log } from './logging.ts';
import type { Timeline } from './platform/timeline.ts';
import type { ClockTrust } from './readings.ts';

/** Time that was this far ahead of an untrusted clock at the start was told by another clock. */
const SET_BACK_MS = 60_000;

export interface TimekeeperParts {
  timeline: Timeline;
  intake: Intake;
  clockTrust(): ClockTrust;
  /** Whether the machine was off since the last run. */
  poweredOff: boolean;
  /** By how much time was ahead of the wall clock at the start, milliseconds. */
  behindMs: number;
  log: Log;
  /** Notes a change of the box's health. */
  event(code: string, message: string): void;
}

export class Timekeeper {
  readonly #parts: TimekeeperParts;
  #first = true;

  constructor(parts: TimekeeperParts) {
    this.#parts = parts;
  }

  /** Looks at the wall clock. To be called every second or so, before time is folded. */
  tick(): void {
    const { timeline, intake } = this.#parts;
    const trust = this.#parts.clockTrust();
    const trusted = trust === 'synchronised';
    const wanted = timeline.follow(trusted);
    const restarted = this.#first && this.#anotherClock(trusted);
    this.#first = false;
    intake.arriveAt(timeline.now());
    // A clock that is right from the start goes on where the one before it was right too.
    if (wanted !== 0 || (restarted && !trusted)) {
      timeline.correct(wanted);
      intake.correctClock(trust, { delta_ms: wanted, restarted });
      this.#tell(wanted, restarted);
    }
    intake.trustClock(trust);
  }

  /** Whether times of the run before are those of another clock. */
  #anotherClock(trusted: boolean): boolean {
    return this.#parts.poweredOff || (!trusted && this.#parts.behindMs > SET_BACK_MS);
  }

  #tell(ms: number, restarted: boolean): void {
    const { log, event } = this.#parts;
    if (ms === 0) {
      log(
        'warn',
        { restarted },
        'the clock began anew and is not known to be right; time goes on from the last one known',
      );
      return;
    }
    const seconds = Math.round(ms / 1_000);
    log('warn', { seconds, restarted }, 'the clock was wrong: what is not sealed was corrected');
    event('clock_corrected', `by ${seconds} s`);
  }
}
