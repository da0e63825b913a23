/** What an uplink's state means for the verdict, and what to do about each kind of failure. */
import type { Reason } from './local/document.ts';
import type { UplinkState } from './uplink/port.ts';

/** An uplink that does not get anywhere this long after the start, or is connected this long without any acknowledgement. */
const PATIENCE_MS = 120_000;
const DAY_MS = 24 * 3_600_000;
/** Time enough for a renewal that needs somebody to travel. */
const CERTIFICATE_WARNING_MS = 14 * DAY_MS;

interface UplinkFacts {
  nowMs: number;
  startedMs: number;
  uplink: UplinkState;
  topicRoot: string;
  buffer: { held: number };
}

export function uplinkReasons(facts: UplinkFacts): Reason[] {
  const { phase, lastErrorKind } = facts.uplink;
  if (phase === 'off') return [];
  const reasons = certificateReasons(facts);
  if (phase !== 'connected') return [...downReasons(facts), ...reasons];
  if (lastErrorKind === 'denied') return [denied(facts), ...reasons];
  return [...unacknowledgedReasons(facts), ...reasons];
}

function downReasons(facts: UplinkFacts): Reason[] {
  const { uplink, nowMs, startedMs } = facts;
  if (nowMs - startedMs < PATIENCE_MS && uplink.lastError === null) return [];
  const because = uplink.lastError === null ? '' : `: ${uplink.lastError}`;
  const reason = (code: string, hint: string): Reason => ({
    code,
    subject: '',
    message: `Not connected to the broker${because}.`,
    hint: `Batches are kept. ${hint}`,
    since_ms: uplink.since,
  });
  switch (uplink.lastErrorKind) {
    case 'denied':
      return [denied(facts)];
    case 'login':
      return [
        reason(
          'uplink_login',
          'Check "username" under "uplink" and the password (password_file), then: footfall reload',
        ),
      ];
    case 'tls':
      return [
        reason(
          'uplink_tls',
          'Check "ca_file" and the host name in "url" under "uplink", and the clock of this box: footfall doctor',
        ),
      ];
    case 'file':
      return [reason('uplink_tls', 'Put the file in its place, readable for the user that runs Footfall.')];
    case 'identity':
      return [reason('uplink_identity', 'Give each box its own "gateway" name; a cloned card must be set up anew.')];
    case 'name':
      return [reason('uplink_down', 'Check the host name in "url" under "uplink", and the DNS of this network.')];
    default:
      return [reason('uplink_down', 'Check the network, then the broker and "url" under "uplink": footfall doctor')];
  }
}

function denied({ uplink, topicRoot }: UplinkFacts): Reason {
  return {
    code: 'uplink_denied',
    subject: '',
    message: `The broker does not let this gateway deliver: ${uplink.lastError}.`,
    hint: `Batches are kept. In the broker's access list, let it publish ${topicRoot}/up/# and subscribe ${topicRoot}/down/#.`,
    since_ms: uplink.since,
  };
}

function unacknowledgedReasons({ uplink, buffer: { held }, nowMs }: UplinkFacts): Reason[] {
  const heardAt = Math.max(uplink.lastAcknowledgedAt ?? 0, uplink.since);
  if (held === 0 || uplink.inFlight === 0 || nowMs - heardAt <= PATIENCE_MS) return [];
  return [
    {
      code: 'uplink_unacknowledged',
      subject: '',
      message: 'Connected, but the collector acknowledges nothing.',
      hint: 'Batches are kept. Check that the collector runs, and that the broker lets this gateway publish and subscribe.',
      since_ms: heardAt,
    },
  ];
}

function certificateReasons({ uplink, nowMs }: UplinkFacts): Reason[] {
  const [first] = [...uplink.certificates].sort((a, b) => a.expires_ms - b.expires_ms);
  if (first === undefined || first.expires_ms - nowMs > CERTIFICATE_WARNING_MS) return [];
  const whose = first.what === 'broker' ? "The broker's certificate" : 'The certificate authority in "ca_file"';
  const days = Math.floor((first.expires_ms - nowMs) / DAY_MS);
  return [
    {
      code: 'certificate_expiring',
      subject: '',
      message: days < 0 ? `${whose} has expired.` : `${whose} expires in ${days} ${days === 1 ? 'day' : 'days'}.`,
      hint:
        first.what === 'broker'
          ? 'Have it renewed by those who run the broker.'
          : 'Put the new one in its place; it is read again before each connection.',
      since_ms: nowMs,
    },
  ];
}
