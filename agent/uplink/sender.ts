import type { Clock, Timer } from '../clock.ts';
import type { AckMessage } from '../contract/messages.ts';
import { reasonOf } from '../errors.ts';
import { fullJitter } from '../mqtt/backoff.ts';
import type { Failure } from '../mqtt/explain.ts';
import type { Log } from '../mqtt/link.ts';
import type { Session } from '../mqtt/session.ts';
import type { Outbox, SealedBatch, UplinkOptions } from './port.ts';
import { SendQueue } from './queue.ts';
import { Settlement } from './settlement.ts';

const FIRST_RESEND_MS = 60_000;
const LONGEST_RESEND_MS = 15 * 60_000;
/** Full jitter may come out near 0; a batch is not sent again while its first copy is still being committed. */
const SHORTEST_RESEND_MS = 10_000;
const READ_AGAIN_MS = 5_000;
const LONGEST_PAUSE_S = 3_600;

/** A message that was published or taken in. */
export interface ObservedMessage {
  direction: 'out' | 'in';
  what: 'batch' | 'state' | 'acknowledgement';
  /** Of the batch, or all that are acknowledged, rejected ones included. */
  sequences: number[];
  bytes: number;
}

export type ObserveMessage = (message: ObservedMessage) => void;

interface InFlight {
  /** Times it was published in this session. */
  sends: number;
  /** Monotonic milliseconds at which it is sent again. */
  due: number;
}

export interface SenderCounts {
  published: number;
  acknowledged: number;
  rejected: number;
  resent: number;
  /** Acknowledgements of a sequence not in flight. */
  strayAcks: number;
  lastPublishedAt: number | null;
  lastAcknowledgedAt: number | null;
}

/**
 * Publishes sealed batches while a session stands, in a bounded window, and deletes on acknowledgement. What is in
 * flight when a session ends is forgotten: the outbox still holds it, and the next session sends it again.
 */
export class Sender {
  readonly #topic: string;
  readonly #options: Pick<UplinkOptions, 'window' | 'ack'>;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;
  readonly #observe: ObserveMessage | undefined;
  readonly #onRefusal: (failure: Failure) => void;
  readonly #onSettled: () => void;
  readonly #settlement: Settlement;
  readonly #inFlight = new Map<number, InFlight>();
  readonly counts: SenderCounts = {
    published: 0,
    acknowledged: 0,
    rejected: 0,
    resent: 0,
    strayAcks: 0,
    lastPublishedAt: null,
    lastAcknowledgedAt: null,
  };
  #session: Session | null = null;
  #queue: SendQueue;
  #pumping: Promise<void> | null = null;
  /** Set when there may be something to send; the pump runs until it finds nothing. */
  #wanted = false;
  #pausedUntil = 0;
  #timer: { at: number; timer: Timer } | null = null;

  constructor(
    topic: string,
    options: Pick<UplinkOptions, 'window' | 'ack'>,
    deps: { outbox: Outbox; clock: Clock; random: () => number; log: Log; observe?: ObserveMessage },
    hooks: { refused(failure: Failure): void; settled(): void },
  ) {
    this.#topic = topic;
    this.#options = options;
    this.#outbox = deps.outbox;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
    this.#observe = deps.observe;
    this.#onRefusal = hooks.refused;
    this.#onSettled = hooks.settled;
    this.#queue = new SendQueue(deps.outbox);
    this.#settlement = new Settlement(
      deps.outbox,
      deps.log,
      (acknowledged, rejected) => this.#settled(acknowledged, rejected),
      (sequences) => this.#sendLater(sequences),
    );
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Starts sending over a session that is connected and subscribed. */
  attach(session: Session): void {
    this.#session = session;
    this.#queue = new SendQueue(this.#outbox);
    this.pump();
  }

  /** The session is over, or is about to be. */
  detach(): void {
    this.#session = null;
    this.#inFlight.clear();
    this.#timer?.timer.cancel();
    this.#timer = null;
  }

  /** Resolves when nothing of this sender touches the outbox any more. Only after `detach`. */
  async idle(): Promise<void> {
    await this.#pumping;
    await this.#settlement.idle();
  }

