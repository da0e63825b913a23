/**
 * The reference collector: stores every batch and record once and acknowledges after its commit. A message may be lost
 * between the broker's acknowledgement and the commit; then none of ours is sent, and the gateway sends it again.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { COLLECTOR_SUBSCRIPTIONS, parseTopic } from '../contract/topics.ts';
import { reasonOf } from '../errors.ts';
import { Link, type LinkState, type Log } from '../mqtt/link.ts';
import { openSession, type Session } from '../mqtt/session.ts';
import { checkBatch, checkProbe, checkState, type Sender } from './intake.ts';
import { Replies } from './replies.ts';
import { type Arrival, CONFLICT, type CollectorStore, databaseName, openStore } from './store.ts';
import { sharedSubscriptions } from './subscriptions.ts';

export interface CollectorOptions {
  /** mqtt:// or mqtts:// with host and optional port. */
  url: string;
  username?: string;
  password?: string;
  caFile?: string;
  /** Client certificate and its key, PEM; both or neither. */
  certFile?: string;
  keyFile?: string;
  /** SQLite file, made where there is none, or postgres://user@host/database. */
  database: string;
  /** Collectors of one group share the batches between them, where the broker speaks MQTT 5. */
  group?: string;
  /** Another entry of the thread that owns a SQLite file than the product's. */
  sqliteWorker?: URL;
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
  commits: number;
  /** Commits that failed; none of their messages is acknowledged. */
  failedCommits: number;
  /** Why the database cannot be used now; null while it can. */
  databaseTrouble: string | null;
  lastCommitAt: number | null;
}

export interface Collector {
  stats(): CollectorStats;
  /** Commits what has arrived, acknowledges it, says goodbye and closes the database. */
  stop(): Promise<void>;
}

/** A message that is checked and waits for a commit. */
interface Waiting {
  from: Sender;
  /** Null for a probe, which is answered and not stored. */
  arrival: Arrival | null;
  /** Which batch an answer names; null where none can be given. */
  address: { epoch: string; sequence: number } | null;
  /** Of the message. */
  octets: number;
}

/** Messages in the queue beyond which the broker is kept waiting; 64 KiB each at most. */
const QUEUE_ENOUGH = 500;
/** Beyond which new ones are dropped: while the database is away nothing is waited for. */
const QUEUE_LIMIT = 2_000;
/** Octets of messages in one commit, about. */
const COMMIT_OCTETS = 8 * 1024 * 1024;

const LONGEST_RETRY_MS = 5_000;

