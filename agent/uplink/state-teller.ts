import type { Clock, Timer } from '../clock.ts';
import { encodeMessage, type StateMessage } from '../contract/messages.ts';
import { reasonOf } from '../errors.ts';
import type { Failure } from '../mqtt/explain.ts';
import type { Log } from '../mqtt/link.ts';
import type { Session } from '../mqtt/session.ts';
import type { ObserveMessage } from './observed.ts';
import type { StateFacts } from './port.ts';

const EVERY_MS = 15 * 60_000;
/** Changes closer together than this are told in one message. */
const NOT_BEFORE_MS = 5_000;
const FAREWELL_MS = 2_000;

export interface StateTellerDeps {
  facts: () => Promise<StateFacts>;
  clock: Clock;
  random: () => number;
  log: Log;
  observe?: ObserveMessage;
  /** The broker did not take the state message. */
  refused: (failure: Failure) => void;
}

/** Tells the gateway's state: as a will, at birth, every 15 minutes, when it changed, and at the end. */
export class StateTeller {
  readonly #topic: string;
  readonly #epoch: string;
  readonly #deps: StateTellerDeps;
  #session: Session | null = null;
  /** Of the connection that stands or is being made. */
  #birth = '';
  #repeat: Timer | null = null;
  #soon: Timer | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(topic: string, epoch: string, deps: StateTellerDeps) {
    this.#topic = topic;
    this.#epoch = epoch;
    this.#deps = deps;
  }

  /** The will of a connection about to be made, which gets a new birth. */
  async will(): Promise<{ topic: string; payload: Uint8Array }> {
    this.#birth = hex32(this.#deps.random()) + hex32(this.#deps.random());
    return { topic: this.#topic, payload: encodeMessage(await this.#message(false)) };
  }

  /** Resolves when the birth is handed to the session. */
  async begin(session: Session): Promise<void> {
    this.#session = session;
    this.#repeat = this.#deps.clock.every(EVERY_MS, () => this.#publish(session));
    await this.#publish(session);
  }

  /** Tells the state again soon; the next birth does where there is no session. */
  changed(): void {
    const session = this.#session;
    if (session === null || this.#soon !== null) return;
    const { clock } = this.#deps;
    this.#soon = clock.after(Math.max(0, this.#toldAt + NOT_BEFORE_MS - clock.monotonic()), () => {
      this.#soon = null;
      return this.#publish(session);
    });
  }

  /** The session is over, or about to be: nothing more is told of it but a farewell. */
  end(): void {
    this.#session = null;
    this.#repeat?.cancel();
    this.#soon?.cancel();
    this.#soon = null;
  }

  /** A clean end is told by this side: the broker keeps the will to itself after a goodbye. Only after `end`. */
  async farewell(session: Session): Promise<void> {
    try {
      const body = encodeMessage(await this.#message(false));
      await new Promise<void>((resolve) => {
        const late = this.#deps.clock.after(FAREWELL_MS, resolve);
        session.publish(this.#topic, body, true, () => {
          late.cancel();
          resolve();
        });
        this.#observed(body);
      });
    } catch (error) {
      this.#deps.log('warn', { reason: reasonOf(error) }, 'The offline state could not be published');
    }
  }

  async #publish(session: Session): Promise<void> {
    this.#toldAt = this.#deps.clock.monotonic();
    try {
      const body = encodeMessage(await this.#message(true));
      if (this.#session !== session) return;
      session.publish(this.#topic, body, true, (refusal) => {
        if (refusal !== null) {
          this.#deps.refused({ ...refusal, reason: `the state was not taken: ${refusal.reason}` });
        }
      });
      this.#observed(body);
    } catch (error) {
      this.#deps.log('error', { reason: reasonOf(error) }, 'The state message could not be made');
    }
  }

  #observed(body: Uint8Array): void {
    this.#deps.observe?.({ direction: 'out', what: 'state', sequences: [], bytes: body.length });
  }

  async #message(online: boolean): Promise<StateMessage> {
    const birth = this.#birth;
    const facts = await this.#deps.facts();
    return {
      birth,
      online,
      epoch: this.#epoch,
      first_sequence: facts.firstSequence,
      sealed_through: facts.sealedThrough,
      oldest_held: facts.oldestHeld,
      previous: facts.previous,
      config: facts.config,
      parameters: facts.parameters,
      version: facts.version,
      sensors: facts.sensors,
      at_ms: Math.round(this.#deps.clock.wall()),
    };
  }
}

function hex32(random: number): string {
  return Math.floor(random * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}