  notify(sequence: number): void {
    if (this.#session === null) return;
    this.#queue.add(sequence);
    this.pump();
  }

  /** Takes an acknowledgement that is of this epoch and well formed. */
  acknowledge(ack: AckMessage): void {
    if (this.#session === null) return;
    for (const sequence of ack.ok) {
      if (this.#take(sequence)) this.#settlement.accept(sequence);
    }
    for (const { seq, code, message } of ack.rejected) {
      if (!this.#take(seq)) continue;
      this.#settlement.reject({ sequence: seq, code, message });
      this.#log('warn', { sequence: seq, code, message }, 'The collector rejected a batch');
    }
    if (ack.retry_after_s !== undefined && ack.retry_after_s > 0) {
      this.#pausedUntil = this.#clock.monotonic() + Math.min(ack.retry_after_s, LONGEST_PAUSE_S) * 1000;
      this.#log('info', { retry_after_s: ack.retry_after_s }, 'The collector asked to wait');
      this.#arm();
    }
    this.#settlement.flush();
    this.pump();
  }

  /** Sends what there is room for. */
  pump(): void {
    this.#wanted = true;
    if (this.#pumping !== null || this.#session === null) return;
    this.#pumping = this.#run().finally(() => {
      this.#pumping = null;
      // Something may have come between the pump's last look and its end.
      if (this.#wanted) this.pump();
    });
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      try {
        await this.#resendDue();
        await this.#sendNew();
      } catch (error) {
        this.#log('error', { reason: reasonOf(error) }, 'The outbox could not be read');
        this.#wanted = false;
        this.#armAt(this.#clock.monotonic() + READ_AGAIN_MS);
        return;
      }
    }
    this.#arm();
  }

  async #sendNew(): Promise<void> {
    while (this.#mayPublish() && this.#inFlight.size < this.#options.window) {
      const session = this.#session;
      const queue = this.#queue;
      const batch = await queue.next();
      if (batch === null) return;
      if (session !== this.#session || this.#settlement.has(batch.sequence)) continue;
      this.#publish(batch);
    }
  }

  async #resendDue(): Promise<void> {
    const now = this.#clock.monotonic();
    const due = [...this.#inFlight].filter(([, flight]) => flight.due <= now).map(([sequence]) => sequence);
    for (const sequence of due) {
      if (!this.#mayPublish()) return;
      const session = this.#session;
      const batch = await this.#queue.readOne(sequence);
      // Acknowledged, or the session ended, while it was read.
      if (session !== this.#session) return;
      if (!this.#inFlight.has(sequence)) continue;
      if (batch === null) this.#inFlight.delete(sequence);
      else this.#publish(batch);
    }
  }

  #mayPublish(): boolean {
    const session = this.#session;
    if (session === null || session.room < 1 || this.#clock.monotonic() < this.#pausedUntil) return false;
    // Storage that stalls must not let the window run through the whole backlog.
    return this.#settlement.size < 4 * this.#options.window;
  }

  #publish(batch: SealedBatch): void {
    const session = this.#session;
    if (session === null) return;
    const flight = this.#inFlight.get(batch.sequence) ?? { sends: 0, due: 0 };
    const wait = fullJitter(flight.sends, FIRST_RESEND_MS, LONGEST_RESEND_MS, this.#random);
    flight.due = this.#clock.monotonic() + Math.max(SHORTEST_RESEND_MS, wait);
    if (flight.sends++ > 0) this.counts.resent++;
    else this.counts.published++;
    this.#inFlight.set(batch.sequence, flight);
    this.counts.lastPublishedAt = this.#clock.wall();
    this.#observe?.({
      direction: 'out',
      what: 'batch',
      sequences: [batch.sequence],
      bytes: batch.body.length,
    });
    session.publish(this.#topic, batch.body, false, (refusal) => {
      if (session !== this.#session) return;
      if (refusal !== null) this.#onRefusal({ ...refusal, reason: `a batch was not taken: ${refusal.reason}` });
      else if (this.#options.ack === 'puback' && this.#take(batch.sequence)) {
        this.#settlement.accept(batch.sequence);
        this.#settlement.flush();
      }
    });
  }

  /** Takes a sequence out of flight; false when it was not there. */
  #take(sequence: number): boolean {
    if (!this.#inFlight.delete(sequence)) {
      this.counts.strayAcks++;
      return false;
    }
    this.counts.lastAcknowledgedAt = this.#clock.wall();
    return true;
  }

  #settled(acknowledged: number, rejected: number): void {
    this.counts.acknowledged += acknowledged;
    this.counts.rejected += rejected;
    this.#onSettled();
    this.pump();
  }

  /** Storage failed to delete them: they are sent again, acknowledged again, and deleted then. */
  #sendLater(sequences: number[]): void {
    if (this.#session === null) return;
    const due = this.#clock.monotonic() + FIRST_RESEND_MS;
    for (const sequence of sequences) this.#inFlight.set(sequence, { sends: 1, due });
    this.#arm();
  }

  /** Wakes the pump at the next thing due: a batch to send again, or the end of a pause. */
  #arm(): void {
    if (this.#session === null) return;
    const now = this.#clock.monotonic();
    let at = this.#pausedUntil > now ? this.#pausedUntil : Number.POSITIVE_INFINITY;
    for (const { due } of this.#inFlight.values()) at = Math.min(at, Math.max(due, this.#pausedUntil));
    if (at === Number.POSITIVE_INFINITY) return;
    // What is due but has no room waits for the PUBACK or the commit that makes some, which wakes the pump.
    if (at > now || this.#mayPublish()) this.#armAt(Math.max(at, now));
  }

  #armAt(at: number): void {
    if (this.#session === null || (this.#timer !== null && this.#timer.at <= at)) return;
    this.#timer?.timer.cancel();
    const wait = Math.max(1, at - this.#clock.monotonic());
    this.#timer = {
      at,
      timer: this.#clock.after(wait, () => {
        this.#timer = null;
        this.pump();
      }),
    };
  }
}
