/**
 * The reference collector: stores every batch and record once and acknowledges after its commit. A message may be lost
 * between the broker's acknowledgement and the commit; then none of ours is sent, and the gateway sends it again.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { encodeMessage } from '../contract/messages.ts';
import { COLLECTOR_SUBSCRIPTIONS, parseTopic, topicsOf } from '../contract/topics.ts';
import { reasonOf } from '../errors.ts';
import { Link, type LinkState, type Log } from '../mqtt/link.ts';
import { openSession, type Session } from '../mqtt/session.ts';
import { checkBatch, checkProbe, checkState, type Sender } from './intake.ts';
import { CollectorStore } from './store.ts';

export interface CollectorOptions {
  /** mqtt:// or mqtts:// with host and optional port. */
  url: string;
  username?: string;
  password?: string;
  caFile?: string;
  /** SQLite file, made where there is none. */
  database: string;
  clientId?: string;
  clock: Clock;
  log: Log;
  /** Told after each commit. */
  observe?: (event: CollectorEvent) => void;
  /** Runs a task once what has arrived is in the queue; the clock's next turn unless told. */
  defer?: (task: () => void) => void;
}

export interface CollectorEvent {
  /** Of this commit. */
  stored: number;
  duplicates: number;
  conflicts: number;
  refused: number;
  states: number;
  probes: number;
}

export interface CollectorStats extends LinkState {
  /** Batch messages that arrived; each becomes one of the next five, or is dropped. */
  received: number;
  stored: number;
  duplicates: number;
  conflicts: number;
  /** Messages that no gateway should have sent. */
  rejected: number;
  /** Questions of a doctor: acknowledged, and nowhere in the database. */
  probes: number;
  /** Not taken because the queue was full or the database failed: the gateway sends them again. */
  dropped: number;
  /** Sequences acknowledged, those of probes too. */
  acknowledged: number;
  states: number;
  lastCommitAt: number | null;
}

export interface Collector {
  stats(): CollectorStats;
  /** Commits what has arrived, acknowledges it, says goodbye and closes the database. */
  stop(): Promise<void>;
}

interface Arrived extends Sender {
  leaf: 'batch' | 'state';
  body: Uint8Array;
}

interface Reply {
  ok: number[];
  rejected: { seq: number; code: string; message: string }[];
}

/** Messages in the queue beyond which new ones are dropped; 64 KiB each at most. */
const QUEUE_LIMIT = 2_000;
/** Entries in one acknowledgement, which must stay within 64 KiB though every character of a reason were escaped. */
const OK_PER_ACK = 1_000;
const REJECTED_PER_ACK = 16;

/** @throws AgentError `broker_url`, `collector_database` */
export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const collector = new ReferenceCollector(options);
  collector.start();
  return collector;
}

