/** What the tests of this folder share: an outbox in memory and a session that a test plays the broker of. */

import type { Failure } from '../mqtt/explain.ts';
import type { OpenSession, Session, SessionEvents, SessionFailure, SessionRequest } from '../mqtt/session.ts';
import type { Outbox, SealedBatch } from './port.ts';

/** Of the batches that a test seals, unless it says another. */
export const EPOCH = '0123456789abcdef';

/** Sealed batches in memory, with the behaviour of the real outbox: by sequence, deleted on acknowledgement. */
export class MemoryOutbox implements Outbox {
  readonly held = new Map<number, Uint8Array>();
  /** Of those that another epoch than this outbox's sealed. */
  readonly epochs = new Map<number, string>();
  readonly epoch: string;
  readonly deadLetters: { sequence: number; code: string; message: string }[] = [];
  readonly commits: number[][] = [];
  reads = 0;
  /** Thrown by the next calls, one each. */
  readonly failures: Error[] = [];

  constructor(epoch = EPOCH) {
    this.epoch = epoch;
  }

  seal(sequence: number, body: Uint8Array = Buffer.from(`batch ${sequence}`), epoch?: string): void {
    this.held.set(sequence, body);
    if (epoch !== undefined) this.epochs.set(sequence, epoch);
  }

  async readOutbox(query: {
    after: number;
    before: number;
    limit: number;
    newestFirst?: boolean;
  }): Promise<SealedBatch[]> {
    this.reads++;
    this.#fail();
    const sequences = [...this.held.keys()].filter((each) => each > query.after && each < query.before);
    sequences.sort((a, b) => (query.newestFirst ? b - a : a - b));
    return sequences.slice(0, query.limit).map((sequence) => ({
      sequence,
      epoch: this.epochs.get(sequence) ?? this.epoch,
      body: this.held.get(sequence) as Uint8Array,
    }));
  }

  async acknowledge(sequences: number[]): Promise<void> {
    this.#fail();
    this.commits.push(sequences);
    for (const sequence of sequences) this.held.delete(sequence);
  }

  async reject(rejected: { sequence: number; code: string; message: string }[]): Promise<void> {
    this.#fail();
    this.deadLetters.push(...rejected);
    for (const { sequence } of rejected) this.held.delete(sequence);
  }

  #fail(): void {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }
}

export interface Publication {
  topic: string;
  body: string;
  retain: boolean;
  /** The broker's answer. */
  answer(refusal?: string): void;
}

/** One attempt; the test calls `events` to play the broker. */
export class ScriptedSession implements Session {
  readonly protocol;
  readonly request: SessionRequest | null;
  readonly events: SessionEvents | null;
  readonly publications: Publication[] = [];
  room = Number.POSITIVE_INFINITY;
  /** Takes each publication at once, as a broker in good health does. */
  prompt = false;
  asking = false;
  held = false;
  disconnected = false;

  constructor(request: SessionRequest | null = null, events: SessionEvents | null = null) {
    this.request = request;
    this.events = events;
    this.protocol = request?.protocol ?? 5;
  }

  publish(topic: string, body: Uint8Array, retain: boolean, done: (refusal: Failure | null) => void): void {
    this.room--;
    const answer = (refusal?: string) => {
      this.room++;
      done(refusal === undefined ? null : { reason: refusal, kind: 'denied' });
      this.events?.progress();
    };
    this.publications.push({ topic, body: Buffer.from(body).toString(), retain, answer });
    if (this.prompt) queueMicrotask(answer);
  }

  hold(held: boolean): void {
    this.held = held;
  }

  abort(failure: Pick<SessionFailure, 'reason' | 'verdict'> & Partial<SessionFailure>): void {
    this.events?.closed({ kind: 'network', ...failure });
  }

  disconnect(): void {
    this.disconnected = true;
    this.events?.closed({ reason: 'closed by this side', kind: 'other', verdict: 'other' });
  }

  /** Bodies published on topics that end so, in order. */
  bodies(suffix: string): string[] {
    return this.publications.filter(({ topic }) => topic.endsWith(suffix)).map(({ body }) => body);
  }
}

/** Opens scripted sessions and keeps them. */
export function scriptedBroker(): { open: OpenSession; sessions: ScriptedSession[] } {
  const sessions: ScriptedSession[] = [];
  return {
    sessions,
    open: (request, events) => {
      const session = new ScriptedSession(request, events);
      sessions.push(session);
      return session;
    },
  };
}

/** Lets every promise that can settle without time or input settle. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}
