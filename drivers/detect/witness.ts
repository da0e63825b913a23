import type { Decoder, Driver } from '../driver.ts';
import { CONFIDENCES, type Confidence, type Evidence } from './finding.ts';
import { type Sample, SampleSink } from './sample.ts';

/**
 * What counts as proof of a format: any of its frames; those with a probe request among them, where a line of zeros has
 * frames too; where other lines are too common, advertisements alone; of door lines, which may be bare numbers, what the
 * numbers do.
 */
export type Proof = 'frames' | 'probes' | 'advertisements' | 'door-lines';

export interface Candidate {
  driver: Driver;
  proof: Proof;
}

/** Frames that each confidence needs, of a format that chance does not make. */
const FRAMES: Record<Confidence, number> = { possible: 2, likely: 3, certain: 5 };
/** Share of frames accepted, and of bytes accounted for, that each confidence needs. */
const ACCEPTED: Record<Confidence, number> = { possible: 0.3, likely: 0.5, certain: 0.8 };
const EXPLAINED: Record<Confidence, number> = { possible: 0.05, likely: 0.1, certain: 0.4 };
/** Bytes fed one by one, to see which of them a frame accounts for: that costs time, and more would tell no more. */
const MEASURED = 24_576;

/** One driver's decoder on the bytes of a line, and how much of them it understood. */
export class Witness {
  readonly candidate: Candidate;
  readonly #decoder: Decoder;
  readonly #sink = new SampleSink();
  #accepted = 0;
  /** Rejections, from the first accepted frame on: boot text and half a frame come before it. */
  #rejected = 0;
  #rejectedBefore = 0;
  #measured = 0;
  /** Where the last frame or run ended, where the first frame did, and what frames after it account for. */
  #changedAt = 0;
  #firstAt = -1;
  #explained = 0;
  /** The longest frame with nothing in front of it. */
  #longest = 0;
  #afterRejection = true;

  constructor(candidate: Candidate) {
    this.candidate = candidate;
    this.#decoder = candidate.driver.createDecoder();
  }

  get sample(): Sample {
    return this.#sink.sample;
  }

  push(bytes: Uint8Array, arrival: number): void {
    const exact = Math.min(bytes.length, MEASURED - this.#measured);
    for (let at = 0; at < exact; at++) {
      this.#decoder.push(bytes.subarray(at, at + 1), arrival, this.#sink);
      this.#measured++;
      this.#measure();
    }
    if (exact < bytes.length) {
      this.#decoder.push(bytes.subarray(exact), arrival, this.#sink);
      this.#count();
    }
  }

  /** How sure the format is; null where it is none of it. */
  judge(): Confidence | null {
    if (this.candidate.proof === 'door-lines') return this.#judgeLines();
    const frames = this.#proven;
    const share = this.#accepted / (this.#accepted + this.#rejected);
    const explained = this.#share() ?? 1;
    return (
      CONFIDENCES.findLast(
        (each) => frames >= FRAMES[each] && share >= ACCEPTED[each] && explained >= EXPLAINED[each],
      ) ?? null
    );
  }

  /** Whether it is worth listening for longer. */
  get promising(): boolean {
    const frames = this.#proven;
    return frames > 0 && this.#rejected <= frames && this.judge() !== 'certain';
  }

  /** Frames that prove something. */
  get #proven(): number {
    const { proof } = this.candidate;
    if (proof === 'advertisements') return this.sample.advertisements;
    return proof === 'probes' && this.sample.probes === 0 ? 0 : this.#accepted;
  }

  /** Bytes that frames account for. */
  get explained(): number {
    return this.#explained;
  }

  evidence(ms: number): Evidence {
    const { bytes } = this.#decoder.counts;
    return {
      how: 'heard',
      accepted: this.#accepted,
      rejected: this.#rejected,
      explained: this.#share(),
      bytes,
      ms: Math.round(ms),
    };
  }

  /** A bare number or sign in a line may be anything: it takes a line of nothing else, and numbers that count. */
  #judgeLines(): Confidence | null {
    const { totals, crossings } = this.sample;
    const { named, steady } = this.#sink;
    if (named > 0) return this.#rejected > this.#accepted ? null : named > 1 ? 'certain' : 'likely';
    const events = crossings.in + crossings.out;
    const mixed = totals !== null && events > 0;
    if (this.#accepted === 0 || this.#rejected > 0 || mixed || !steady || (totals === null && events === 0))
      return null;
    if (this.#accepted >= FRAMES.likely) return 'likely';
    return this.#accepted >= FRAMES.possible || this.#rejectedBefore === 0 ? 'possible' : null;
  }

  #share(): number | null {
    const bytes = this.#changedAt - this.#firstAt;
    return this.#firstAt < 0 || bytes === 0 ? null : this.#explained / bytes;
  }

  #measure(): void {
    const before = { accepted: this.#accepted, rejected: this.#rejected + this.#rejectedBefore };
    this.#count();
    const accepted = this.#accepted > before.accepted;
    const rejected = this.#rejected + this.#rejectedBefore > before.rejected;
    if (!accepted && !rejected) return;
    if (accepted) {
      const length = this.#measured - this.#changedAt;
      if (!this.#afterRejection) this.#longest = Math.max(this.#longest, length);
      if (this.#firstAt < 0) this.#firstAt = this.#measured;
      // Behind a rejection the bytes are in part those of the run that was rejected.
      else this.#explained += this.#afterRejection ? Math.min(length, this.#longest) : length;
    }
    this.#afterRejection = rejected;
    this.#changedAt = this.#measured;
  }

  #count(): void {
    const { accepted, rejected } = this.#decoder.counts;
    let sum = 0;
    for (const [reason, count] of Object.entries(rejected)) {
      if (reason !== 'missing' && reason !== 'unanswered') sum += count;
    }
    if (accepted === 0) this.#rejectedBefore = sum;
    this.#accepted = accepted;
    this.#rejected = sum - this.#rejectedBefore;
  }
}
