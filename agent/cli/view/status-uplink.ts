/** The uplink's line of the status screen. */
import type { StatusDocument } from '../../local/document.ts';
import type { Fact } from './flow.ts';
import { formatAgo, formatCount, formatDuration, formatShortDuration } from './format.ts';
import { clean } from './width.ts';

/** From here on an uplink that is connected but hears nothing deserves a word. */
const UNACKNOWLEDGED_MS = 60_000;
const DAY = 24 * 3_600_000;
const CERTIFICATE_WARNING_MS = 30 * DAY;

export function uplinkFacts(document: StatusDocument): (Fact | null)[] {
  const { uplink, at_ms: at } = document;
  if (uplink.phase === 'off') return [{ text: 'off: nothing is sent' }];
  const connected = uplink.phase === 'connected';
  return [
    stateFact(document),
    { text: clean(uplink.url) },
    errorFact(document),
    uplink.inFlight > 0 ? { text: `${formatCount(uplink.inFlight)} in flight` } : null,
    uplink.lastAcknowledgedAt === null
      ? { text: 'nothing acknowledged yet' }
      : { text: `${connected ? '' : 'last '}acknowledged ${formatAgo(uplink.lastAcknowledgedAt, at)}` },
    ...waitFacts(document),
    ...certificateFacts(document),
  ];
}

/** What the collector asked for, and what it said that was not taken. A daemon of an older release tells neither. */
function waitFacts({ uplink, at_ms: at }: StatusDocument): Fact[] {
  const ignored = Object.entries(uplink.ignoredAcks ?? {}).filter(([, count]) => count > 0);
  const paused = (uplink.pausedUntil ?? 0) - at;
  const named = ignored.map(([reason, count]) => `${formatCount(count)} ${reason.replaceAll('_', ' ')}`).join(', ');
  return [
    ...(paused > 0
      ? [{ text: `paused by the collector for another ${formatDuration(paused)}`, tone: 'warn' as const }]
      : []),
    ...(ignored.length > 0 ? [{ text: `acknowledgements not taken: ${named}` }] : []),
  ];
}

function stateFact({ uplink, buffer, at_ms: at }: StatusDocument): Fact {
  const age = formatDuration(at - uplink.since);
  if (uplink.phase === 'connecting') return { text: `connecting for ${age}`, tone: 'warn' };
  if (uplink.phase !== 'connected') return { text: `not connected for ${age}, will try again`, tone: 'warn' };
  const silence = at - Math.max(uplink.lastAcknowledgedAt ?? 0, uplink.since);
  if (uplink.inFlight > 0 && buffer.held > 0 && silence >= UNACKNOWLEDGED_MS) {
    return { text: `connected, but nothing acknowledged for ${formatDuration(silence)}`, tone: 'warn' };
  }
  const old = uplink.protocol === 4 ? ' (MQTT 3.1.1)' : '';
  return { text: `connected ${formatShortDuration(at - uplink.since)}${old}`, tone: 'good' };
}

/** Why the last attempt ended, unless the verdict says so already. */
function errorFact({ uplink, verdict }: StatusDocument): Fact | null {
  const told = verdict.reasons.some(({ code }) => code.startsWith('uplink_'));
  if (uplink.phase === 'connected' || uplink.lastError === null || told) return null;
  return { text: clean(uplink.lastError), tone: 'warn' };
}

/** What expires first while all is good; else each one that needs a renewal. */
function certificateFacts({ uplink, at_ms: at }: StatusDocument): Fact[] {
  const certificates = [...uplink.certificates].sort((a, b) => a.expires_ms - b.expires_ms);
  const ending = certificates.filter(({ expires_ms: expires }) => expires - at < CERTIFICATE_WARNING_MS);
  if (ending.length === 0) {
    return certificates
      .slice(0, 1)
      .map(({ expires_ms: expires }) => ({ text: `certificate good for ${days(expires - at)}` }));
  }
  return ending.map(({ what, expires_ms: expires }) => {
    const whose = what === 'broker' ? "the broker's certificate" : 'the certificate authority';
    return expires <= at
      ? { text: `${whose} expired ${days(at - expires)} ago`, tone: 'bad' }
      : { text: `${whose} expires in ${days(expires - at)}`, tone: 'warn' };
  });
}

function days(ms: number): string {
  return ms < DAY ? formatShortDuration(ms) : `${Math.floor(ms / DAY)} d`;
}
