/** The brokers that a run can have. */
import { MOSQUITTO } from '../../test/support/broker.ts';
import { MOSQUITTO_KINDS, type MosquittoKind, MosquittoSystem } from '../../test/support/brokers-mosquitto.ts';
import { NATS, NatsSystem } from '../../test/support/brokers-nats.ts';
import type { BrokerSystem } from '../../test/support/brokers-node.ts';
import { RABBITMQ, RabbitSystem } from '../../test/support/brokers-rabbitmq.ts';

export type BrokerKind = MosquittoKind | 'rabbitmq' | 'nats';
export const BROKER_KINDS: readonly BrokerKind[] = [
  ...(Object.keys(MOSQUITTO_KINDS) as MosquittoKind[]),
  'rabbitmq',
  'nats',
];

/** Null where the server is installed, else what to do. */
export function missingServer(kind: BrokerKind): string | null {
  if (kind === 'rabbitmq') return RABBITMQ === null ? 'needs rabbitmq-server' : null;
  if (kind === 'nats') return NATS === null ? 'needs nats-server' : null;
  return MOSQUITTO === null ? 'needs mosquitto' : null;
}

export async function makeBroker(kind: BrokerKind, directory: string): Promise<BrokerSystem> {
  if (kind === 'rabbitmq') return RabbitSystem.make(directory);
  if (kind === 'nats') return NatsSystem.make(directory);
  return MosquittoSystem.make(directory, kind);
}
