/** The way to the broker: its name, and a TCP connection to one of its addresses. */
import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { explainError } from '../mqtt/explain.ts';
import type { Target } from '../mqtt/target.ts';
import { at, type BrokerDeps, lasting, type Step, within } from './broker-step.ts';

const NAME_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;

/** @returns every address of the broker's host in the order in which they are to be tried; none with an error. */
export async function lookUp(target: Target, deps: BrokerDeps): Promise<{ step: Step; addresses: string[] }> {
  const check = 'broker_name';
  if (isIP(target.host) !== 0) {
    const step: Step = {
      check,
      outcome: 'ok',
      tried: `read the host in the broker's URL`,
      found: `${target.host} is an address: there is no name to look up`,
      mend: '',
    };
    return { step, addresses: [target.host] };
  }
  const tried = `looked up ${target.host}, as the daemon does`;
  const from = deps.clock.monotonic();
  const answer = await within(
    deps,
    NAME_WITHIN_MS,
    lookup(target.host, { all: true }).catch((error: unknown) => explainError(error, target, null)),
    { reason: `the name service did not answer within ${NAME_WITHIN_MS / 1_000} s` },
  );
  if (!Array.isArray(answer) || answer.length === 0) {
    const found = Array.isArray(answer) ? `${target.host} has no address` : answer.reason;
    const mend = 'Check the host name in "url" under "uplink", the network of this box and its DNS (/etc/resolv.conf).';
    return { step: { check, outcome: 'error', tried, found, mend }, addresses: [] };
  }
  const addresses = [...new Set(answer.map((each) => each.address))];
  const found = `${addresses.join(', ')}, in ${lasting(deps.clock.monotonic() - from)}`;
  return { step: { check, outcome: 'ok', tried, found, mend: '' }, addresses };
}

/** @returns the first address where a connection stands; null with an error. */
export async function checkTcp(
  target: Target,
  addresses: readonly string[],
  deps: BrokerDeps,
): Promise<{ step: Step; address: string | null }> {
  const check = 'broker_tcp';
  const failures: string[] = [];
  let refused = 0;
  for (const address of addresses) {
    if (deps.signal?.aborted) break;
    const from = deps.clock.monotonic();
    const error = await dial(address, target.port, deps);
    if (error === null) {
      const took = `${at(target, address).name} answered in ${lasting(deps.clock.monotonic() - from)}`;
      const tried = `connected to port ${target.port}`;
      const found = failures.length === 0 ? took : `${took}; before it, ${failures.join('; ')}`;
      return { step: { check, outcome: 'ok', tried, found, mend: '' }, address };
    }
    if ('code' in error && error.code === 'ECONNREFUSED') refused++;
    failures.push(
      error === LATE
        ? `no answer from ${at(target, address).name} within ${ANSWER_WITHIN_MS / 1_000} s (timed out)`
        : explainError(error, at(target, address), null).reason,
    );
  }
  const mend =
    refused === addresses.length
      ? `Check the port in "url" under "uplink" (mostly 1883, with TLS 8883), and that the broker runs and listens on more than its own 127.0.0.1.`
      : `Check the network of this box, and that every firewall on the way lets TCP port ${target.port} out.`;
  const tried = `connected to port ${target.port}, at each address for ${ANSWER_WITHIN_MS / 1_000} s`;
  return { step: { check, outcome: 'error', tried, found: failures.join('; '), mend }, address: null };
}

const LATE = new Error('no answer');

/** Null when a connection stood. */
async function dial(address: string, port: number, deps: BrokerDeps): Promise<Error | null> {
  const socket = connect({ host: address, port });
  const answer = new Promise<Error | null>((resolve) => {
    socket.once('connect', () => resolve(null));
    // Stays attached: an error may follow the end.
    socket.on('error', resolve);
  });
  try {
    return await within(deps, ANSWER_WITHIN_MS, answer, LATE);
  } finally {
    socket.destroy();
  }
}
