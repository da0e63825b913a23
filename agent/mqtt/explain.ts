/** Why a connection failed, in words: never a library's sentence alone, never a password. */
import type { Target } from './target.ts';

/** CONNACK and DISCONNECT reasons of MQTT 5 (3.2.2.2, 3.14.2.1), and the return codes of 3.1.1 (3.2.2.3). */
const REASONS: Readonly<Record<number, string>> = {
  1: 'does not speak this version of MQTT',
  2: 'refused the client identifier',
  3: 'is not ready to serve',
  4: 'refused the user name or password: not authorised',
  5: 'refused: not authorised (check the user name, the password and the access list)',
  132: 'does not speak this version of MQTT',
  133: 'refused the client identifier',
  134: 'refused the user name or password: not authorised',
  135: 'refused: not authorised (check the user name, the password and the access list)',
  136: 'is not ready to serve',
  137: 'is busy',
  138: 'has banned this client',
  139: 'is shutting down',
  142: 'ended the session: another client connected with the same identity (is this box cloned?)',
  144: 'refused the topic name',
  147: 'says that too many messages are in flight',
  149: 'says that a message is too large',
  151: 'says that a quota is used up',
  159: 'says that too many connections are being opened',
};

/** CONNACK codes that mean "not this protocol version". */
export function refusesProtocol(code: number): boolean {
  return code === 1 || code === 132;
}

/** A broker's reason code. */
export function explainCode(code: number, target: Target): string {
  return `the broker ${target.name} ${REASONS[code] ?? `gave the reason code 0x${code.toString(16).padStart(2, '0')}`}`;
}

/** An error of the socket, of TLS or of the client library. */
export function explainError(error: unknown, target: Target, caFile: string | null): string {
  const code = codeOf(error);
  if (typeof code === 'number') return explainCode(code, target);
  const authority = caFile === null ? 'an authority this box knows' : `the authority in ${caFile}`;
  switch (code) {
    case 'ECONNREFUSED':
      return `connection refused by ${target.name}: no broker listens there`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `host not found: ${target.host} (check the name, and the network and DNS of this box)`;
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `${target.name} cannot be reached (check the network, and a firewall between)`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `the connection to ${target.name} was reset`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
    case 'INVALID_CA':
      return `certificate of ${target.name} not trusted: it is not signed by ${authority}`;
    case 'CERT_HAS_EXPIRED':
      return `certificate of ${target.name} has expired (or the clock of this box is wrong)`;
    case 'CERT_NOT_YET_VALID':
      return `certificate of ${target.name} is not yet valid (or the clock of this box is wrong)`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `certificate of ${target.name} is for another host name`;
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `${target.name} does not answer with TLS (is it the port without TLS?)`;
    default:
      return `connection to ${target.name} failed: ${code ?? (error instanceof Error ? error.message : 'unknown reason')}`;
  }
}

function codeOf(error: unknown): string | number | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' || typeof error.code === 'number' ? error.code : null;
}
