import type { Clock, Timer } from '../clock.ts';
import type { AckMessage } from '../contract/messages.ts';
import { reasonOf } from '../errors.ts';
import { fullJitter } from '../mqtt/backoff.ts';
import type { Failure } from '../mqtt/explain.ts';
import type { Log } from '../mqtt/link.ts';
import type { Session } from '../mqtt/session.ts';
import type { Ignored } from './ignored.ts';
import type { ObserveMessage } from './observed.ts';
import type { Outbox, SealedBatch, UplinkOptions } from './port.ts';
import { SendQueue } from './queue.ts';
import { Settlement } from './settlement.ts';
import { type Silence, SilenceWatch } from './silence.ts';

const FIRST_RESEND_MS = 60_000;
const LONGEST_RESEND_MS = 15 * 60_000;
/** Full jitter may come out near 0; a batch is not sent again while its first copy is still being committed. */
const SHORTEST_RESEND_MS = 10_000;
const READ_AGAIN_MS = 5_000;
const LONGEST_PAUSE_S = 3_600;

interface InFlight {
  epoch: string;
  /** Times it was published in this session. */
  sends: number;
  /** Monotonic milliseconds at which it is sent again. */
  due: number;
}

export interface SenderOptions extends Pick<UplinkOptions, 'window' | 'ack' | 'epoch'> {
  /** Of batches. */
  topic: string;
  /** Milliseconds for which a batch waits that is sealed while a session stands. */
  staggerMs: number;
}

export interface SenderDeps {
  outbox: Outbox;
  clock: Clock;
  random: () => number;
  log: Log;
  ignored: Ignored;
  observe?: ObserveMessage;
}

export interface SenderHooks {
  /** The broker refused a batch. */
  refused(failure: Failure): void;
  /** A commit is through. */
  settled(): void;
  /** The collector holds another batch under a sequence of the epoch that seals now. */
  conflict(): void;
  /** Nothing moves for so many milliseconds. */
  silent(silence: Silence, lastingMs: number): void;
}

export interface SenderCounts {
  published: number;
  acknowledged: number;
  rejected: number;
  resent: number;
  lastPublishedAt: number | null;
  lastAcknowledgedAt: number | null;
}

