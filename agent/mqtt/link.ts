/**
 * Keeps one session up: opens a new one after each that ended, with full-jitter back-off, the protocol that worked and
 * certificates read anew. Knows nothing of what is sent.
 */
import type { Clock, Timer } from '../clock.ts';
import { AgentError, reasonOf } from '../errors.ts';
import { fullJitter } from './backoff.ts';
import { type CertificateFacts, readAuthorities, readIdentity } from './certificates.ts';
import type { Failure, FailureKind } from './explain.ts';
import { type Protocol, ProtocolChoice } from './protocol.ts';
import type { OpenSession, Session, SessionFailure, SessionRequest } from './session.ts';
import { targetOf } from './target.ts';

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  fields: Record<string, unknown>,
  message: string,
) => void;

export interface LinkOptions {
  url: string;
  username?: string;
  password?: string;
  /** Used with mqtts:// only; read again before each attempt. */
  caFile?: string;
  /** Client certificate and its key, both or neither; as `caFile`. */
  certFile?: string;
  keyFile?: string;
  clientId: string;
  /** Longest limit of the back-off, milliseconds; 300,000 unless given. */
  longestRetryMs?: number;
  subscriptions: readonly string[];
  /** As `SessionRequest.optional`; none unless told. */
  optional?: readonly string[];
}

export interface LinkOwner {
  /** Asked before each attempt. A rejection counts as a failed attempt. */
  will(): Promise<SessionRequest['will']>;
  ready(session: Session): void;
  message(topic: string, payload: Uint8Array, retained: boolean): void;
  progress(): void;
  /** As `SessionEvents.unheard`. */
  unheard?(): void;
  /** Only after `ready`. */
  closed(): void;
}

/** `waiting`: not connected, until the next attempt is due. */
export type LinkPhase = 'off' | 'connecting' | 'connected' | 'waiting';

export interface LinkState {
  phase: LinkPhase;
  since: number;
  protocol: Protocol | null;
  /** Why the last attempt or session ended, or what the broker complained of since, for people. */
  lastError: string | null;
  /** Null exactly when `lastError` is. */
  lastErrorKind: FailureKind | null;
  /** As the last connection showed them; those of files as soon as they are read. Empty without TLS. */
  certificates: CertificateFacts[];
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;
/** An attempt that is not connected and subscribed by then has failed. */
const READY_WITHIN_MS = 30_000;
/** A session that lasted this long was a good one. */
const GOOD_AFTER_MS = 60_000;
const FAREWELL_MS = 2_000;
/** Sessions in a row that ended over an optional subscription, after which one goes without it. */
const ENDED_OVER_OPTIONAL = 2;

export class Link {
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;
  readonly #open: OpenSession;
  readonly #target: ReturnType<typeof targetOf>;
  readonly #protocol = new ProtocolChoice();
  #phase: LinkPhase = 'off';
  #since: number;
  #lastFailure: Failure | null = null;
  /** What the session that stands has to do without. */
  #partial: Failure | null = null;
  #endedOverOptional = 0;
  #brokerUntil: number | null = null;
  #authorityUntil: number | null = null;
  #clientUntil: number | null = null;
  #attempt = 0;
  /** Grows at each stop: an attempt of an earlier start that is still preparing must not open. */
  #life = 0;
  #session: Session | null = null;
  #ready = false;
  #timer: Timer | null = null;
  #whenClosed: (() => void) | null = null;

  /** @throws AgentError `broker_url`, or `key_file` for one of certificate and key without the other. */
  constructor(
    options: LinkOptions,
    owner: LinkOwner,
    deps: { clock: Clock; random: () => number; log: Log; open: OpenSession },
  ) {
    this.#options = options;
    this.#owner = owner;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
    this.#open = deps.open;
    this.#target = targetOf(options.url);
    if ((options.certFile === undefined) !== (options.keyFile === undefined)) {
      const [there, missing] = options.keyFile === undefined ? ['certificate', 'key'] : ['key', 'certificate'];
      throw new AgentError(
        'key_file',
        `expected a client certificate and its key, found a ${there} without a ${missing}`,
        'Set both, or neither.',
      );
    }
    this.#since = deps.clock.wall();
  }

