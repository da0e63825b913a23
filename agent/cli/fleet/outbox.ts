/**
 * The outbox of a simulated gateway, in memory: immutable bytes by sequence, deleted on acknowledgement, the oldest dropped
 * beyond a bound. What was dropped stays on a list until the gap record that tells of it is acknowledged.
 */
import type { GapRange } from '../../contract/gap.ts';
import type { Outbox, SealedBatch } from '../../uplink/port.ts';

/** Every number counts sequences, gap records included: sealed = acknowledged + rejected + dropped + held. */
export interface OutboxCounts {
  sealed: number;
  acknowledged: number;
  rejected: number;
  dropped: number;
  held: number;
}

export class FleetOutbox implements Outbox {
  readonly #epoch: string;
  readonly #limitBytes: number;
  /** In the order of sequences. */
  readonly #held = new Map<number, Uint8Array>();
  readonly #counts: Omit<OutboxCounts, 'held'> = { sealed: 0, acknowledged: 0, rejected: 0, dropped: 0 };
  #heldBytes = 0;
  #lastSequence = 0;
  /** Dropped, and no acknowledged gap record tells of them. */
  #gone: GapRange[] = [];
  /** The gap record that is held, and how many of the ranges it tells. */
  #telling: { sequence: number; ranges: number } | null = null;

  /** @param limitBytes of bodies held; the newest is held whatever its size. */
  constructor(epoch: string, limitBytes: number) {
    this.#epoch = epoch;
    this.#limitBytes = limitBytes;
  }

  get counts(): OutboxCounts {
    return { ...this.#counts, held: this.#held.size };
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Null where nothing is held. */
  get oldestHeld(): number | null {
    return this.#held.keys().next().value ?? null;
  }

  /** Whether something was dropped that no gap record tells. */
  get untold(): boolean {
    return this.#gone.length > (this.#telling?.ranges ?? 0);
  }

  seal(sequence: number, body: Uint8Array): void {
    this.#add(sequence, body);
    for (const [oldest, { length }] of this.#held) {
      if (this.#heldBytes <= this.#limitBytes || oldest === sequence) return;
      if (oldest === this.#telling?.sequence) continue;
      this.#delete(oldest, length);
      this.#counts.dropped++;
      this.#miss(oldest);
    }
  }

  /** Seals a gap record of all that is gone, in place of the one that is held. */
  sealGap(sequence: number, encode: (ranges: GapRange[]) => Uint8Array): void {
    const before = this.#telling === null ? undefined : this.#held.get(this.#telling.sequence);
    if (this.#telling !== null && before !== undefined) {
      this.#delete(this.#telling.sequence, before.length);
      this.#counts.dropped++;
      this.#miss(this.#telling.sequence);
    }
    this.#gone = joined(this.#gone);
    this.#telling = { sequence, ranges: this.#gone.length };
    this.#add(sequence, encode(this.#gone));
  }

  async readOutbox(query: {
    after: number;
    before: number;
    limit: number;
    newestFirst?: boolean;
  }): Promise<SealedBatch[]> {
    const found: SealedBatch[] = [];
    const sequences = query.newestFirst === true ? [...this.#held.keys()].reverse() : this.#held.keys();
    for (const sequence of sequences) {
      if (found.length === query.limit) break;
      const body = this.#held.get(sequence);
      if (body === undefined || sequence <= query.after || sequence >= query.before) continue;
      found.push({ sequence, epoch: this.#epoch, body });
    }
    return found;
  }

  async acknowledge(sequences: number[]): Promise<void> {
    this.#counts.acknowledged += this.#settle(sequences);
  }

  async reject(rejected: { sequence: number }[]): Promise<void> {
    this.#counts.rejected += this.#settle(rejected.map(({ sequence }) => sequence));
  }

  #settle(sequences: number[]): number {
    let settled = 0;
    for (const sequence of sequences) {
      const body = this.#held.get(sequence);
      if (body === undefined) continue;
      this.#delete(sequence, body.length);
      settled++;
      if (sequence !== this.#telling?.sequence) continue;
      this.#gone.splice(0, this.#telling.ranges);
      this.#telling = null;
    }
    return settled;
  }

  #add(sequence: number, body: Uint8Array): void {
    this.#held.set(sequence, body);
    this.#heldBytes += body.length;
    this.#lastSequence = sequence;
    this.#counts.sealed++;
  }

  #delete(sequence: number, bytes: number): void {
    this.#held.delete(sequence);
    this.#heldBytes -= bytes;
  }

  /** Never joined to a range that a held gap record tells: that one would go with its acknowledgement. */
  #miss(sequence: number): void {
    const last = this.#gone.at(-1);
    if (last !== undefined && this.untold && last.to_seq === sequence - 1) last.to_seq = sequence;
    else this.#gone.push({ epoch: this.#epoch, from_seq: sequence, to_seq: sequence, reason: 'buffer_full' });
  }
}

/** Sorted, and joined where they touch; all are of one epoch and reason. */
function joined(ranges: readonly GapRange[]): GapRange[] {
  const result: GapRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.from_seq - b.from_seq)) {
    const last = result.at(-1);
    if (last !== undefined && range.from_seq <= last.to_seq + 1) last.to_seq = Math.max(last.to_seq, range.to_seq);
    else result.push({ ...range });
  }
  return result;
}
