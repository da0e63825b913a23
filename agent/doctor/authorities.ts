/** The CA file: whether it holds certificates, and until when they are good. */
import { X509Certificate } from 'node:crypto';
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { codeOf, factsAt } from './machine.ts';
import { mayUse } from './people.ts';
import { ChapterReport, countOf, spanOf } from './report.ts';

const SOON_MS = 30 * 86_400_000;
/** PEM (RFC 7468). */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

const report = new ChapterReport('settings');

export async function checkAuthorities({ machine, identity, nowMs }: Context, path: string): Promise<Finding[]> {
  const check = { check: 'ca_file', subject: path, tried: 'read the certificates of ca_file' };
  const facts = await factsAt(machine, path);
  if (facts !== null && !mayUse(facts, identity, 'r')) {
    return [
      report.error(check, `the daemon's user ${identity.name} may not read it`, `Let it: sudo chmod a+r ${path}`),
    ];
  }
  let text: string;
  try {
    text = await machine.readFile(path);
  } catch (error) {
    if (codeOf(error) === 'EACCES') return [report.skipped(check, 'this user may not read it')];
    const mend = "Put the broker's authority there, PEM, or leave ca_file out where the system trusts it.";
    return [report.error(check, 'there is no such file', mend)];
  }
  const mend = `Get the current certificate of the broker's authority and put it into ${path}.`;
  const parts = text.match(CERTIFICATE) ?? [];
  if (parts.length === 0) return [report.error(check, 'expected certificates in PEM, found none', mend)];
  const ends = parts.map(endOf);
  const broken = ends.filter((end) => end === null).length;
  if (broken > 0) return [report.error(check, `${countOf(broken, 'certificate')} cannot be read`, mend)];
  const good = ends.filter((end): end is number => end !== null && end > nowMs);
  if (good.length === 0) {
    const last = Math.max(...ends.map((end) => end ?? 0));
    return [report.error(check, `expired ${spanOf(nowMs - last)} ago, on ${dayOf(last)}`, mend)];
  }
  const first = Math.min(...good);
  const found = `${countOf(parts.length, 'certificate')}, good until ${dayOf(first)} (${spanOf(first - nowMs)})`;
  if (good.length < ends.length) return [report.warning(check, `${found}; another one has expired`, mend)];
  return [first - nowMs < SOON_MS ? report.warning(check, found, mend) : report.ok(check, found)];
}

/** UTC milliseconds at which it ends; null where it cannot be read. */
function endOf(certificate: string): number | null {
  try {
    return new X509Certificate(certificate).validToDate.getTime();
  } catch {
    return null;
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