/**
 * Publishes sealed batches while a session stands, in a bounded window, and deletes on acknowledgement. What is in
 * flight when a session ends is forgotten: the outbox still holds it, and the next session sends it again.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;
  readonly #ignored: Ignored;
  readonly #observe: ObserveMessage | undefined;
  readonly #hooks: SenderHooks;
  readonly #settlement: Settlement;
  readonly #inFlight = new Map<number, InFlight>();
  readonly counts: SenderCounts = {
    published: 0,
    acknowledged: 0,
    rejected: 0,
    resent: 0,
    lastPublishedAt: null,
    lastAcknowledgedAt: null,
  };
  #session: Session | null = null;
  #queue: SendQueue;
  #pumping: Promise<void> | null = null;
  /** What was acknowledged in the session before is committed: it must not be read, and sent again. */
  #settled: Promise<void> = Promise.resolve();
  /** Set when there may be something to send; the pump runs until it finds nothing. */
  #wanted = false;
  /** Publications that the broker has not taken yet, in this session. */
  #untaken = 0;
  readonly #watch = new SilenceWatch();
  #listening: { at: number; timer: Timer } | null = null;
  /** Kept from session to session: it is the collector that is to be spared, not the connection. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  /** Code of the last rejection that was logged as a warning. */
  #toldRejection: string | null = null;
  #timer: { at: number; timer: Timer } | null = null;

  constructor(options: SenderOptions, deps: SenderDeps, hooks: SenderHooks) {
    this.#options = options;
    this.#outbox = deps.outbox;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
    this.#ignored = deps.ignored;
    this.#observe = deps.observe;
    this.#hooks = hooks;
    this.#queue = new SendQueue(deps.outbox);
    this.#settlement = new Settlement(
      deps.outbox,
      deps.clock,
      deps.log,
      (acknowledged, rejected) => this.#committed(acknowledged, rejected),
      (batches) => this.#sendLater(batches),
    );
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Wall-clock milliseconds; null where nobody asked to wait. */
  get pausedUntil(): number | null {
    const left = this.#pausedUntil - this.#clock.monotonic();
    return left > 0 ? Math.round(this.#clock.wall() + left) : null;
  }

  /** Starts sending over a session that is connected and subscribed. */
  attach(session: Session): void {
    this.#session = session;
    this.#queue = new SendQueue(this.#outbox);
    this.#settled = this.#settlement.idle();
    this.pump();
  }

  /** The session is over, or is about to be. */
  detach(): void {
    this.#session = null;
    this.#inFlight.clear();
    this.#untaken = 0;
    this.#watch.reset();
    this.#listening?.timer.cancel();
    this.#listening = null;
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
    this.#queue.add(sequence, this.#clock.monotonic() + this.#options.staggerMs);
    this.pump();
  }

  /** Takes a well-formed acknowledgement, as far as it is of batches that are on their way. */
  acknowledge(ack: AckMessage): void {
    if (this.#session === null) return;
    const known = this.#knows(ack.epoch);
    for (const sequence of ack.ok) {
      if (this.#take(sequence, ack.epoch)) this.#settlement.accept({ sequence, epoch: ack.epoch });
    }
    for (const { seq, code, message } of ack.rejected) {
      if (!this.#take(seq, ack.epoch)) continue;
      this.#settlement.reject({ sequence: seq, epoch: ack.epoch, code, message });
      if (code === 'conflict' && ack.epoch === this.#options.epoch) this.#hooks.conflict();
      // A collector that rejects a backlog for one reason is one line of the journal.
      const level = code === this.#toldRejection ? 'debug' : 'warn';
      this.#toldRejection = code;
      this.#log(level, { sequence: seq, code, message }, 'The collector rejected a batch');
    }
    if (known && ack.retry_after_s !== undefined && ack.retry_after_s > 0) this.#pause(ack.retry_after_s);
    this.#settle();
    this.pump();
  }

  /** Whether an acknowledgement of this epoch can be meant for this box now. */
  #knows(epoch: string): boolean {
    return epoch === this.#options.epoch || [...this.#inFlight.values()].some((flight) => flight.epoch === epoch);
  }

  #pause(seconds: number): void {
    const wait = Math.min(seconds, LONGEST_PAUSE_S);
    const fresh = this.pausedUntil === null;
    this.#pausedUntil = this.#clock.monotonic() + wait * 1000;
    this.#watch.acknowledged(this.#pausedUntil, this.#inFlight.size);
    this.#log(fresh ? 'info' : 'debug', { retry_after_s: wait }, 'The collector asked to wait');
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
    let looked: number | null = null;
    while (this.#wanted) {
      this.#wanted = false;
      try {
        await this.#settled;
        await this.#resendDue();
        looked = await this.#sendNew();
      } catch (error) {
        this.#log('error', { reason: reasonOf(error) }, 'The outbox could not be read');
        this.#wanted = false;
        this.#armAt(this.#clock.monotonic() + READ_AGAIN_MS);
        return;
      }
    }
    this.#arm(looked);
  }

  /** @returns monotonic milliseconds at which the queue had nothing more; null where there is no room for more. */
  async #sendNew(): Promise<number | null> {
    while (this.#mayPublish() && this.#inFlight.size < this.#options.window) {
      const session = this.#session;
      const queue = this.#queue;
      const now = this.#clock.monotonic();
      const batch = await queue.next(now);
      if (batch === null) return now;
      const { sequence } = batch;
      if (session !== this.#session || this.#settlement.has(sequence) || this.#inFlight.has(sequence)) continue;
      this.#publish(batch);
    }
    return null;
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
      if (batch === null) this.#forget(sequence);
      else this.#publish(batch);
    }
  }

  /** The outbox holds it no longer: nobody waits for its acknowledgement. */
  #forget(sequence: number): void {
    this.#inFlight.delete(sequence);
    if (this.#inFlight.size === 0) this.#watch.acknowledged(this.#clock.monotonic(), 0);
  }

  #mayPublish(): boolean {
    const session = this.#session;
    if (session === null || session.room < 1 || this.#clock.monotonic() < this.#pausedUntil) return false;
    // A broker that takes nothing must not be handed copy after copy.
    if (this.#untaken >= 2 * this.#options.window) return false;
    // Storage that stalls must not let the window run through the whole backlog.
    return this.#settlement.size < 4 * this.#options.window;
  }

  #publish(batch: SealedBatch): void {
    const session = this.#session;
    if (session === null) return;
    const now = this.#clock.monotonic();
    const sends = this.#inFlight.get(batch.sequence)?.sends ?? 0;
    const wait = fullJitter(sends, FIRST_RESEND_MS, LONGEST_RESEND_MS, this.#random);
    const due = now + Math.max(SHORTEST_RESEND_MS, wait);
    this.#inFlight.set(batch.sequence, { epoch: batch.epoch, sends: sends + 1, due });
    if (sends > 0) this.counts.resent++;
    else this.counts.published++;
    this.counts.lastPublishedAt = this.#clock.wall();
    this.#untaken++;
    this.#watch.sent(now);
    this.#armListening();
    this.#observe?.({
      direction: 'out',
      what: 'batch',
      sequences: [batch.sequence],
      bytes: batch.body.length,
    });
    session.publish(this.#options.topic, batch.body, false, (refusal) => {
      if (session === this.#session) this.#taken(batch, refusal);
    });
  }

  /** The broker took a publication, or refused it. */
  #taken(batch: SealedBatch, refusal: Failure | null): void {
    this.#untaken--;
    this.#watch.taken(this.#clock.monotonic(), this.#untaken);
    if (refusal !== null) this.#hooks.refused({ ...refusal, reason: `a batch was not taken: ${refusal.reason}` });
    // Of a batch that was sent twice the first PUBACK counts.
    else if (this.#options.ack === 'puback' && this.#inFlight.has(batch.sequence)) {
      this.#take(batch.sequence, batch.epoch);
      this.#settlement.accept(batch);
      this.#settle();
    }
  }

  /** Commits what was acknowledged, with what else is on its way, unless that would keep the window waiting. */
  #settle(): void {
    this.#settlement.flush(this.#inFlight.size > 0 && this.#settlement.size < 2 * this.#options.window);
  }

  /** Takes a sequence out of flight; false when none of this epoch was there. */
  #take(sequence: number, epoch: string): boolean {
    const flight = this.#inFlight.get(sequence);
    if (flight?.epoch !== epoch) {
      this.#ignored.add(flight === undefined ? 'not_sent' : 'other_epoch');
      return false;
    }
    this.#inFlight.delete(sequence);
    this.#watch.acknowledged(this.#clock.monotonic(), this.#inFlight.size);
    this.counts.lastAcknowledgedAt = this.#clock.wall();
    return true;
  }

  /** Tells what does not move. */
  #listen(): void {
    const now = this.#clock.monotonic();
    for (let silence = this.#watch.next(now); silence !== null; silence = this.#watch.next(now)) {
      this.#hooks.silent(silence.what, silence.lastingMs);
    }
    this.#armListening();
  }

  #armListening(): void {
    const { due } = this.#watch;
    const armedAt = this.#listening?.at ?? Number.POSITIVE_INFINITY;
    if (this.#session === null || due >= armedAt) return;
    this.#listening?.timer.cancel();
    const wait = Math.max(1, due - this.#clock.monotonic());
    const timer = this.#clock.after(wait, () => {
      this.#listening = null;
      this.#listen();
    });
    this.#listening = { at: due, timer };
  }

  #committed(acknowledged: number, rejected: number): void {
    this.counts.acknowledged += acknowledged;
    this.counts.rejected += rejected;
    this.#hooks.settled();
    this.pump();
  }

  /** Storage failed to delete them: they are sent again, acknowledged again, and deleted then. */
  #sendLater(batches: Pick<SealedBatch, 'sequence' | 'epoch'>[]): void {
    if (this.#session === null) return;
    const due = this.#clock.monotonic() + FIRST_RESEND_MS;
    for (const { sequence, epoch } of batches) this.#inFlight.set(sequence, { epoch, sends: 1, due });
    this.#arm();
  }

  /**
   * Wakes the pump at the next thing due: a batch to send, or to send again; the end of a pause.
   * @param looked when the queue had nothing more: what became due since is to be sent too.
   */
  #arm(looked: number | null = null): void {
    if (this.#session === null) return;
    const now = this.#clock.monotonic();
    let at = this.#pausedUntil > now ? this.#pausedUntil : this.#queue.dueAfter(looked ?? now);
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
