/** The uplink: sealed batches to the collector while connected, and the state message of the gateway. */
import { createHash } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import { type AckMessage, ackMessage, encodeMessage, type StateMessage } from '../contract/messages.ts';
import { readMessage } from '../contract/read.ts';
import { type GatewayTopics, topicsOf } from '../contract/topics.ts';
import { AgentError, reasonOf } from '../errors.ts';
import { Link, type Log } from '../mqtt/link.ts';
import { type OpenSession, openSession, type Session } from '../mqtt/session.ts';
import type { Outbox, StateFacts, UplinkOptions, UplinkState } from './port.ts';
import { type ObserveMessage, Sender } from './sender.ts';

const STATE_EVERY_MS = 15 * 60_000;
const FAREWELL_MS = 2_000;

export interface UplinkDeps {
  outbox: Outbox;
  facts: () => Promise<StateFacts>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
  /** Told of each message that is published or taken in; acknowledgements of other epochs left out. */
  observe?: ObserveMessage;
  /** How a session is opened; MQTT.js unless told. */
  open?: OpenSession;
}

export interface Uplink {
  start(): void;
  /** A batch was sealed. */
  notify(sequence: number): void;
  state(): UplinkState;
  /** Tries at once where the next attempt to connect is not due yet. */
  hurry(): void;
  /** Publishes the offline state, says goodbye, and resolves when the outbox is no longer touched. */
  stop(): Promise<void>;
}

/** @throws AgentError `broker_url`, `topic_level` or `uplink_window`. */
export function createUplink(options: UplinkOptions, deps: UplinkDeps): Uplink {
  return new MqttUplink(options, deps);
}

class MqttUplink implements Uplink {
  readonly #options: UplinkOptions;
  readonly #facts: () => Promise<StateFacts>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;
  readonly #observe: ObserveMessage | undefined;
  readonly #topics: GatewayTopics;
  readonly #sender: Sender;
  readonly #link: Link;
  #session: Session | null = null;
  /** Of the connection that stands or is being made. */
  #birth = '';
  #repeat: Timer | null = null;

