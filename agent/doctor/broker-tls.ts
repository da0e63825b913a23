/** The broker's certificate: is it trusted, for whom is it, who signed it, and until when. */
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { AgentError } from '../errors.ts';
import {
  type Authorities,
  type ClientIdentity,
  readAuthorities,
  readIdentity,
  shownChain,
} from '../mqtt/certificates.ts';
import { explainCertificate, explainError, explainHandshake, type Failure } from '../mqtt/explain.ts';
import type { Target } from '../mqtt/target.ts';
import { type BrokerDeps, type BrokerTarget, printable, type Step, within } from './broker-step.ts';

const TLS_WITHIN_MS = 10_000;
const DAY_MS = 24 * 3_600_000;
const WARNING_DAYS = 30;
const NAMES_SHOWN = 5;

const check = 'broker_tls';

/** The files that a TLS connection rests on; each null where the settings name none. */
export interface Trust {
  authorities: Authorities | null;
  /** What this box shows the broker. */
  identity: ClientIdentity | null;
}

/** @returns the step that failed where a file cannot be used. */
export async function readTrust({ caFile, certFile, keyFile }: BrokerTarget): Promise<Trust | Step> {
  let trying = { check, tried: `read the certificates that may sign the broker's, ${caFile}` };
  try {
    const authorities = caFile === undefined ? null : await readAuthorities(caFile);
    trying = { check: 'broker_certificate', tried: `read the client certificate ${certFile} and its key` };
    const given = certFile !== undefined && keyFile !== undefined;
    return { authorities, identity: given ? await readIdentity(certFile, keyFile) : null };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { ...trying, outcome: 'error', found: error.message, mend: error.hint };
  }
}

export function checkTls(target: Target, address: string, trust: Trust, deps: BrokerDeps): Promise<Step> {
  const { authorities, identity } = trust;
  const shows = identity === null ? '' : `, showing it ${identity.certFile}`;
  const tried = `set up TLS with ${target.name}, trusting ${authorities?.file ?? 'the authorities that Node knows'}${shows}`;
  return shake(target, address, trust, deps, (socket): Step => {
    if (!(socket instanceof TLSSocket)) {
      const port =
        'Check the port in "url" under "uplink": with TLS it is mostly 8883. Without TLS the URL begins with mqtt://.';
      const mend = identity === null ? port : `If it is about the client certificate: ${OWN_MEND} Else: ${port}`;
      return { check, outcome: 'error', tried, found: socket.reason, mend };
    }
    const chain = shownChain(socket);
    if (chain.length === 0) {
      const mend = 'Ask those who run the broker for a certificate that this box can check.';
      return { check, outcome: 'error', tried, found: `${target.name} showed no certificate`, mend };
    }
    const shown = { target, chain, authorities, identity, nowMs: deps.clock.wall() };
    return socket.authorized
      ? { check, tried, ...trusted(shown, socket.getProtocol() ?? 'TLS') }
      : { check, tried, ...distrusted(shown, socket) };
  });
}

/** For a broker that refuses the client certificate, or wants one. */
export const OWN_MEND =
  'have those who run the broker say which authority it trusts for gateways, and put a certificate of that one and its key where "cert_file" and "key_file" under "uplink" say.';

/** Whether the port answers with TLS at all. */
export function answersWithTls(target: Target, address: string, deps: BrokerDeps): Promise<boolean> {
  return shake(target, address, { authorities: null, identity: null }, deps, (socket) => socket instanceof TLSSocket);
}

interface Shown extends Trust {
  target: Target;
  chain: DetailedPeerCertificate[];
  nowMs: number;
}

function trusted(shown: Shown, protocol: string): Pick<Step, 'outcome' | 'found' | 'mend'> {
  const { chain, authorities, identity, nowMs } = shown;
  const [leaf] = chain;
  const end = endOf(leaf);
  const found = `${protocol}; the certificate is for ${namesOf(leaf).join(', ')}, signed by ${signerOf(chain)}, valid until ${dayOf(end)}`;
  const ends = [
    { end, whose: "The broker's certificate", mend: 'Have it renewed by those who run the broker.' },
    ...chain.slice(1).map((each) => ({
      end: endOf(each),
      whose: `The certificate of the authority ${nameOf(each)}`,
      mend: 'Have those who run the broker renew it.',
    })),
    ...(authorities === null
      ? []
      : [
          {
            end: authorities.expiresMs,
            whose: `A certificate in ${authorities.file}`,
            mend:
              authorities.expiresMs < nowMs
                ? 'Take it out of that file: this connection does not need it.'
                : 'Put the new one beside it in that file before then.',
          },
        ]),
    ...(identity === null
      ? []
      : [
          {
            end: identity.expiresMs,
            whose: `The client certificate ${identity.certFile}`,
            mend: 'Put its successor there with its key: both are read again at the next connection.',
          },
        ]),
  ];
  const [first] = ends.sort((a, b) => a.end - b.end);
  const days = Math.floor((first.end - nowMs) / DAY_MS);
  if (days >= WARNING_DAYS) return { outcome: 'ok', found, mend: '' };
  const when = days < 0 ? `ended on ${dayOf(first.end)}` : `ends in ${days} ${days === 1 ? 'day' : 'days'}`;
  return { outcome: 'warning', found: `${found}. ${first.whose} ${when}`, mend: first.mend };
}

