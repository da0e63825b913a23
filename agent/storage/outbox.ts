/** The rows of the outbox: sealed once, read only while their bytes are what was sealed, let go. Call inside a transaction. */
import { hash } from 'node:crypto';
import { AgentError } from '../errors.ts';
import { readPace, updatePace } from './pace.ts';
import { GAP_RECORD, type Released, type Statements, WINDOW } from './statements.ts';
import type { Batch, HeldBatch } from './storage.ts';

/** Bytes of the SHA-256 kept beside a body: enough to see damage. */
const DIGEST_BYTES = 16;

export interface OutboxQuery {
  after: number;
  before: number;
  limit: number;
  newestFirst?: boolean;
}

export class Outbox {
  readonly #statements: Statements;
  /** What is held; null when it has to be counted. */
  #held: { count: number; bytes: number } | null = null;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** How many batches are held, and their bytes. */
  get held(): { readonly count: number; readonly bytes: number } {
    this.#held ??= this.#statements.heldTotals.get() ?? { count: 0, bytes: 0 };
    return this.#held;
  }

  /** To be called when a transaction was undone: what was counted on the way is not so. */
  forgetHeld(): void {
    this.#held = null;
  }

  /** Bytes sealed in a window, as a running mean; null before the first. */
  get bytesPerWindow(): number | null {
    return readPace(this.#statements.readMeta.get('pace'))?.mean ?? null;
  }

  /**
   * Seals batches; those that the last close sealed with the same bytes are passed over.
   * @param sealedAtMs UTC milliseconds.
   * @param gapSequence the gap record among them.
   * @returns what was sealed just now.
   * @throws AgentError `sequence_conflict` unless they carry on exactly where the last close ended.
   */
  seal(batches: Batch[], sealedAtMs: number, gapSequence: number | null = null): Batch[] {
    const { sealedThrough, seal, readMeta, writeMeta } = this.#statements;
    const sealed: Batch[] = [];
    let next = (sealedThrough.get() ?? 0) + 1;
    const last = JSON.parse(readMeta.get('last_close') ?? '{}') as Record<string, string>;
    const digests: Record<string, string> = {};
    for (const batch of batches) {
      const { sequence, windowOrdinal, body } = batch;
      const digest = hash('sha256', body, 'buffer');
      digests[sequence] = digest.toString('base64');
      if (last[sequence] === digests[sequence]) continue;
      if (sequence !== next) throw sequenceConflict(next, sequence);
      // A wall clock may have fractions, which the column refuses.
      const sealedMs = sealedAtMs === null ? null : Math.round(sealedAtMs);
      const kind = sequence === gapSequence ? GAP_RECORD : WINDOW;
      seal.run(sequence, windowOrdinal, body, sealedMs, kind, digest.subarray(0, DIGEST_BYTES));
      sealed.push(batch);
      this.#count(1, body.length);
      next++;
    }
    if (batches.length > 0) writeMeta.run('last_close', JSON.stringify(digests));
    // Only windows, and only what was sealed just now, so that a repeated close leaves the mean as it is.
    const windows = sealed.filter(({ sequence }) => sequence !== gapSequence);
    if (windows.length > 0) writeMeta.run('pace', updatePace(readMeta.get('pace'), windows));
    return sealed;
  }

  /** As many batches as the query asks for whose bytes are what was sealed, and what was met on the way whose are not. */
  readSound(query: OutboxQuery): { sound: HeldBatch[]; damaged: number[] } {
    const { readOutbox, readOutboxNewest } = this.#statements;
    const sound: HeldBatch[] = [];
    const damaged: number[] = [];
    let { after, before } = query;
    for (;;) {
      const limit = query.limit - sound.length;
      const rows = (query.newestFirst === true ? readOutboxNewest : readOutbox).all(after, before, limit);
      for (const row of rows) {
        const { epoch, sequence, windowOrdinal, body } = row;
        if (isSound(row)) sound.push({ epoch, sequence, windowOrdinal, body });
        else damaged.push(sequence);
        if (query.newestFirst === true) before = sequence;
        else after = sequence;
      }
      if (rows.length < limit || sound.length === query.limit) return { sound, damaged };
    }
  }

  /** Lets a batch go; undefined where it is not held. */
  release(sequence: number): Released | undefined {
    const released = this.#statements.release.get(sequence);
    if (released !== undefined) this.#count(-1, -released.bytes);
    return released;
  }

  /** Moves a batch to the dead letters. */
  bury(sequence: number, code: string, message: string): Released | undefined {
    const { bury, newestSealedMs } = this.#statements;
    // Storage has no clock: the newest time that it knows is that of the last batch.
    bury.run(code, message, newestSealedMs.get() ?? null, sequence);
    return this.release(sequence);
  }

  /** Puts a dead letter back, as it was sealed. */
  unbury(sequence: number): void {
    this.#statements.unbury.run(sequence);
    const released = this.#statements.releaseDead.get(sequence);
    if (released !== undefined) this.#count(1, released.bytes);
  }

  #count(count: number, bytes: number): void {
    if (this.#held === null) return;
    this.#held.count += count;
    this.#held.bytes += bytes;
  }
}

/** Whether a body is what was sealed. A row of a release that wrote no digest is taken as it is. */
export function isSound({ body, digest }: { body: Uint8Array; digest: Uint8Array | null }): boolean {
  return digest === null || hash('sha256', body, 'buffer').subarray(0, DIGEST_BYTES).equals(digest);
}

function sequenceConflict(expected: number, found: number): AgentError {
  return new AgentError(
    'sequence_conflict',
    `expected a batch with sequence ${expected}, found ${found}, which is out of order or sealed with other bytes`,
    'Two writers use this database, or it was replaced while in use: stop the daemon and look at its log.',
  );
}
