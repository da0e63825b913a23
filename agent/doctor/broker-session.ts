/** What the broker lets this gateway do: log in, subscribe, publish; and whether a collector answers. */
import { type AckMessage, ackMessage } from '../contract/messages.ts';
import { encodeProbe, PROBE_SEQUENCE } from '../contract/probe.ts';
import { readMessage } from '../contract/read.ts';
import { topicsOf } from '../contract/topics.ts';
import type { Failure, FailureKind } from '../mqtt/explain.ts';
import { type Protocol, ProtocolChoice, type ProtocolVerdict } from '../mqtt/protocol.ts';
import { openSession, type Session, type SessionRequest } from '../mqtt/session.ts';
import type { Target } from '../mqtt/target.ts';
import { type BrokerDeps, type BrokerTarget, lasting, printable, type Step, within } from './broker-step.ts';
import { answersWithTls, OWN_MEND, type Trust } from './broker-tls.ts';
import { bearerOf } from './client-certificate.ts';

const STEP_WITHIN_MS = 10_000;
const FAREWELL_MS = 1_000;

/** One connection of the doctor's. Each promise gives null for a success, and never rejects. */
interface Conversation {
  session: Session;
  login: Promise<Stop | null>;
  subscribed: Promise<Stop | null>;
  publish(body: Uint8Array): Promise<Stop | null>;
  /** The collector's word on the probe. */
  answer: Promise<AckMessage | Stop>;
  /** Whether the broker said that nobody subscribes to the probe's topic. */
  unheard(): boolean;
  end(): Promise<void>;
}

type Stop = Failure & { verdict?: ProtocolVerdict };

/** What the steps from the login on are about. */
export interface Talk {
  place: Target;
  /** The one of its addresses that answers. */
  address: string;
  trust: Trust;
  target: BrokerTarget;
  deps: BrokerDeps;
}

/** The steps from the login on, up to the first error. */
export async function* checkConversation(about: Talk): AsyncGenerator<Step> {
  const { place, target, deps } = about;
  const topics = topicsOf(target.tenant, target.gateway);
  const epoch = hex64(deps.random);
  const choice = new ProtocolChoice();
  const open = (topic: string) => converse(topics, epoch, deps, requestOf(about, choice.next, topic));
  let talk = open(topics.ack);
  try {
    const late: Stop = { reason: `no answer from ${place.name} within ${STEP_WITHIN_MS / 1_000} s`, kind: 'network' };
    let stop = await within(deps, STEP_WITHIN_MS, talk.login, late);
    if (stop?.verdict !== undefined && choice.failed(stop.verdict)) {
      await talk.end();
      talk = open(topics.ack);
      stop = await within(deps, STEP_WITHIN_MS, talk.login, late);
    }
    yield await loginStep(stop, talk.session.protocol, about);
    if (stop !== null) return;

    stop = await within(deps, STEP_WITHIN_MS, talk.subscribed, late);
    yield subscribeStep(stop, topics.ack);
    if (stop !== null) return;

    // In a connection of its own: some brokers answer what they do not allow by ending the connection.
    const other = open(topics.config);
    try {
      yield configStep(await within(deps, STEP_WITHIN_MS, other.subscribed, late), topics.config);
    } finally {
      await other.end();
    }

    const from = deps.clock.monotonic();
    const probe = encodeProbe(target.tenant, target.gateway, epoch, Math.round(deps.clock.wall()));
    stop = await within(deps, STEP_WITHIN_MS, talk.publish(probe), late);
    yield publishStep(stop, topics.batch, talk);
    if (stop !== null) return;

    const step = {
      check: 'broker_round_trip',
      tried: `waited for a collector's acknowledgement of the probe`,
    } as const;
    if (target.ack === 'puback') {
      const found = 'not waited for: these settings take the broker\'s acknowledgement ("ack: puback")';
      yield { ...step, outcome: 'skipped', found, mend: '' };
      return;
    }
    const answer = await within(deps, STEP_WITHIN_MS, talk.answer, null);
    yield { ...step, ...roundTrip(answer, deps.clock.monotonic() - from, topics, talk) };
  } finally {
    await talk.end();
  }
}

