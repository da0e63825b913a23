/** The certificate that this box shows the broker, and its key: do they belong together, who may read them, until when. */
import { X509Certificate } from 'node:crypto';
import { AgentError } from '../errors.ts';
import type { ClientIdentity } from '../mqtt/certificates.ts';
import type { UplinkSettings } from '../settings/settings.ts';
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { codeOf, factsAt, type Machine } from './machine.ts';
import { mayUse } from './people.ts';
import { ChapterReport, modeOf, spanOf } from './report.ts';

const SOON_MS = 30 * 86_400_000;
const RENEW = 'Put its successor and the key of that into the two files: they are read again at the next connection.';

const report = new ChapterReport('settings');

/** Nothing where the settings name none. */
export async function checkClientCertificate(
  { machine, identity, deps, nowMs }: Context,
  { certFile, keyFile }: UplinkSettings,
): Promise<Finding[]> {
  if (certFile === undefined || keyFile === undefined) return [];
  const check = { check: 'client_certificate', subject: certFile, tried: 'read the client certificate and its key' };
  for (const path of [certFile, keyFile]) {
    const facts = await factsAt(machine, path);
    if (facts !== null && !mayUse(facts, identity, 'r')) {
      const mend = `Let it: sudo chgrp footfall ${path} && sudo chmod 0640 ${path}`;
      return [report.error(check, `the daemon's user ${identity.name} may not read ${path}`, mend)];
    }
    if (path === keyFile && facts !== null && (facts.mode & 0o007) !== 0) {
      const found = `the key ${path} has mode ${modeOf(facts.mode)}: open to other users`;
      return [
        report.error(check, found, `Close it: sudo chmod o= ${path}. If somebody may have read it, get a new one.`),
      ];
    }
  }
  const closed = await closedTo(machine, [certFile, keyFile]);
  if (closed !== null) return [report.skipped(check, `this user may not read ${closed}`)];
  let shown: ClientIdentity;
  try {
    shown = await deps.readIdentity(certFile, keyFile);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return [report.error(check, error.message, error.hint)];
  }
  const { expiresMs } = shown;
  const day = new Date(expiresMs).toISOString().slice(0, 10);
  if (expiresMs <= nowMs) return [report.error(check, `expired ${spanOf(nowMs - expiresMs)} ago, on ${day}`, RENEW)];
  const found = `for ${bearerOf(shown)}, good until ${day} (${spanOf(expiresMs - nowMs)})`;
  return [expiresMs - nowMs < SOON_MS ? report.warning(check, found, RENEW) : report.ok(check, found)];
}

/** The first of these files that is there and that whoever runs this may not read; null where all can be tried. */
export async function closedTo(machine: Machine, files: readonly string[]): Promise<string | null> {
  for (const file of files) {
    const code = await machine.readFile(file).then(() => '', codeOf);
    if (code === 'EACCES') return file;
  }
  return null;
}

/** Whom it names, as brokers that take the login from it do. */
export function bearerOf({ certificate }: ClientIdentity): string {
  const { subject } = new X509Certificate(certificate);
  // One field a line, as in `CN=shop-1`; a certificate need not have any.
  const name = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  return name === undefined ? 'a name it does not tell' : name.replace(/\p{C}+/gu, ' ').slice(0, 80);
}