function distrusted(shown: Shown, socket: TLSSocket): Pick<Step, 'outcome' | 'found' | 'mend'> {
  const { target, chain, authorities, nowMs } = shown;
  const [leaf] = chain;
  const error: unknown = socket.authorizationError;
  // Node holds the code itself there, whatever its types say.
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const file = authorities?.file ?? null;
  const reason = explainCertificate(code, target, file)?.reason ?? `certificate of ${target.name} not trusted: ${code}`;
  const names = namesOf(leaf).join(', ');
  const signer = signerOf(chain);
  const whose = signer === 'itself' ? 'the broker itself' : signer;
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        outcome: 'error',
        found: `${reason}: it is for ${names}`,
        mend: `Write the host in "url" under "uplink" as the certificate has it (${names}), or have it made for ${target.host} too.`,
      };
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID': {
      const today = `this box's clock says ${dayOf(nowMs)}`;
      const spans = chain.map(
        (each) => `${nameOf(each)}: ${dayOf(Date.parse(each.valid_from))} to ${dayOf(endOf(each))}`,
      );
      if (authorities !== null) spans.push(`${authorities.file}: to ${dayOf(authorities.expiresMs)}`);
      return {
        outcome: 'error',
        found: `${reason}: ${spans.join('; ')}; ${today}`,
        mend: 'Set the clock of this box if it is wrong (timedatectl); else have the certificate renewed by those who run the broker.',
      };
    }
    default:
      return {
        outcome: 'error',
        found: `${reason}; it is for ${names} and signed by ${signer}`,
        mend:
          file === null
            ? `If that is the right broker, set "ca_file" under "uplink" to a file with the certificate of ${whose}.`
            : `If that is the right broker, put the certificate of ${whose} into ${file}.`,
      };
  }
}

/**
 * One handshake, closed after `use`. It goes through whatever the certificate is, so that an untrusted one can be named;
 * `authorized` says whether a client that insists would have gone on. Nothing is ever sent over it.
 */
async function shake<T>(
  target: Target,
  address: string,
  { authorities, identity }: Trust,
  deps: BrokerDeps,
  use: (outcome: TLSSocket | Failure) => T,
): Promise<T> {
  const socket = connect({
    host: address,
    port: target.port,
    rejectUnauthorized: false,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(authorities !== null && { ca: Buffer.from(authorities.pem) }),
    ...(identity !== null && { cert: Buffer.from(identity.certificate), key: Buffer.from(identity.key) }),
  });
  const answer = new Promise<TLSSocket | Failure>((resolve) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', (error) => {
      const reset = 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      resolve(reset ? explainHandshake(target) : explainError(error, target, null, identity));
    });
    socket.once('close', () => resolve(explainHandshake(target)));
  });
  const late: Failure = {
    reason: `${target.name} did not answer with TLS within ${TLS_WITHIN_MS / 1_000} s`,
    kind: 'network',
  };
  try {
    return use(await within(deps, TLS_WITHIN_MS, answer, late));
  } finally {
    socket.destroy();
  }
}

/** Names and addresses that the certificate is for. */
function namesOf(leaf: DetailedPeerCertificate): string[] {
  const names = (leaf.subjectaltname ?? '').split(', ').filter((each) => each !== '');
  if (names.length === 0) return [nameOf(leaf)];
  const shown = names.slice(0, NAMES_SHOWN).map((each) => printable(each.replace(/^(DNS|IP Address):/, '')));
  return names.length > NAMES_SHOWN ? [...shown, `${names.length - NAMES_SHOWN} more`] : shown;
}

/** Who signed the last certificate of the shown chain: the authority that this box must know. */
function signerOf(chain: DetailedPeerCertificate[]): string {
  const last = chain[chain.length - 1];
  if (last.fingerprint256 === last.issuerCertificate?.fingerprint256) return 'itself';
  return oneOf(last.issuer.CN) ?? oneOf(last.issuer.O) ?? 'an authority without a name';
}

function nameOf({ subject }: DetailedPeerCertificate): string {
  return oneOf(subject.CN) ?? oneOf(subject.O) ?? 'a name it does not tell';
}

/** A field of a name may be there several times. */
function oneOf(field: string | string[] | undefined): string | undefined {
  const [first] = typeof field === 'string' ? [field] : (field ?? []);
  return first === undefined ? undefined : printable(first);
}

function endOf(certificate: DetailedPeerCertificate): number {
  return Date.parse(certificate.valid_to);
}

/** UTC. */
function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
