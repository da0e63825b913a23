/**
 * Many simulated gateways in one process, each with a connection, an epoch and an outbox of its own, and what became of all
 * that they sealed.
 */
import { Random } from '../../../drivers/simulator/random.ts';
import type { Clock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import type { OpenSession, SessionFailure } from '../../mqtt/session.ts';
import type { UplinkOptions } from '../../uplink/port.ts';
import { FleetGateway } from './gateway.ts';
import type { OutboxCounts } from './outbox.ts';

export interface FleetOptions extends Omit<UplinkOptions, 'gateway' | 'epoch'> {
  /** At least 1; they are called gw-0001 and so on. */
  gateways: number;
  /** Of what the stores count, and of the jitter. */
  seed: number;
  /** Held by each gateway; beyond it the oldest are dropped and told as gone. */
  bufferBytes: number;
  /** UTC milliseconds at which the first window starts. */
  startMs: number;
}

export interface FleetDeps {
  clock: Clock;
  open: OpenSession;
  /** 16 lower-case hexadecimal digits, never the same again: a new fleet has new outboxes. */
  epoch: () => string;
  /** Stands for the random part of the back-off of each gateway; its own seeded one unless told. */
  jitter?: () => number;
}

export interface FleetCounts extends OutboxCounts {
  gateways: number;
  /** Through the doors of all stores, in all windows sealed. */
  entries: number;
  connected: number;
  inFlight: number;
  published: number;
  resent: number;
  /** Connections tried; each became one of the next two, or is being made. */
  attempts: number;
  connects: number;
  refusals: number;
  /** Connections that stood and ended without being asked to. */
  lost: number;
}

/** Gateways started at once, and the pause after them: a listening queue is about a hundred long. */
const START_TOGETHER = 50;
const START_PAUSE_MS = 50;
/** Different reasons that are told of. */
const MOST_REASONS = 16;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #deps: FleetDeps;
  readonly #gateways: FleetGateway[];
  readonly #links = { attempts: 0, connects: 0, refusals: 0, lost: 0 };
  readonly #failures = new Map<string, number>();
  #stopping = false;
  #tried: (failure: SessionFailure | null) => void = () => undefined;

  /** @throws AgentError `broker_url`, `topic_level` */
  constructor(options: FleetOptions, deps: FleetDeps) {
    this.#options = options;
    this.#deps = deps;
    const { gateways, seed, ...uplink } = options;
    const random = new Random(seed);
    this.#gateways = Array.from({ length: gateways }, (_, index) => {
      const gateway = `gw-${String(index + 1).padStart(4, '0')}`;
      const jitter = random.fork(`jitter ${gateway}`);
      return new FleetGateway(
        { ...uplink, gateway, epoch: deps.epoch() },
        {
          clock: deps.clock,
          random: random.fork(`store ${gateway}`),
          jitter: deps.jitter ?? (() => jitter.uniform()),
          open: (request, events) => this.#open(request, events),
        },
      );
    });
  }

  /**
   * Connects all of them: the first alone, so that a wrong password is told once and not by a thousand.
   * @throws AgentError `fleet_broker` where the broker does not take the first.
   */
  async start(): Promise<void> {
    await this.#startFirst();
    for (let from = 1; from < this.#gateways.length && !this.#stopping; from += START_TOGETHER) {
      for (const gateway of this.#gateways.slice(from, from + START_TOGETHER)) gateway.start();
      await new Promise<void>((resolve) => {
        this.#deps.clock.after(START_PAUSE_MS, resolve);
      });
    }
  }

  /** Every gateway seals its next window. */
  sealWindow(): void {
    for (const gateway of this.#gateways) gateway.sealWindow();
  }

  /** Every gateway tells what its buffer dropped since its last window. */
  tellGaps(): void {
    for (const gateway of this.#gateways) gateway.tellGaps();
  }

  /** Says goodbye for all. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#tried(null);
    await Promise.all(this.#gateways.map((gateway) => gateway.stop()));
  }

  counts(): FleetCounts {
    const sums = { sealed: 0, acknowledged: 0, rejected: 0, dropped: 0, held: 0 };
    const sent = { entries: 0, connected: 0, inFlight: 0, published: 0, resent: 0 };
    for (const gateway of this.#gateways) {
      const { counts, link } = gateway;
      for (const name of Object.keys(sums) as (keyof OutboxCounts)[]) sums[name] += counts[name];
      sent.entries += gateway.totals.entries;
      if (link.phase === 'connected') sent.connected++;
      sent.inFlight += link.inFlight;
      sent.published += link.published;
      sent.resent += link.resent;
    }
    return { gateways: this.#gateways.length, ...sums, ...sent, ...this.#links };
  }

  /** Why connections failed or ended, with how often, the most frequent first. */
  failures(): [reason: string, count: number][] {
    return [...this.#failures].sort(([, a], [, b]) => b - a);
  }

  /** Resolves once the broker has taken the first gateway; the next protocol is tried as a box tries it. */
  #startFirst(): Promise<void> {
    return new Promise((resolve, reject) => {
      let attempts = 0;
      this.#tried = (failure) => {
        attempts++;
        // A broker that does not speak MQTT 5 is asked again at once, in 3.1.1.
        if (failure !== null && failure.verdict !== 'other' && attempts === 1) return;
        this.#tried = () => undefined;
        if (failure === null || this.#stopping) resolve();
        else reject(notTaken(this.#options.url, failure));
      };
      this.#gateways[0].start();
    });
  }

  #open: OpenSession = (request, events) => {
    let ready = false;
    this.#links.attempts++;
    return this.#deps.open(request, {
      ...events,
      ready: () => {
        ready = true;
        this.#links.connects++;
        events.ready();
        this.#tried(null);
      },
      closed: (failure) => {
        if (ready && !this.#stopping) this.#links.lost++;
        if (!ready) this.#links.refusals++;
        if (!this.#stopping) this.#fail(failure.reason);
        events.closed(failure);
        if (!ready) this.#tried(failure);
      },
    });
  };

  #fail(reason: string): void {
    const known = this.#failures.has(reason) || this.#failures.size < MOST_REASONS;
    const name = known ? reason : 'other reasons';
    this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1);
  }
}

function notTaken(url: string, { reason, kind }: SessionFailure): AgentError {
  const hints: Partial<Record<SessionFailure['kind'], string>> = {
    login: 'Give the --username and the --password-file of a user who may speak for every gateway of the tenant.',
    denied: 'Let this user speak for every gateway of the tenant, or name another with --username.',
    network: 'Start the broker, or name another with --broker.',
    name: 'Check the host name in --broker.',
    tls: "Name the certificates that may sign the broker's with --ca-file, and check mqtt:// or mqtts://.",
  };
  return new AgentError(
    'fleet_broker',
    `expected the broker at ${url} to take a connection, found: ${reason}`,
    hints[kind] ?? 'Check the broker with "footfall doctor" or its own log.',
  );
}
