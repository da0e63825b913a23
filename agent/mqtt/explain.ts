/** Why a connection failed, in words and by kind: never a library's sentence alone, never a password. */
import type { ClientIdentity } from './certificates.ts';
import type { Target } from './target.ts';

/**
 * What a failure is about, so that advice can be given: the host's name, the network, TLS, the login, what the broker
 * lets this client do, the broker's own state, an identity used twice, or a file of this box. Two are of a session that
 * stands: `partial`, the broker denies something that delivery does not need; `unacknowledged`, the broker takes
 * everything and no collector answers.
 */
export type FailureKind =
  | 'name'
  | 'network'
  | 'tls'
  | 'login'
  | 'denied'
  | 'broker'
  | 'identity'
  | 'file'
  | 'partial'
  | 'unacknowledged'
  | 'other';

export interface Failure {
  /** For people. */
  reason: string;
  kind: FailureKind;
}

/** CONNACK and DISCONNECT reasons of MQTT 5 (3.2.2.2, 3.14.2.1), and the return codes of 3.1.1 (3.2.2.3). */
const REASONS: Readonly<Record<number, readonly [FailureKind, string]>> = {
  1: ['broker', 'does not speak this version of MQTT'],
  2: ['identity', 'refused the client identifier'],
  3: ['broker', 'is not ready to serve'],
  4: ['login', 'refused the user name or password: not authorised'],
  5: ['login', 'refused: not authorised (check the user name, the password and the access list)'],
  128: ['broker', 'failed for a reason it does not tell'],
  129: ['other', 'could not read what this box sent'],
  130: ['other', 'says that this box broke the rules of MQTT'],
  131: ['broker', 'failed for a reason it does not tell'],
  132: ['broker', 'does not speak this version of MQTT'],
  133: ['identity', 'refused the client identifier'],
  134: ['login', 'refused the user name or password: not authorised'],
  135: ['login', 'refused: not authorised (check the user name, the password and the access list)'],
  136: ['broker', 'is not ready to serve'],
  137: ['broker', 'is busy'],
  138: ['login', 'has banned this client'],
  139: ['broker', 'is shutting down'],
  140: ['login', 'wants another way of logging in than a user name and password'],
  141: ['network', 'heard nothing from this box for too long'],
  142: ['identity', 'ended the session: another client connected with the same identity (is this box cloned?)'],
  143: ['denied', 'refused the topic filter'],
  144: ['denied', 'refused the topic name'],
  145: ['other', 'says that a packet identifier is in use'],
  146: ['other', 'says that a packet identifier is unknown'],
  147: ['other', 'says that too many messages are in flight'],
  148: ['other', 'says that a topic alias is not valid'],
  149: ['other', 'says that a message is too large'],
  150: ['broker', 'says that messages come too fast'],
  151: ['broker', 'says that a quota is used up'],
  152: ['broker', 'ended the session by order of whoever runs it'],
  153: ['other', 'says that a payload is not of the form it was said to have'],
  154: ['broker', 'does not keep retained messages, which the state message needs'],
  155: ['broker', 'does not support QoS 1'],
  156: ['broker', 'asks to use another server'],
  157: ['broker', 'has moved to another server'],
  158: ['denied', 'does not support shared subscriptions'],
  159: ['broker', 'says that too many connections are being opened'],
  160: ['broker', 'ended the session: it had lasted as long as it may'],
  161: ['denied', 'does not support subscription identifiers'],
  162: ['denied', 'does not support wildcards in subscriptions'],
};

/** CONNACK codes that mean "not this protocol version". */
export function refusesProtocol(code: number): boolean {
  return code === 1 || code === 132;
}

/** A broker's reason code, in CONNACK or DISCONNECT. */
export function explainCode(code: number, target: Target): Failure {
  const [kind, words] = REASONS[code] ?? ['other', `gave the reason code ${hexOf(code)}`];
  return { reason: `the broker ${target.name} ${words}`, kind };
}

/** A reason code in PUBACK: the session stands, and this one publication is not taken (MQTT 5, 3.4.2.1). */
export function explainRefusal(error: unknown, target: Target): Failure {
  const code = codeOf(error);
  if (typeof code !== 'number') return explainError(error, target, null);
  const words = code === 135 ? 'refused: not authorised (check the access list)' : REASONS[code]?.[1];
  return {
    reason: `the broker ${target.name} ${words ?? `gave the reason code ${hexOf(code)}`}`,
    kind: 'denied',
  };
}

/** A connection that the other end closed instead of answering CONNECT. */
export function explainSilence(target: Target): Failure {
  const doubt = target.tls ? '' : ' (is it a port for TLS?)';
  return { reason: `${target.name} closed the connection without an MQTT answer${doubt}`, kind: 'broker' };
}

/** A TCP connection that ended before TLS stood. */
export function explainHandshake(target: Target): Failure {
  return {
    reason: `${target.name} closed the connection instead of answering with TLS (is it the port without TLS?)`,
    kind: 'tls',
  };
}

/**
 * An error of the name service, the socket, TLS or the client library.
 * @param identity what this box showed, if anything.
 */