  get state(): LinkState {
    const protocol = this.#ready && this.#session !== null ? this.#session.protocol : null;
    const certificates: CertificateFacts[] = [];
    if (this.#brokerUntil !== null) certificates.push({ what: 'broker', expires_ms: this.#brokerUntil });
    if (this.#authorityUntil !== null) certificates.push({ what: 'authority', expires_ms: this.#authorityUntil });
    if (this.#clientUntil !== null) certificates.push({ what: 'client', expires_ms: this.#clientUntil });
    const failure = this.#lastFailure ?? this.#partial;
    return {
      phase: this.#phase,
      since: this.#since,
      protocol,
      lastError: failure?.reason ?? null,
      lastErrorKind: failure?.kind ?? null,
      certificates,
    };
  }

  start(): void {
    if (this.#phase === 'off') void this.#connect(this.#life);
  }

  /** The other end does its work: what it complained of is over, and the next failure has a short back-off again. */
  good(): void {
    this.#attempt = 0;
    if (this.#ready) this.#lastFailure = null;
  }

  /** Tries at once where the next attempt is not due yet, as after somebody mended what was wrong. */
  hurry(): void {
    if (this.#phase !== 'waiting') return;
    this.#timer?.cancel();
    this.#attempt = 0;
    void this.#connect(this.#life);
  }

  /** Notes something wrong in a session that stands. */
  complain({ reason, kind }: Failure): void {
    if (reason !== this.#lastFailure?.reason) this.#log('warn', { reason }, 'The broker complained');
    this.#lastFailure = { reason, kind };
  }

  /** Ends a session that stands and is of no use, as any failure does. */
  giveUp(failure: Failure): void {
    if (this.#ready) this.#session?.abort({ ...failure, verdict: 'other' });
  }

  /** Ends the session with a goodbye, or without one after two seconds. */
  async stop(): Promise<void> {
    this.#life++;
    this.#timer?.cancel();
    this.#timer = null;
    const session = this.#session;
    if (session !== null) {
      const closed = new Promise<void>((resolve) => {
        this.#whenClosed = resolve;
      });
      const late = this.#clock.after(FAREWELL_MS, () => session.abort(ended('no goodbye')));
      if (this.#ready) session.disconnect();
      else session.abort(ended('stopped'));
      await closed;
      late.cancel();
    }
    this.#enter('off');
  }

  async #connect(life: number): Promise<void> {
    this.#enter('connecting');
    let request: SessionRequest;
    try {
      request = await this.#prepare();
    } catch (error) {
      const kind = error instanceof AgentError && FILES.has(error.code) ? 'file' : 'other';
      if (life === this.#life) this.#failed({ reason: reasonOf(error), kind, verdict: 'other' });
      return;
    }
    if (life !== this.#life) return;
    this.#timer = this.#clock.after(READY_WITHIN_MS, () => {
      const reason = `no answer from ${this.#target.name} within ${READY_WITHIN_MS / 1000} s`;
      this.#session?.abort({ reason, kind: 'network', verdict: 'other' });
    });
    const openedAt = this.#clock.monotonic();
    const session = this.#open(request, {
      secured: (expiresMs) => {
        this.#brokerUntil = expiresMs;
      },
      accepted: () => {},
      ready: () => {
        this.#timer?.cancel();
        this.#timer = null;
        this.#ready = true;
        this.#protocol.worked();
        this.#lastFailure = null;
        this.#partial = request.optional.length < (this.#options.optional?.length ?? 0) ? this.#without() : null;
        this.#enter('connected');
        this.#log('info', { broker: this.#target.name, protocol: session.protocol }, 'Connected');
        this.#owner.ready(session);
      },
      denied: (failure) => {
        this.#partial = failure;
        this.#log('warn', { reason: failure.reason }, 'The broker complained');
      },
      message: (topic, payload, retained) => this.#owner.message(topic, payload, retained),
      progress: () => this.#owner.progress(),
      unheard: () => this.#owner.unheard?.(),
      closed: (failure) => {
        const wasReady = this.#ready;
        this.#partial = null;
        this.#session = null;
        this.#ready = false;
        if (wasReady) {
          this.#endedOverOptional = session.asking ? this.#endedOverOptional + 1 : 0;
          if (this.#clock.monotonic() - openedAt >= GOOD_AFTER_MS) this.good();
          this.#owner.closed();
        }
        if (life === this.#life) this.#failed(failure);
        this.#whenClosed?.();
        this.#whenClosed = null;
      },
    });
    this.#session = session;
  }

  async #prepare(): Promise<SessionRequest> {
    const { caFile, certFile, keyFile } = this.#options;
    const { tls } = this.#target;
    const ca = caFile === undefined || !tls ? null : await readAuthorities(caFile);
    this.#authorityUntil = ca?.expiresMs ?? null;
    const identity =
      certFile === undefined || keyFile === undefined || !tls ? null : await readIdentity(certFile, keyFile);
    this.#clientUntil = identity?.expiresMs ?? null;
    const without = this.#endedOverOptional >= ENDED_OVER_OPTIONAL;
    return {
      target: this.#target,
      ca,
      identity,
      clientId: this.#options.clientId,
      username: this.#options.username ?? null,
      password: this.#options.password ?? null,
      protocol: this.#protocol.next,
      will: await this.#owner.will(),
      subscriptions: this.#options.subscriptions,
      optional: without ? [] : (this.#options.optional ?? []),
    };
  }

  /** Why this session has no optional subscriptions. */
  #without(): Failure {
    const topics = this.#options.optional?.join(', ');
    return {
      reason: `the broker ${this.#target.name} ends the connection when ${topics} is subscribed to: it is left out`,
      kind: 'partial',
    };
  }

  #failed(failure: SessionFailure): void {
    this.#timer?.cancel();
    const again = this.#protocol.failed(failure.verdict);
    // The same failure once a minute for a week is one line of the journal, not ten thousand.
    const level = failure.reason === this.#lastFailure?.reason ? 'debug' : 'warn';
    this.#lastFailure = { reason: failure.reason, kind: failure.kind };
    const longest = this.#options.longestRetryMs ?? LONGEST_RETRY_MS;
    const delay = again ? 0 : fullJitter(this.#attempt++, FIRST_RETRY_MS, longest, this.#random);
    this.#log(level, { reason: failure.reason, retry_ms: Math.round(delay) }, 'Not connected');
    this.#enter('waiting');
    const life = this.#life;
    this.#timer = this.#clock.after(delay, () => this.#connect(life));
  }

  #enter(phase: LinkPhase): void {
    if (phase !== this.#phase) this.#since = this.#clock.wall();
    this.#phase = phase;
  }
}

/** Codes of what can be wrong with a file that is read before each attempt. */
const FILES: ReadonlySet<string> = new Set(['ca_file', 'cert_file', 'key_file']);

/** An end that this side made. */
function ended(reason: string): SessionFailure {
  return { reason, kind: 'other', verdict: 'other' };
}