function requestOf({ place, trust, target, deps }: Talk, protocol: Protocol, topic: string): SessionRequest {
  return {
    target: place,
    ca: trust.authorities,
    identity: trust.identity,
    // Not the daemon's, which the broker would throw out for this one; but of the same beginning and length, as access
    // lists may go by it.
    clientId: `ff${hex64(deps.random)}d0c7`,
    username: target.username ?? null,
    password: target.password ?? null,
    protocol,
    will: null,
    subscriptions: [topic],
    optional: [],
  };
}

async function loginStep(
  stop: Stop | null,
  protocol: Protocol,
  { place, address, trust, target, deps }: Talk,
): Promise<Step> {
  const who = target.username === undefined ? 'without a user name' : `as ${JSON.stringify(target.username)}`;
  const key = target.password === undefined ? 'without a password' : 'with the password';
  const bearer = trust.identity === null ? '' : `, by the certificate of ${bearerOf(trust.identity)}`;
  const step = { check: 'broker_login', tried: `logged in ${who}, ${key}${bearer}` };
  if (stop === null) return { ...step, outcome: 'ok', found: `let in, over ${nameOf(protocol)}`, mend: '' };
  const error = { ...step, outcome: 'error' as const, found: stop.reason };
  if (!place.tls && stop.verdict === 'unanswered' && (await answersWithTls(place, address, deps))) {
    return {
      ...error,
      found: `${place.name} speaks TLS, and "url" says to speak without`,
      mend: `Write "url" under "uplink" as mqtts://${place.name}.`,
    };
  }
  const byCertificate = stop.kind === 'login' && trust.identity !== null && target.username === undefined;
  const kind = byCertificate ? 'tls' : stop.kind;
  return { ...error, mend: LOGIN_MENDS[kind] ?? 'Ask those who run the broker what its log says.' };
}

const LOGIN_MENDS: Readonly<Partial<Record<FailureKind, string>>> = {
  login:
    'Check "username" under "uplink" and the password (password_file), and that the broker knows this user; then: footfall reload',
  // With TLS 1.3 a broker looks at the client certificate after the handshake.
  tls: `The broker decides by the client certificate: ${OWN_MEND}`,
  identity: 'Have the broker take every client identifier of this user that begins with "ff".',
  network:
    'Check that this is the port of an MQTT broker, and that it is not overloaded: it takes connections and stays silent.',
  broker: 'Check that this is the port of an MQTT broker; then ask those who run it what its log says.',
};

function subscribeStep(stop: Stop | null, topic: string): Step {
  const step = { check: 'broker_subscribe', tried: `subscribed to ${topic}` };
  if (stop === null) return { ...step, outcome: 'ok', found: 'granted', mend: '' };
  const mend = `In the broker's access list, let this user subscribe to ${topic}.`;
  return { ...step, outcome: 'error', found: stop.reason, mend };
}

const ENDED = 'some brokers do so where it is not allowed';

/** Without it everything but settings from the centre goes on. */
function configStep(stop: Stop | null, topic: string): Step {
  const step = { check: 'broker_config', tried: `subscribed to ${topic}` };
  if (stop === null) return { ...step, outcome: 'ok', found: 'granted', mend: '' };
  const mend = `In the broker's access list, let this user subscribe to ${topic}: without it settings from the centre do not come; batches still flow.`;
  const found = stop.kind === 'denied' ? stop.reason : `${stop.reason}: ${ENDED}`;
  return { ...step, outcome: 'warning', found, mend };
}

function publishStep(stop: Stop | null, topic: string, talk: Conversation): Step {
  const step = { check: 'broker_publish', tried: `published a probe to ${topic}` };
  if (stop !== null) {
    const found = stop.kind === 'denied' ? stop.reason : `${stop.reason}: ${ENDED}`;
    return {
      ...step,
      outcome: 'error',
      found,
      mend: `In the broker's access list, let this user publish to ${topic}.`,
    };
  }
  const doubt = '; over MQTT 3.1.1 a broker may take and drop what is not allowed, so only the round trip proves it';
  const found = `taken by the broker${talk.session.protocol === 4 ? doubt : ''}`;
  return { ...step, outcome: 'ok', found, mend: '' };
}

