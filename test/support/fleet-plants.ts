/** Faults that can be planted in a fleet, to see that a storm's ledger tells them. */
import type { FleetRunParts } from '../../agent/cli/fleet/run.ts';
import { type OpenSession, openSession } from '../../agent/mqtt/session.ts';

export const FLEET_PLANTS = ['no-jitter', 'puback', 'twice', 'other-bytes'] as const;
export type FleetPlant = (typeof FLEET_PLANTS)[number];

const EACH = 10;

/** Sends each tenth batch once more, as `change` makes it. */
function repeating(change: (body: string) => string): OpenSession {
  let batches = 0;
  return (request, events) => {
    const session = openSession(request, events);
    const publish: typeof session.publish = (topic, body, retain, done) => {
      session.publish(topic, body, retain, done);
      if (!topic.endsWith('/up/batch') || ++batches % EACH !== 0) return;
      session.publish(topic, Buffer.from(change(Buffer.from(body).toString())), retain, () => undefined);
    };
    return {
      protocol: session.protocol,
      get room() {
        return session.room;
      },
      get asking() {
        return session.asking;
      },
      publish,
      hold: (held) => session.hold(held),
      abort: (failure) => session.abort(failure),
      disconnect: () => session.disconnect(),
    };
  };
}

export const PLANTED: Record<FleetPlant, NonNullable<FleetRunParts['plant']>> = {
  'no-jitter': { jitter: () => 0.999_999 },
  /** The gateway deletes what the broker, not the collector, has taken. */
  puback: { ack: 'puback' },
  /** Right by the contract; only a store without its keys makes two of it. */
  twice: { open: repeating((body) => body) },
  /** A sequence is sealed twice, with other bytes. */
  'other-bytes': {
    open: repeating((body) => body.replace(/"entries":(\d+)/, (_, n: string) => `"entries":${Number(n) + 1}`)),
  },
};