class ReferenceCollector implements Collector {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #observe: (event: CollectorEvent) => void;
  readonly #defer: (task: () => void) => void;
  readonly #link: Link;
  readonly #store: CollectorStore;
  readonly #counts: Omit<CollectorStats, keyof LinkState> = {
    received: 0,
    stored: 0,
    duplicates: 0,
    conflicts: 0,
    rejected: 0,
    probes: 0,
    dropped: 0,
    acknowledged: 0,
    states: 0,
    lastCommitAt: null,
  };
  #session: Session | null = null;
  #queue: Arrived[] = [];
  #draining = false;
  #stopped = false;

  constructor(options: CollectorOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#observe = options.observe ?? (() => {});
    this.#defer = options.defer ?? ((task) => void options.clock.after(0, task));
    this.#link = new Link(
      {
        ...options,
        clientId: options.clientId ?? `ffcollector${randomBytes(6).toString('hex')}`,
        subscriptions: COLLECTOR_SUBSCRIPTIONS,
      },
      {
        will: async () => null,
        ready: (session) => {
          this.#session = session;
        },
        message: (topic, payload) => this.#message(topic, payload),
        progress: () => {},
        closed: () => {
          this.#session = null;
        },
      },
      { clock: options.clock, random: Math.random, log: options.log, open: openSession },
    );
    this.#store = new CollectorStore(options.database);
  }

  start(): void {
    this.#link.start();
  }

  stats(): CollectorStats {
    return { ...this.#link.state, ...this.#counts };
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#drain();
    this.#stopped = true;
    await this.#link.stop();
    this.#store.close();
  }

  #message(topic: string, body: Uint8Array): void {
    const parsed = parseTopic(topic);
    if (this.#stopped || parsed === null || (parsed.leaf !== 'batch' && parsed.leaf !== 'state')) return;
    // Clearing a retained state is an empty message, and no state.
    if (parsed.leaf === 'state' && body.length === 0) return;
    if (parsed.leaf === 'batch') this.#counts.received++;
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#counts.dropped++;
      return;
    }
    this.#queue.push({ tenant: parsed.tenant, gateway: parsed.gateway, leaf: parsed.leaf, body });
    if (this.#draining) return;
    this.#draining = true;
    // No timer: all that is already in the socket's buffer joins this commit, and nothing waits for more.
    this.#defer(() => this.#drain());
  }

  #drain(): void {
    this.#draining = false;
    const arrived = this.#queue;
    if (arrived.length === 0 || this.#stopped) return;
    this.#queue = [];
    const replies = new Map<string, { from: Sender; epoch: string; reply: Reply }>();
    const event: CollectorEvent = { stored: 0, duplicates: 0, conflicts: 0, refused: 0, states: 0, probes: 0 };
    try {
      this.#store.transaction(() => {
        for (const message of arrived) this.#take(message, replies, event);
      });
    } catch (error) {
      this.#counts.dropped += arrived.length;
      this.#log(
        'error',
        { reason: reasonOf(error), messages: arrived.length },
        'The commit failed; nothing is acknowledged',
      );
      return;
    }
    this.#counts.stored += event.stored;
    this.#counts.duplicates += event.duplicates;
    this.#counts.conflicts += event.conflicts;
    this.#counts.rejected += event.refused;
    this.#counts.states += event.states;
    this.#counts.probes += event.probes;
    this.#counts.lastCommitAt = this.#clock.wall();
    this.#link.good();
    for (const { from, epoch, reply } of replies.values()) this.#reply(from, epoch, reply);
    this.#observe(event);
  }

  #take(
    message: Arrived,
    replies: Map<string, { from: Sender; epoch: string; reply: Reply }>,
    event: CollectorEvent,
  ): void {
    const now = Math.round(this.#clock.wall());
    const from = { tenant: message.tenant, gateway: message.gateway };
    const replyTo = (epoch: string): Reply => {
      const key = `${from.tenant}/${from.gateway}/${epoch}`;
      const entry = replies.get(key) ?? { from, epoch, reply: { ok: [], rejected: [] } };
      replies.set(key, entry);
      return entry.reply;
    };
    if (message.leaf === 'state') {
      const checked = checkState(message.body);
      if (checked.ok) {
        this.#store.addState(from, checked.state, now);
        event.states++;
      } else {
        this.#store.addRefusal({ ...from, address: null, message: checked.message }, 'invalid_state', now);
        event.refused++;
      }
      return;
    }
    const checked = checkBatch(from, message.body);
    if (!checked.ok) {
      const probe = checkProbe(from, message.body);
      if (probe !== null) {
        event.probes++;
        replyTo(probe.epoch).ok.push(probe.sequence);
        return;
      }
      const { address, code, message: text } = checked.refused;
      this.#store.addRefusal(checked.refused, code, now);
      event.refused++;
      if (address !== null) replyTo(address.epoch).rejected.push({ seq: address.sequence, code, message: text });
      this.#log('warn', { ...from, where: text }, 'Rejected a batch');
      return;
    }
    const { epoch, sequence } = checked.batch;
    const outcome = this.#store.addBatch(checked.batch, now);
    if (outcome === 'conflict') {
      event.conflicts++;
      const text = 'another batch with the same source and id was stored before';
      replyTo(epoch).rejected.push({ seq: sequence, code: 'conflict', message: text });
      this.#log('warn', { ...from, sequence }, 'A batch conflicts with one stored before');
      return;
    }
    if (outcome === 'stored') event.stored++;
    else event.duplicates++;
    replyTo(epoch).ok.push(sequence);
  }

  #reply(from: Sender, epoch: string, reply: Reply): void {
    const topic = topicsOf(from.tenant, from.gateway).ack;
    const { ok, rejected } = reply;
    const parts = Math.max(Math.ceil(ok.length / OK_PER_ACK), Math.ceil(rejected.length / REJECTED_PER_ACK));
    for (let index = 0; index < parts; index++) {
      const part = {
        ok: ok.slice(index * OK_PER_ACK, (index + 1) * OK_PER_ACK),
        rejected: rejected.slice(index * REJECTED_PER_ACK, (index + 1) * REJECTED_PER_ACK),
      };
      // Without a session nothing is sent: the gateway sends the batch again, and duplicates are acknowledged again.
      this.#session?.publish(topic, encodeMessage({ epoch, ...part }), false, (refusal) => {
        if (refusal !== null)
          this.#link.complain({ ...refusal, reason: `an acknowledgement was not taken: ${refusal.reason}` });
        else this.#counts.acknowledged += part.ok.length;
      });
    }
  }
}
