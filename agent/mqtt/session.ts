/**
 * The life of one connection attempt, over MQTT.js: connect, subscribe, and only then publish. A client is never
 * reconnected: one that is keeps publications that never settle.
 */
import { TLSSocket } from 'node:tls';
import { type IClientOptions, type IConnackPacket, MqttClient } from 'mqtt';
import { type ClientIdentity, shownUntil } from './certificates.ts';
import {
  explainCode,
  explainError,
  explainHandshake,
  explainRefusal,
  explainSilence,
  type Failure,
  refusesProtocol,
} from './explain.ts';
import { OutgoingStore } from './outgoing.ts';
import { LARGEST_PACKET_BYTES, PacketFilter } from './packet-filter.ts';
import type { Protocol, ProtocolVerdict } from './protocol.ts';
import { FilteredStream, openSocket } from './stream.ts';
import type { Target } from './target.ts';

export interface SessionRequest {
  target: Target;
  /** Certificates in PEM that may sign the broker's, and the file they came from; null for those of the system. */
  ca: { pem: Uint8Array; file: string } | null;
  /** Shown to the broker; with TLS only. */
  identity: ClientIdentity | null;
  clientId: string;
  username: string | null;
  password: string | null;
  protocol: Protocol;
  /** Published by the broker, retained, when the connection ends without a farewell. */
  will: { topic: string; payload: Uint8Array } | null;
  /** Topic filters, QoS 1; a session without one of them has failed. */
  subscriptions: readonly string[];
  /** Topic filters, QoS 1, subscribed to once the session is ready; it stands without them. */
  optional: readonly string[];
}

export interface SessionFailure extends Failure {
  verdict: ProtocolVerdict;
}

/** All calls come after `openSession` returned; none comes after `closed`, which comes exactly once. */
export interface SessionEvents {
  /** TLS stands, with a trusted certificate. `expiresMs`: UTC milliseconds, the earliest end in the chain it showed. */
  secured(expiresMs: number): void;
  /** The broker took the login. Subscribing comes next. */
  accepted(): void;
  /** Connected and subscribed: publishing may start. */
  ready(): void;
  /** The broker denies an optional subscription. */
  denied(failure: Failure): void;
  message(topic: string, payload: Uint8Array, retained: boolean): void;
  /** The broker took a publication: there may be room for another. */
  progress(): void;
  /** The broker took a publication and says that nobody subscribes to it (MQTT 5, PUBACK 0x10). */
  unheard(): void;
  closed(failure: SessionFailure): void;
}

export interface Session {
  readonly protocol: Protocol;
  /** How many more publications the broker's receive maximum allows now. */
  readonly room: number;
  /** Whether the broker has yet to answer an optional subscription: some close the connection in place of a denial. */
  readonly asking: boolean;
  /** QoS 1. `done` gets null once the broker took it, else its refusal; it is not called when the session ends first. */
  publish(topic: string, body: Uint8Array, retain: boolean, done: (refusal: Failure | null) => void): void;
  /** Whether to leave unread what the broker sends; a few messages that were read already may still come. */
  hold(held: boolean): void;
  /** Ends without a word, as after a failure. */
  abort(failure: SessionFailure): void;
  /** Says goodbye, so that the broker forgets the will; `closed` follows. */
  disconnect(): void;
}

export type OpenSession = (request: SessionRequest, events: SessionEvents) => Session;

/** MQTT 5, 3.2.2.3.3: what holds where the broker states no receive maximum. */
const RECEIVE_MAXIMUM = 65_535;
const KEEPALIVE_S = 30;
/** Reason codes of MQTT 5, 2.4. */
const NO_SUBSCRIBERS = 0x10;
const NOT_AUTHORISED = 0x87;

