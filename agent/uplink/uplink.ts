/** The uplink: sealed batches to the collector while connected, and the state message of the gateway. */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { ackMessage } from '../contract/messages.ts';
import { HARD_LIMIT_BYTES, readMessage } from '../contract/read.ts';
import { type GatewayTopics, topicsOf } from '../contract/topics.ts';
import { AgentError, reasonOf } from '../errors.ts';
import { Link, type Log } from '../mqtt/link.ts';
import { type OpenSession, openSession, type Session } from '../mqtt/session.ts';
import { Ignored } from './ignored.ts';
import type { ObserveMessage } from './observed.ts';
import type { Outbox, StateFacts, UplinkOptions, UplinkState } from './port.ts';
import { Sender } from './sender.ts';
import type { Silence } from './silence.ts';
import { staggerOf } from './stagger.ts';
import { StateTeller } from './state-teller.ts';

export interface UplinkDeps {
  outbox: Outbox;
  facts: () => Promise<StateFacts>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
  /** Told of each message that is published or taken in, and of acknowledgements that are well formed. */
  observe?: ObserveMessage;
  /**
   * Gets each message on `down/config`, retained or not, of 1 byte to 64 KiB, unread: it may be anything. Without it
   * nothing is subscribed to there.
   */
  configure?: (payload: Uint8Array) => void;
  /** The collector holds another batch under a sequence of this epoch: it must not be used any further. */
  conflict?: () => void;
  /** How a session is opened; MQTT.js unless told. */
  open?: OpenSession;
}

export interface Uplink {
  start(): void;
  /** A batch was sealed. */
  notify(sequence: number): void;
  /** What the state message tells has changed: it is published again, at most once in 5 s. */
  stateChanged(): void;
  state(): UplinkState;
  /** Tries at once where the next attempt to connect is not due yet. */
  hurry(): void;
  /** Publishes the offline state, says goodbye without waiting for anything that is to be sent later, and resolves when the outbox is no longer touched. */
  stop(): Promise<void>;
}

/** @throws AgentError `broker_url`, `topic_level`, `uplink_window`, or `key_file` for a certificate without a key. */
export function createUplink(options: UplinkOptions, deps: UplinkDeps): Uplink {
  return new MqttUplink(options, deps);
}

class MqttUplink implements Uplink {
  readonly #log: Log;
  readonly #observe: ObserveMessage | undefined;
  readonly #configure: ((payload: Uint8Array) => void) | undefined;
  readonly #topics: GatewayTopics;
  readonly #ignored: Ignored;
  readonly #teller: StateTeller;
  readonly #sender: Sender;
  readonly #link: Link;
  #session: Session | null = null;
  /** The broker says that nobody subscribes to batches. */
  #unheard = false;

  constructor(options: UplinkOptions, deps: UplinkDeps) {
    if (!Number.isInteger(options.window) || options.window < 1) {
      throw new AgentError(
        'uplink_window',
        `expected the uplink's window to be a whole number of at least 1, found ${options.window}`,
        'Leave it out for the default, or set it to 16.',
      );
    }
    const { tenant, gateway, epoch, window, ack, staggerSeconds } = options;
    this.#log = deps.log;
    this.#observe = deps.observe;
    this.#configure = deps.configure;
    this.#topics = topicsOf(tenant, gateway);
    this.#ignored = new Ignored(deps.clock, deps.log);
    this.#link = new Link(
      {
        ...options,
        clientId: clientIdOf(options),
        subscriptions: [this.#topics.ack],
        optional: deps.configure === undefined ? [] : [this.#topics.config],
      },
      {
        will: () => this.#teller.will(),
        ready: (session) => this.#ready(session),
        message: (topic, payload, retained) => this.#message(topic, payload, retained),
        progress: () => this.#sender.pump(),
        unheard: () => {
          this.#unheard = true;
        },
        closed: () => this.#closed(),
      },
      { clock: deps.clock, random: deps.random, log: deps.log, open: deps.open ?? openSession },
    );
    this.#teller = new StateTeller(this.#topics.state, epoch, {
      ...deps,
      refused: (failure) => this.#link.complain(failure),
    });
    this.#sender = new Sender(
      { topic: this.#topics.batch, window, ack, epoch, staggerMs: staggerOf(tenant, gateway, staggerSeconds) },
      { ...deps, ignored: this.#ignored },
      {
        refused: (failure) => this.#link.complain(failure),
        settled: () => {
          this.#unheard = false;
          this.#link.good();
        },
        conflict: () => deps.conflict?.(),
        silent: (silence, lastingMs) => this.#silent(silence, lastingMs),
      },
    );
  }