function roundTrip(
  answer: AckMessage | Stop | null,
  tookMs: number,
  topics: { batch: string; ack: string },
  talk: Conversation,
): Pick<Step, 'outcome' | 'found' | 'mend'> {
  if (answer !== null && 'epoch' in answer) {
    const rejection = answer.rejected.find(({ seq }) => seq === PROBE_SEQUENCE);
    if (rejection === undefined) {
      return { outcome: 'ok', found: `a collector acknowledged it in ${lasting(tookMs)}`, mend: '' };
    }
    const { code, message } = rejection;
    const words = `a collector answered in ${lasting(tookMs)}: the way there and back is good`;
    const why = printable(`${code}: ${message}`);
    return { outcome: 'ok', found: `${words}. It does not know probes and rejected this one (${why})`, mend: '' };
  }
  const none = answer === null ? `no acknowledgement within ${STEP_WITHIN_MS / 1_000} s` : answer.reason;
  if (talk.unheard()) {
    return {
      outcome: 'warning',
      found: `${none}; the broker says that nobody subscribes to ${topics.batch}`,
      mend: 'Start the collector, or let it subscribe: batches are kept until it acknowledges them.',
    };
  }
  const silent = talk.session.protocol === 4 ? ` that this user may publish to ${topics.batch},` : '';
  return {
    outcome: 'warning',
    found: none,
    mend: `Check that a collector runs at this broker,${silent} that the collector may publish to ${topics.ack}, and that this user may read it (some brokers grant a subscription and deliver nothing). Batches are kept until they are acknowledged.`,
  };
}

function converse(
  topics: { batch: string; ack: string },
  epoch: string,
  deps: BrokerDeps,
  request: SessionRequest,
): Conversation {
  const login = Promise.withResolvers<Stop | null>();
  const subscribed = Promise.withResolvers<Stop | null>();
  const taken = Promise.withResolvers<Stop | null>();
  const answer = Promise.withResolvers<AckMessage | Stop>();
  const closed = Promise.withResolvers<void>();
  let unheard = false;
  let ready = false;
  const session = openSession(request, {
    secured: () => {},
    accepted: () => login.resolve(null),
    ready: () => {
      ready = true;
      subscribed.resolve(null);
    },
    denied: () => {},
    progress: () => {},
    unheard: () => {
      unheard = true;
    },
    message: (topic, payload, retained) => {
      if (topic !== topics.ack || retained) return;
      const reading = readMessage(ackMessage, payload);
      if (reading.ok && reading.value.epoch === epoch && answersProbe(reading.value)) answer.resolve(reading.value);
    },
    closed: (failure) => {
      for (const each of [login, subscribed, taken, answer]) each.resolve(failure);
      closed.resolve();
    },
  });
  return {
    session,
    login: login.promise,
    subscribed: subscribed.promise,
    publish: (body) => {
      session.publish(topics.batch, body, false, (refusal) => taken.resolve(refusal));
      return taken.promise;
    },
    answer: answer.promise,
    unheard: () => unheard,
    end: async () => {
      const abort = () => session.abort({ reason: 'ended by this side', kind: 'other', verdict: 'other' });
      if (ready) session.disconnect();
      else abort();
      const late = deps.clock.after(FAREWELL_MS, abort);
      await closed.promise;
      late.cancel();
    },
  };
}

function answersProbe({ ok, rejected }: AckMessage): boolean {
  return ok.includes(PROBE_SEQUENCE) || rejected.some(({ seq }) => seq === PROBE_SEQUENCE);
}

function nameOf(protocol: Protocol): string {
  return protocol === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
}

/** 64 bits as 16 hexadecimal digits. */
function hex64(random: () => number): string {
  const half = () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return half() + half();
}
