/** The certificates that a TLS connection rests on, and until when they hold. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { AgentError, reasonOf } from '../errors.ts';

export interface CertificateFacts {
  /** `broker`: shown by the broker; `authority`: the earliest to expire in the CA file. */
  what: 'broker' | 'authority';
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

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws AgentError `ca_file` when it cannot be read or does not begin with a certificate in PEM. */
export async function readAuthorities(file: string): Promise<Authorities> {
  const fail = (words: string) =>
    new AgentError(
      'ca_file',
      `certificate authority ${file} ${words}`,
      'Put a readable file of PEM certificates there.',
    );
  const pem = await readFile(file).catch((error: unknown) => {
    throw fail(`cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : reasonOf(error)}`);
  });
  const texts = pem.toString('latin1').match(PEM) ?? [];
  if (texts.length === 0) throw fail('holds no certificate in PEM');
  const ends: number[] = [];
  for (const text of texts) {
    try {
      ends.push(new X509Certificate(text).validToDate.getTime());
    } catch {
      // OpenSSL takes those before the first that it cannot read, and none after it.
      break;
    }
  }
  if (ends.length === 0) throw fail('begins with a certificate that cannot be read');
  return { file, pem, expiresMs: Math.min(...ends) };
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