/** @throws AgentError `broker_url`, `collector_database`, `collector_group` */
export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const { clock, log, database, sqliteWorker } = options;
  const store = await openStore(database, { clock, random: Math.random, log, sqliteWorker });
  try {
    const collector = new ReferenceCollector(options, store);
    collector.start();
    return collector;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class ReferenceCollector implements Collector {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #observe: (event: CollectorEvent) => void;
  readonly #defer: (task: () => void) => void;
  readonly #link: Link;
  readonly #store: CollectorStore;
  readonly #counts: Omit<CollectorStats, keyof LinkState | 'databaseTrouble'> = {
    received: 0,
    stored: 0,
    duplicates: 0,
    conflicts: 0,
    rejected: 0,
    probes: 0,
    dropped: 0,
    acknowledged: 0,
    states: 0,
    commits: 0,
    failedCommits: 0,
    lastCommitAt: null,
  };
  #session: Session | null = null;
  #queue: Waiting[] = [];
  #due = false;
  /** A drain under way: what arrives meanwhile joins its next commit. */
  #draining: Promise<void> | null = null;
  #stopped = false;

  /** @throws AgentError `broker_url`, `collector_group` */
  constructor(options: CollectorOptions, store: CollectorStore) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#store = store;
    this.#observe = options.observe ?? (() => {});
    this.#defer = options.defer ?? ((task) => void options.clock.after(0, task));
    const share = options.group === undefined ? null : sharedSubscriptions(options.group);
    this.#link = new Link(
      {
        ...options,
        clientId: options.clientId ?? `ffcollector${randomBytes(6).toString('hex')}`,
        subscriptions: COLLECTOR_SUBSCRIPTIONS,
        // One of few, and every gateway waits for it: what they publish before it is back they have to send again.
        longestRetryMs: LONGEST_RETRY_MS,
      },
      {
        will: async () => null,
        ready: (session) => {
          this.#session = session;
          this.#regulate();
          if (share === null || session.protocol === 5) return;
          this.#log('warn', {}, 'The broker does not speak MQTT 5: each collector of the group gets every batch');
        },
        message: (topic, payload) => this.#message(topic, payload),
        progress: () => {},
        closed: () => {
          this.#session = null;
        },
      },
      {
        clock: options.clock,
        random: Math.random,
        log: options.log,
        open: (request, events) =>
          openSession(
            share === null || request.protocol !== 5 ? request : { ...request, subscriptions: share },
            events,
          ),
      },
    );
    options.log('info', { database: databaseName(options.database) }, 'Database open');
  }

  start(): void {
    this.#link.start();
  }

  stats(): CollectorStats {
    return { ...this.#link.state, ...this.#counts, databaseTrouble: this.#store.trouble };
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    // A database that is away is not waited for: nothing of the queue was acknowledged.
    if (this.#store.trouble !== null) await this.#store.close();
    await this.#drain();
    await this.#link.stop();
    await this.#store.close();
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
    const from = { tenant: parsed.tenant, gateway: parsed.gateway };
    // Checked now: this works while a database of another process commits what came before.
    const waiting = parsed.leaf === 'batch' ? checkedBatch(from, body) : checkedState(from, body);
    if (waiting.arrival?.kind === 'refused') {
      this.#log('warn', { ...from, where: waiting.arrival.refused.message }, 'Rejected a message');
    }
    this.#queue.push(waiting);
    this.#regulate();
    if (this.#due || this.#draining !== null) return;
    this.#due = true;
    // No timer: all that is already in the socket's buffer joins this commit, and nothing waits for more.
    this.#defer(() => {
      this.#due = false;
      void this.#drain();
    });
  }

  /** The queue must not run full of what is read faster than it is stored. Who sees no reader looks after the connection. */
  #regulate(): void {
    this.#session?.hold(this.#queue.length >= QUEUE_ENOUGH && this.#store.trouble === null);
  }

  #drain(): Promise<void> {
    this.#draining ??= this.#commitAll();
    return this.#draining;
  }

  async #commitAll(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        this.#regulate();
        await this.#store.usable();
        const taken = this.#take();
        this.#regulate();
        await this.#commit(taken);
      }
    } catch {
      // Closed while the database was away.
      this.#counts.dropped += this.#queue.length;
      this.#queue = [];
    } finally {
      this.#draining = null;
    }
  }

  /** The head of the queue, as much as one commit should have. */
  #take(): Waiting[] {
    let count = 0;
    for (let octets = 0; count < this.#queue.length && octets < COMMIT_OCTETS; count++)
      octets += this.#queue[count].octets;
    return this.#queue.splice(0, count);
  }

  async #commit(taken: Waiting[]): Promise<void> {
    const stored = taken.flatMap((waiting) => (waiting.arrival === null ? [] : [waiting.arrival]));
    const replies = new Replies();
    const event: CollectorEvent = { stored: 0, duplicates: 0, conflicts: 0, refused: 0, states: 0, probes: 0 };
    const committedAt = Math.round(this.#clock.wall());
    try {
      const outcomes = (await this.#store.commit(stored, committedAt)).values();
      for (const { from, arrival, address } of taken) {
        if (arrival === null) {
          event.probes++;
          replies.ok(from, address);
          continue;
        }
        const outcome = outcomes.next().value;
        if (outcome === undefined) throw new Error('the database answered for fewer messages than it was given');
        if (outcome.became === 'refused') {
          event.refused++;
          replies.rejected(from, address, 'invalid', outcome.reason);
          this.#log('warn', { ...from, where: outcome.reason }, 'Rejected a message');
        } else if (outcome.became === 'noted') {
          if (arrival.kind === 'state') event.states++;
          else event.refused++;
          if (arrival.kind === 'refused')
            replies.rejected(from, address, arrival.refused.code, arrival.refused.message);
        } else if (outcome.became === 'conflict') {
          event.conflicts++;
          replies.rejected(from, address, 'conflict', CONFLICT);
          this.#log('warn', { ...from, ...address }, 'A batch conflicts with one stored before');
        } else {
          if (outcome.became === 'stored') event.stored++;
          else event.duplicates++;
          replies.ok(from, address);
        }
      }
    } catch (error) {
      this.#counts.dropped += taken.length;
      this.#counts.failedCommits++;
      this.#log(
        'error',
        { reason: reasonOf(error), messages: taken.length },
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
    this.#counts.commits++;
    this.#counts.lastCommitAt = committedAt;
    this.#link.good();
    this.#answer(replies);
    this.#observe(event);
  }

  #answer(replies: Replies): void {
    for (const { topic, body, count } of replies.messages()) {
      // Without a session nothing is sent: the gateway sends the batch again, and duplicates are acknowledged again.
      this.#session?.publish(topic, body, false, (refusal) => {
        if (refusal !== null)
          this.#link.complain({ ...refusal, reason: `an acknowledgement was not taken: ${refusal.reason}` });
        else this.#counts.acknowledged += count;
      });
    }
  }
}

function checkedState(from: Sender, body: Uint8Array): Waiting {
  const checked = checkState(from, body);
  const arrival: Arrival = checked.ok
    ? { kind: 'state', from, state: checked.state }
    : { kind: 'refused', refused: checked.refused };
  return { from, arrival, address: null, octets: body.length };
}

function checkedBatch(from: Sender, body: Uint8Array): Waiting {
  const checked = checkBatch(from, body);
  const octets = body.length;
  if (checked.ok) {
    const { batch } = checked;
    const address = { epoch: batch.epoch, sequence: batch.sequence };
    return { from, arrival: { kind: 'batch', batch }, address, octets };
  }
  const probe = checkProbe(from, body);
  if (probe !== null) return { from, arrival: null, address: probe, octets };
  const { refused } = checked;
  return { from, arrival: { kind: 'refused', refused }, address: refused.address, octets };
}
