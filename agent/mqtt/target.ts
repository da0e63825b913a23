import { AgentError } from '../errors.ts';

/** Where a broker is, from a URL. */
export interface Target {
  tls: boolean;
  host: string;
  port: number;
  /** host:port, for people. */
  name: string;
}

/** @throws AgentError `broker_url` for anything but mqtt:// or mqtts:// with a host and an optional port. */
export function targetOf(url: string): Target {
  const hint = 'Write it as mqtt://host:1883, or mqtts://host:8883 with TLS.';
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // The text itself may hold a password.
    throw new AgentError('broker_url', 'expected the broker as a URL, found something else', hint);
  }
  if (parsed.protocol !== 'mqtt:' && parsed.protocol !== 'mqtts:') {
    throw new AgentError('broker_url', `expected a broker URL of mqtt: or mqtts:, found ${parsed.protocol}`, hint);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new AgentError(
      'broker_url',
      'expected a broker URL without user name and password, found one that has them',
      'Give the user name and the password apart from the URL, so that neither is shown with it.',
    );
  }
  if (parsed.hostname === '' || !/^\/?$/.test(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') {
    throw new AgentError('broker_url', 'expected a broker URL of a host and a port only, found more or less', hint);
  }
  const tls = parsed.protocol === 'mqtts:';
  const port = parsed.port === '' ? (tls ? 8883 : 1883) : Number(parsed.port);
  return { tls, host: parsed.hostname.replace(/^\[|\]$/g, ''), port, name: `${parsed.hostname}:${port}` };
}