  constructor(options: UplinkOptions, deps: UplinkDeps) {
    if (!Number.isInteger(options.window) || options.window < 1) {
      throw new AgentError(
        'uplink_window',
        `expected the uplink's window to be a whole number of at least 1, found ${options.window}`,
        'Leave it out for the default, or set it to 16.',
      );
    }
    this.#options = options;
    this.#facts = deps.facts;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
    this.#observe = deps.observe;
    this.#topics = topicsOf(options.tenant, options.gateway);
    this.#link = new Link(
      { ...options, clientId: clientIdOf(options), subscriptions: [this.#topics.ack] },
      {
        will: () => this.#will(),
        ready: (session) => this.#ready(session),
        message: (topic, payload, retained) => this.#message(topic, payload, retained),
        progress: () => this.#sender.pump(),
        closed: () => this.#closed(),
      },
      { clock: deps.clock, random: deps.random, log: deps.log, open: deps.open ?? openSession },
    );
    this.#sender = new Sender(this.#topics.batch, options, deps, {
      refused: (failure) => this.#link.complain(failure),
      settled: () => this.#link.good(),
    });
  }

  start(): void {
    this.#link.start();
  }

  notify(sequence: number): void {
    this.#sender.notify(sequence);
  }

  state(): UplinkState {
    const { lastAcknowledgedAt, lastPublishedAt, published, acknowledged, rejected, resent } = this.#sender.counts;
    return {
      ...this.#link.state,
      lastAcknowledgedAt,
      lastPublishedAt,
      inFlight: this.#sender.inFlight,
      published,
      acknowledged,
      rejected,
      resent,
    };
  }

  hurry(): void {
    this.#link.hurry();
  }

  async stop(): Promise<void> {
    this.#sender.detach();
    this.#repeat?.cancel();
    const session = this.#session;
    if (session !== null) await this.#farewell(session);
    await this.#link.stop();
    await this.#sender.idle();
  }

  async #will(): Promise<{ topic: string; payload: Uint8Array }> {
    this.#birth = hex32(this.#random()) + hex32(this.#random());
    return { topic: this.#topics.state, payload: encodeMessage(await this.#stateMessage(false)) };
  }

  #ready(session: Session): void {
    this.#session = session;
    this.#repeat = this.#clock.every(STATE_EVERY_MS, () => this.#publishState(session));
    // The birth goes first, so that the collector knows the epoch of what follows.
    void this.#publishState(session).then(() => {
      if (this.#session === session) this.#sender.attach(session);
    });
  }

  #closed(): void {
    this.#session = null;
    this.#repeat?.cancel();
    this.#sender.detach();
  }

  #message(topic: string, payload: Uint8Array, retained: boolean): void {
    if (topic !== this.#topics.ack) return;
    const reading = readMessage(ackMessage, payload);
    // A retained acknowledgement is an old one, or nobody's.
    if (retained) this.#log('debug', {}, 'Ignored a retained acknowledgement');
    else if (!reading.ok) this.#log('warn', { where: reading.where }, 'Ignored a malformed acknowledgement');
    else if (reading.value.epoch !== this.#options.epoch)
      this.#log('debug', {}, 'Ignored another epoch in an acknowledgement');
    else this.#acknowledge(reading.value, payload.length);
  }

  #acknowledge(ack: AckMessage, bytes: number): void {
    this.#observe?.({
      direction: 'in',
      what: 'acknowledgement',
      sequences: [...ack.ok, ...ack.rejected.map((rejected) => rejected.seq)],
      bytes,
    });
    this.#sender.acknowledge(ack);
  }

  async #publishState(session: Session): Promise<void> {
    try {
      const body = encodeMessage(await this.#stateMessage(true));
      if (this.#session !== session) return;
      session.publish(this.#topics.state, body, true, (refusal) => {
        if (refusal === null) return;
        this.#link.complain({ ...refusal, reason: `the state was not taken: ${refusal.reason}` });
      });
      this.#observe?.({ direction: 'out', what: 'state', sequences: [], bytes: body.length });
    } catch (error) {
      this.#log('error', { reason: reasonOf(error) }, 'The state message could not be made');
    }
  }

  /** A clean end is told by this side: the broker keeps the will to itself after a goodbye. */
  async #farewell(session: Session): Promise<void> {
    // Kept from the periodic repetition, which would say that it is online.
    this.#session = null;
    try {
      const body = encodeMessage(await this.#stateMessage(false));
      await new Promise<void>((resolve) => {
        const late = this.#clock.after(FAREWELL_MS, resolve);
        session.publish(this.#topics.state, body, true, () => {
          late.cancel();
          resolve();
        });
        this.#observe?.({ direction: 'out', what: 'state', sequences: [], bytes: body.length });
      });
    } catch (error) {
      this.#log('warn', { reason: reasonOf(error) }, 'The offline state could not be published');
    }
  }

  async #stateMessage(online: boolean): Promise<StateMessage> {
    const birth = this.#birth;
    const facts = await this.#facts();
    const { previous } = facts;
    return {
      birth,
      online,
      epoch: this.#options.epoch,
      sealed_through: facts.sealedThrough,
      oldest_held: facts.oldestHeld,
      previous: previous && { epoch: previous.epoch, last_sequence: previous.lastSequence },
      parameters: facts.parameters,
      version: facts.version,
      sensors: facts.sensors,
      at_ms: Math.round(this.#clock.wall()),
    };
  }
}

/**
 * The same for each connection of one database, so that a broker ends a half-dead session, with its will, before the
 * next birth; and at most the 23 letters and digits that every broker takes (MQTT 3.1.1, 3.1.3.1).
 */
function clientIdOf({ tenant, gateway, epoch }: UplinkOptions): string {
  return `ff${createHash('sha256').update(`${tenant}/${gateway}/${epoch}`).digest('hex').slice(0, 20)}`;
}

function hex32(random: number): string {
  return Math.floor(random * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}