export const openSession: OpenSession = (request, events) => {
  const { target, identity } = request;
  const socket = openSocket(target, request.ca?.pem ?? null, identity);
  const filter = new PacketFilter(request.protocol);
  const stream = new FilteredStream(socket, filter);
  const client = new MqttClient(() => stream, optionsOf(request));
  const waiting: (() => void)[] = [];
  let receiveMaximum = RECEIVE_MAXIMUM;
  let outstanding = 0;
  let over = false;
  let open = false;
  let standing = false;
  let answered = false;
  let leaving = false;
  let asking = false;

  const close = (failure: SessionFailure): void => {
    if (over) return;
    over = true;
    client.end(true);
    events.closed(failure);
  };

  /** How a connection failed: `error`, or null where the other end just closed it; the stage tells what that means. */
  const lost = (error: Error | null): SessionFailure => {
    const verdict = standing && !answered ? 'unanswered' : 'other';
    if (error !== null) return { ...explainError(error, target, request.ca?.file ?? null, identity), verdict };
    if (open && !standing) return { ...explainHandshake(target), verdict };
    if (standing && !answered) return { ...explainSilence(target), verdict };
    return { reason: `the connection to ${target.name} was lost`, kind: 'network', verdict };
  };

  socket.once('connect', () => {
    open = true;
    standing ||= !target.tls;
  });
  socket.once('secureConnect', () => {
    standing = true;
    const expiresMs = socket instanceof TLSSocket && socket.authorized ? shownUntil(socket) : null;
    if (!over && expiresMs !== null) events.secured(expiresMs);
  });
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'connack') answered = true;
    if (packet.cmd === 'puback' && packet.reasonCode === NO_SUBSCRIBERS && !over) events.unheard();
  });
  client.on('message', (topic, payload, packet) => {
    if (!over) events.message(topic, payload, packet.retain);
  });
  client.on('disconnect', (packet) => {
    const code = packet.reasonCode ?? 0;
    // Once logged in, "not authorised" is about what was done, as some brokers answer a denied publication.
    const failure = code === NOT_AUTHORISED ? explainRefusal({ code }, target) : explainCode(code, target);
    close({ ...failure, verdict: 'other' });
  });
  // Stays attached for ever: MQTT.js may emit several errors, also after the end.
  client.on('error', (error) => {
    const code = 'code' in error ? error.code : null;
    if (typeof code === 'number') {
      close({ ...explainError(error, target, null), verdict: refusesProtocol(code) ? 'refused' : 'other' });
    } else close(lost(code === 'ECONNRESET' || code === 'EPIPE' ? null : error));
  });
  client.on('close', () => {
    if (leaving) close({ reason: 'closed by this side', kind: 'other', verdict: 'other' });
    else close(lost(null));
  });
  client.on('connect', (packet: IConnackPacket) => {
    if (over) return;
    events.accepted();
    if (over) return;
    receiveMaximum = packet.properties?.receiveMaximum ?? RECEIVE_MAXIMUM;
    if (request.subscriptions.length === 0) ready();
    else
      subscribe(request.subscriptions, (denial) => {
        if (denial === null) ready();
        else close({ ...denial, verdict: 'other' });
      });
  });

  const subscribe = (topics: readonly string[], done: (denial: Failure | null) => void): void => {
    client.subscribe([...topics], { qos: 1 }, (error, granted) => {
      // Without a SUBACK it is the connection that failed, and `close` says so.
      if (over || (error && !('packet' in error))) return;
      // On a denial MQTT.js reports the QoS that was asked for as granted: the error is what counts.
      const denied = error || granted === undefined || granted.some((grant) => grant.qos >= 128);
      const reason = `the broker ${target.name} refused the subscription to ${topics.join(', ')}: not authorised`;
      done(denied ? { reason, kind: 'denied' } : null);
    });
  };

  const ready = (): void => {
    events.ready();
    if (over || request.optional.length === 0) return;
    asking = true;
    subscribe(request.optional, (denial) => {
      asking = false;
      if (denial !== null) events.denied({ ...denial, kind: 'partial' });
    });
  };

  const send = (topic: string, body: Uint8Array, retain: boolean, done: (refusal: Failure | null) => void): void => {
    outstanding++;
    client.publish(topic, Buffer.from(body.buffer, body.byteOffset, body.byteLength), { qos: 1, retain }, (error) => {
      if (over) return;
      outstanding--;
      done(error ? explainRefusal(error, target) : null);
      waiting.shift()?.();
      if (!over) events.progress();
    });
  };

  return {
    protocol: request.protocol,
    get room() {
      return over ? 0 : Math.max(0, receiveMaximum - outstanding - waiting.length);
    },
    get asking() {
      return asking;
    },
    publish(topic, body, retain, done) {
      if (over) return;
      if (outstanding >= receiveMaximum) waiting.push(() => send(topic, body, retain, done));
      else send(topic, body, retain, done);
    },
    hold: (held) => stream.hold(held),
    abort: close,
    disconnect() {
      if (over) return;
      leaving = true;
      client.end(false);
    },
  };
};

function optionsOf({ will, ...request }: SessionRequest): IClientOptions {
  const options: IClientOptions = {
    clientId: request.clientId,
    protocolId: 'MQTT',
    protocolVersion: request.protocol,
    clean: true,
    keepalive: KEEPALIVE_S,
    // A ping each half minute whatever is sent: publishing into a dead link must not put off finding out.
    reschedulePings: false,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    outgoingStore: new OutgoingStore(),
    // The owner's own deadline on the injected clock comes first.
    connectTimeout: 120_000,
    timerVariant: 'native',
  };
  if (request.protocol === 5) options.properties = { maximumPacketSize: LARGEST_PACKET_BYTES };
  if (request.username !== null) options.username = request.username;
  if (request.password !== null) options.password = request.password;
  if (will !== null) options.will = { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true };
  return options;
}