export function explainError(
  error: unknown,
  target: Target,
  caFile: string | null,
  identity: Pick<ClientIdentity, 'certFile' | 'expiresMs'> | null = null,
): Failure {
  const code = codeOf(error);
  if (typeof code === 'number') return explainCode(code, target);
  if (code === 'mqtt_packet' && error instanceof Error) {
    return { reason: `the broker ${target.name} ${error.message}`, kind: 'broker' };
  }
  const own = identity === null || code === null ? null : explainOwnCertificate(code, error, target, identity);
  if (own !== null) return own;
  const certificate = explainCertificate(code, target, caFile);
  if (certificate !== null) return certificate;
  switch (code) {
    case 'ECONNREFUSED':
      return { reason: `connection refused by ${target.name}: no broker listens there`, kind: 'network' };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return {
        reason: `host not found: ${target.host} (check the name, and the network and DNS of this box)`,
        kind: 'name',
      };
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'EHOSTDOWN':
    case 'ENETUNREACH':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
    case 'EPERM':
      return {
        reason: `${target.name} cannot be reached (check the network, and a firewall between)`,
        kind: 'network',
      };
    case 'ECONNRESET':
    case 'ECONNABORTED':
    case 'EPIPE':
      return { reason: `the connection to ${target.name} was reset`, kind: 'network' };
    default:
      return explainOther(error, code, target);
  }
}

/** What is wrong with a certificate, by OpenSSL's name for it; null for anything else. */
export function explainCertificate(
  code: string | number | null,
  target: Target,
  caFile: string | null,
): (Failure & { kind: 'tls' }) | null {
  const tls = (words: string) => ({ reason: `certificate of ${target.name} ${words}`, kind: 'tls' as const });
  switch (code) {
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
    case 'INVALID_CA':
      return tls(
        `not trusted: it is not signed by ${caFile === null ? 'an authority this box knows' : `the authority in ${caFile}`}`,
      );
    case 'CERT_HAS_EXPIRED':
      return tls('has expired (or the clock of this box is wrong)');
    case 'CERT_NOT_YET_VALID':
      return tls('is not yet valid (or the clock of this box is wrong)');
    case 'CERT_REVOKED':
      return tls('was revoked');
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return tls('is for another host name');
    default:
      return null;
  }
}

/** The TLS alerts by which a broker refuses the certificate it was shown (RFC 8446, 6.2). */
const REFUSALS: Readonly<Record<string, string>> = {
  BAD_CERTIFICATE: 'it cannot read or check it',
  UNSUPPORTED_CERTIFICATE: 'it is of a kind it does not support',
  CERTIFICATE_REVOKED: 'it was revoked',
  CERTIFICATE_EXPIRED: 'it has expired',
  CERTIFICATE_UNKNOWN: 'it does not accept it',
  UNKNOWN_CA: 'it is not signed by an authority it knows',
  ACCESS_DENIED: 'its bearer is not let in',
  DECRYPT_ERROR: 'its key does not fit',
};

function explainOwnCertificate(
  code: string,
  error: unknown,
  target: Target,
  { certFile, expiresMs }: Pick<ClientIdentity, 'certFile' | 'expiresMs'>,
): Failure | null {
  const words = `${code} ${error instanceof Error ? error.message : ''}`.toUpperCase().replaceAll(' ', '_');
  const alert = /ALERT_([A-Z_]+?)(?=:|_?$|_ERR)/.exec(words)?.[1] ?? '';
  const why = Object.entries(REFUSALS).find(([name]) => alert.startsWith(name))?.[1];
  if (why === undefined) return null;
  const until = new Date(expiresMs).toISOString().slice(0, 10);
  return {
    reason: `the broker ${target.name} refused the client certificate ${certFile}, valid until ${until}: ${why}`,
    kind: 'tls',
  };
}

function explainOther(error: unknown, code: string | null, target: Target): Failure {
  const message = error instanceof Error ? error.message : 'unknown reason';
  // MQTT.js gives this one no code.
  if (message === 'Keepalive timeout') {
    return { reason: `${target.name} no longer answers: the connection is dead`, kind: 'network' };
  }
  if (code === 'EPROTO' || code?.startsWith('ERR_SSL_') || code?.startsWith('ERR_TLS_')) {
    // EPROTO is all that Node says of most; what OpenSSL says is in the message.
    const words = `${code} ${message}`.toUpperCase().replaceAll(' ', '_');
    if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE/.test(words)) {
      return { reason: `${target.name} does not answer with TLS (is it the port without TLS?)`, kind: 'tls' };
    }
    if (/CERTIFICATE_REQUIRED/.test(words)) {
      return { reason: `${target.name} wants a certificate of this box (set "cert_file" and "key_file")`, kind: 'tls' };
    }
    if (/UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW/.test(words)) {
      return { reason: `${target.name} speaks no TLS of version 1.2 or later`, kind: 'tls' };
    }
    return { reason: `${target.name} and this box could not agree on TLS: ${code}`, kind: 'tls' };
  }
  return { reason: `connection to ${target.name} failed: ${code ?? message}`, kind: 'other' };
}

function hexOf(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}

function codeOf(error: unknown): string | number | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' || typeof error.code === 'number' ? error.code : null;
}
