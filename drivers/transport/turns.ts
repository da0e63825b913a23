import type { Clock } from '../../agent/clock.ts';
import type { Speaker } from '../driver.ts';

/** How long a line is left quiet for the answer to someone who left in the middle of it, milliseconds. */
const LEFT_QUIET_MS = 500;
/** Whoever did not answer this often in a row waits longer and longer for its next turn. */
const MISSES_FORGIVEN = 1;
const SHORTEST_SUSPENSION_MS = 1_000;
const LONGEST_SUSPENSION_MS = 10_000;
/** Those who come while the line is idle are asked within this. */
const LONGEST_WAIT_MS = 1_000;

interface Participant {
  readonly speaker: Speaker;
  /** Questions in a row that were not answered. */
  missed: number;
  /** It has no turn before this. */
  suspendedUntil: number;
}

/**
 * Has the speakers of one line speak in turn, round robin: nobody speaks while an answer to another may still come, nor
 * before a silence after it. After a question that was not answered the line is left quiet for as long again, so that the
 * late answer is not taken for that of the next. Where there are others, a sensor that never answers is asked less and
 * less often, at the least every 10 s.
 */
export class Turns implements Speaker {
  readonly #clock: Clock;
  readonly #gapMs: number;
  readonly #participants: Participant[] = [];
  /** Whose answer may still come. */
  #talking: Participant | undefined;
  #askedAt = 0;
  #quietUntil = 0;
  /** Index of who may speak first. */
  #first = 0;
  #open = false;

  /** @param gapMs silence between an answer and the next question. */
  constructor(clock: Clock, gapMs: number) {
    this.#clock = clock;
    this.#gapMs = gapMs;
  }

  get waiting(): boolean {
    return this.#talking?.speaker.waiting ?? false;
  }

  add(speaker: Speaker): void {
    this.#participants.push({ speaker, missed: 0, suspendedUntil: 0 });
    if (this.#open) speaker.open(this.#clock.monotonic());
  }

  remove(speaker: Speaker): void {
    const index = this.#participants.findIndex((participant) => participant.speaker === speaker);
    if (index < 0) return;
    const [gone] = this.#participants.splice(index, 1);
    if (index < this.#first) this.#first--;
    if (this.#talking === gone) {
      this.#talking = undefined;
      this.#quietUntil = this.#clock.monotonic() + LEFT_QUIET_MS;
    }
  }

  open(now: number): void {
    this.#open = true;
    this.#talking = undefined;
    this.#quietUntil = now;
    for (const participant of this.#participants) {
      participant.missed = 0;
      participant.suspendedUntil = now;
      participant.speaker.open(now);
    }
  }

  /** The line is closed; those who come now are opened with it. */
  close(): void {
    this.#open = false;
    this.#talking = undefined;
  }

  speak(now: number, send: (frame: Uint8Array) => void): number {
    const talking = this.#talking;
    if (talking?.speaker.waiting) {
      const due = talking.speaker.speak(now, send);
      if (talking.speaker.waiting) return due;
      this.#miss(talking, now);
    } else if (talking !== undefined) {
      this.#answered(talking, now);
    }
    if (now < this.#quietUntil) return this.#quietUntil;
    return this.#giveTurn(now, send);
  }

  /** Asks each, from the one who is first, until one has spoken. */
  #giveTurn(now: number, send: (frame: Uint8Array) => void): number {
    let due = now + LONGEST_WAIT_MS;
    const all = [...this.#participants.slice(this.#first), ...this.#participants.slice(0, this.#first)];
    for (const participant of all) {
      const { speaker, suspendedUntil } = participant;
      if (now < suspendedUntil) {
        due = Math.min(due, suspendedUntil);
        continue;
      }
      let spoken = false;
      const wanted = speaker.speak(now, (frame) => {
        spoken = true;
        this.#talking = participant;
        this.#askedAt = now;
        send(frame);
      });
      // Sending can find the line hung up, and whoever spoke can be gone then.
      const index = this.#participants.indexOf(participant);
      if (spoken) {
        if (index >= 0) this.#first = (index + 1) % this.#participants.length;
        if (speaker.waiting) return wanted;
        this.#answered(participant, now);
        return this.#quietUntil;
      }
      due = Math.min(due, wanted);
    }
    return due;
  }

  /** It was answered, or wants no answer. */
  #answered(participant: Participant, now: number): void {
    this.#talking = undefined;
    participant.missed = 0;
    this.#quietUntil = now + this.#gapMs;
  }

  #miss(participant: Participant, now: number): void {
    this.#talking = undefined;
    this.#quietUntil = now + Math.max(this.#gapMs, now - this.#askedAt);
    participant.missed++;
    const excess = participant.missed - MISSES_FORGIVEN;
    if (excess > 0 && this.#participants.length > 1) {
      const suspension = Math.min(LONGEST_SUSPENSION_MS, SHORTEST_SUSPENSION_MS * 2 ** (excess - 1));
      participant.suspendedUntil = this.#quietUntil + suspension;
    }
  }
}