  start(): void {
    this.#link.start();
  }

  notify(sequence: number): void {
    this.#sender.notify(sequence);
  }

  stateChanged(): void {
    this.#teller.changed();
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
      pausedUntil: this.#sender.pausedUntil,
      ignoredAcks: { ...this.#ignored.counts },
    };
  }

  hurry(): void {
    this.#link.hurry();
  }

  async stop(): Promise<void> {
    const session = this.#session;
    this.#closed();
    if (session !== null) await this.#teller.farewell(session);
    await this.#link.stop();
    await this.#sender.idle();
  }

  #ready(session: Session): void {
    this.#session = session;
    this.#unheard = false;
    // The birth goes first, so that the collector knows the epoch of what follows.
    void this.#teller.begin(session).then(() => {
      if (this.#session === session) this.#sender.attach(session);
    });
  }

  #closed(): void {
    this.#session = null;
    this.#teller.end();
    this.#sender.detach();
  }

  #message(topic: string, payload: Uint8Array, retained: boolean): void {
    if (topic === this.#topics.ack) this.#acknowledge(payload, retained);
    if (topic === this.#topics.config) this.#config(payload);
  }

  #acknowledge(payload: Uint8Array, retained: boolean): void {
    const reading = retained || !fits(payload) ? null : readMessage(ackMessage, payload);
    if (reading?.ok) {
      const { ok, rejected } = reading.value;
      const sequences = [...ok, ...rejected.map(({ seq }) => seq)];
      this.#observe?.({ direction: 'in', what: 'acknowledgement', sequences, bytes: payload.length });
      this.#sender.acknowledge(reading.value);
    } else if (reading !== null) this.#ignored.add('malformed', reading.where);
    else if (retained) this.#ignored.add('retained');
    else this.#ignored.add(payload.length === 0 ? 'empty' : 'oversized');
  }

  #config(payload: Uint8Array): void {
    // The end of a retained message is told by an empty one, which asks for nothing.
    if (payload.length === 0) return;
    if (!fits(payload)) {
      const reason = `the settings on ${this.#topics.config} have ${payload.length} bytes, more than ${HARD_LIMIT_BYTES}: ignored`;
      this.#link.complain({ reason, kind: 'partial' });
      return;
    }
    try {
      this.#configure?.(payload);
    } catch (error) {
      this.#log('error', { reason: reasonOf(error) }, 'The settings of the centre could not be taken');
    }
  }

  /** Names what a connection that stands lacks. */
  #silent(silence: Silence, lastingMs: number): void {
    const seconds = Math.round(lastingMs / 1000);
    if (silence === 'unacknowledged') {
      const why = this.#unheard ? `: the broker says that nobody subscribes to ${this.#topics.batch}` : '';
      const reason = `no collector has acknowledged a batch for ${seconds} s${why}`;
      this.#link.complain({ reason, kind: 'unacknowledged' });
      return;
    }
    const reason = `the broker has taken nothing of what is published for ${seconds} s`;
    if (silence === 'dead') this.#link.giveUp({ reason, kind: 'broker' });
    else this.#link.complain({ reason, kind: 'broker' });
  }
}

/** Whether a message is worth reading. */
function fits(payload: Uint8Array): boolean {
  return payload.length > 0 && payload.length <= HARD_LIMIT_BYTES;
}

/**
 * The same for each connection of one database, so that a broker ends a half-dead session, with its will, before the
 * next birth; and at most the 23 letters and digits that every broker takes (MQTT 3.1.1, 3.1.3.1).
 */
function clientIdOf({ tenant, gateway, epoch }: UplinkOptions): string {
  return `ff${createHash('sha256').update(`${tenant}/${gateway}/${epoch}`).digest('hex').slice(0, 20)}`;
}
