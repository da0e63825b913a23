/** Is the broker there, does it let this gateway in, and does a collector answer: one finding a step, in their order. */
import { topicsOf } from '../contract/topics.ts';
import { AgentError } from '../errors.ts';
import { type Target, targetOf } from '../mqtt/target.ts';
import { checkTcp, lookUp } from './broker-reach.ts';
import { checkConversation } from './broker-session.ts';
import type { BrokerDeps, BrokerTarget, Step } from './broker-step.ts';
import { checkTls, readTrust, type Trust } from './broker-tls.ts';
import type { Finding } from './finding.ts';

/** Every check of this chapter and what it does, in order. */
const CHECKS: readonly (readonly [check: string, does: string])[] = [
  ['broker_name', 'look up the name'],
  ['broker_tcp', 'connect'],
  ['broker_tls', 'set up TLS'],
  ['broker_login', 'log in'],
  ['broker_subscribe', 'subscribe to acknowledgements'],
  ['broker_config', 'subscribe to settings from the centre'],
  ['broker_publish', 'publish a probe'],
  ['broker_round_trip', "wait for a collector's acknowledgement of the probe"],
];

/**
 * Tries the broker step by step, with a client identifier and an epoch of its own, so that a running daemon notices
 * nothing. What comes after the first error is `skipped`.
 */
export async function* checkBroker(target: BrokerTarget, deps: BrokerDeps): AsyncGenerator<Finding> {
  const done = new Set<string>();
  let stuck: string | null = null;
  for await (const step of stepsOf(target, deps)) {
    if (deps.signal?.aborted) return;
    done.add(step.check);
    if (step.outcome === 'error') stuck = step.check;
    yield { chapter: 'broker', subject: '', ...step };
  }
  if (stuck === null || deps.signal?.aborted) return;
  const tls = target.url.toLowerCase().startsWith('mqtts:');
  for (const [check, does] of CHECKS) {
    if (done.has(check) || (check === 'broker_tls' && !tls)) continue;
    const found = `not tried, because ${stuck} failed`;
    yield { chapter: 'broker', check, subject: '', outcome: 'skipped', tried: does, found, mend: '' };
  }
}

/** The steps up to the first error. */
async function* stepsOf(target: BrokerTarget, deps: BrokerDeps): AsyncGenerator<Step> {
  let place: Target;
  try {
    place = targetOf(target.url);
    topicsOf(target.tenant, target.gateway);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const tried = "read the broker's URL and the gateway's name";
    yield { check: 'broker_name', outcome: 'error', tried, found: error.message, mend: error.hint };
    return;
  }
  const { step: name, addresses } = await lookUp(place, deps);
  yield name;
  if (addresses.length === 0) return;
  const { step: tcp, address } = await checkTcp(place, addresses, deps);
  yield tcp;
  if (address === null) return;
  let trust: Trust = { authorities: null, identity: null };
  if (place.tls) {
    const read = await readTrust(target);
    if ('outcome' in read) return void (yield read);
    trust = read;
    const tls = await checkTls(place, address, trust, deps);
    yield tls;
    if (tls.outcome === 'error') return;
  }
  yield* checkConversation({ place, address, trust, target, deps });
}
