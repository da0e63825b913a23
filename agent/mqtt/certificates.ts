/** The certificates that a TLS connection rests on, and until when they hold. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { AgentError, reasonOf } from '../errors.ts';

export interface CertificateFacts {
  /** `broker`: shown by the broker; `authority`: the earliest to expire in the CA file; `client`: shown by this box. */
  what: 'broker' | 'authority' | 'client';
  /** UTC milliseconds. */
  expires_ms: number;
}

/** A file of certificates that may sign the broker's. */
export interface Authorities {
  file: string;
  pem: Uint8Array;
  /** UTC milliseconds; the earliest among them. */
  expiresMs: number;
}

/** The certificate that this box shows, with its chain, and its key. */
export interface ClientIdentity {
  certFile: string;
  certificate: Uint8Array;
  key: Uint8Array;
  /** UTC milliseconds; the earliest in the file. */
  expiresMs: number;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws AgentError `ca_file` when it cannot be read or does not begin with a certificate in PEM. */
export async function readAuthorities(file: string): Promise<Authorities> {
  const fail = (words: string) =>
    new AgentError(
      'ca_file',
      `certificate authority ${file} ${words}`,
      'Put a readable file of PEM certificates there.',
    );
  const pem = await bytesOf(file, fail);
  return { file, pem, expiresMs: Math.min(...certificatesIn(pem, fail).map(endOf)) };
}

/**
 * Whether the certificate still holds is left to the broker, whose clock may be right where this box's is not.
 * @throws AgentError `cert_file` or `key_file` when one cannot be read, is no PEM, or the key is not the certificate's.
 * The error never quotes what is in them.
 */
export async function readIdentity(certFile: string, keyFile: string): Promise<ClientIdentity> {
  const failCertificate = (words: string) =>
    new AgentError(
      'cert_file',
      `client certificate ${certFile} ${words}`,
      "Put this box's certificate there in PEM, with its chain behind it.",
    );
  const failKey = (words: string) =>
    new AgentError(
      'key_file',
      `key ${keyFile} ${words}`,
      `Put the key of ${certFile} there in PEM, without a passphrase, readable for the user that runs Footfall.`,
    );
  const certificate = await bytesOf(certFile, failCertificate);
  const chain = certificatesIn(certificate, failCertificate);
  const key = await bytesOf(keyFile, failKey);
  let parsed: KeyObject;
  try {
    parsed = createPrivateKey(key);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    const locked = code === 'ERR_MISSING_PASSPHRASE' || /ENCRYPTED/.test(key.toString('latin1'));
    throw failKey(locked ? 'is locked with a passphrase' : 'holds no key in PEM');
  }
  if (!chain[0].checkPrivateKey(parsed)) throw failKey(`does not belong to the certificate ${certFile}`);
  return { certFile, certificate, key, expiresMs: Math.min(...chain.map(endOf)) };
}

async function bytesOf(file: string, fail: (words: string) => AgentError): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw fail(`cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : reasonOf(error)}`);
  });
}

/** At least one. */
function certificatesIn(pem: Buffer, fail: (words: string) => AgentError): X509Certificate[] {
  const texts = pem.toString('latin1').match(PEM) ?? [];
  if (texts.length === 0) throw fail('holds no certificate in PEM');
  const found: X509Certificate[] = [];
  for (const text of texts) {
    try {
      found.push(new X509Certificate(text));
    } catch {
      // OpenSSL takes those before the first that it cannot read, and none after it.
      break;
    }
  }
  if (found.length === 0) throw fail('begins with a certificate that cannot be read');
  return found;
}

function endOf(certificate: X509Certificate): number {
  return certificate.validToDate.getTime();
}

/** A chain as the other end showed it, the leaf first; the authority at its root, which comes from this box, left out. */
export function shownChain(socket: TLSSocket): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  // An object without fields where the other end showed none.
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && !chain.includes(next)) {
    if (chain.length > 0 && next.issuerCertificate === next) break;
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/** UTC milliseconds at which the first certificate of the shown chain ends; null where none was shown. */
export function shownUntil(socket: TLSSocket): number | null {
  const chain = shownChain(socket);
  return chain.length === 0 ? null : Math.min(...chain.map((each) => Date.parse(each.valid_to)));
}
