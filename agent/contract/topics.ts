/**
 * Topics of contract v1: `ff/v1/{tenant}/{gateway}/(up|down)/{leaf}`. A breaking change gets a new major version in the
 * topic, so that old and new gateways share a broker.
 */
import { AgentError } from '../errors.ts';

const PREFIX = 'ff/v1';
/** NATS treats `.`, `*` and `>` in a level as its own separators and wildcards: so only these characters. */
export const LEVEL = /^[a-z0-9_-]{1,64}$/;

export interface GatewayTopics {
  /** Sealed batches and gap records, QoS 1. */
  batch: string;
  /** Birth, repetition and will, QoS 1 retained. */
  state: string;
  /** The collector's acknowledgements, QoS 1. */
  ack: string;
  /** Desired settings, QoS 1 retained. */
  config: string;
}

/** What a collector subscribes to. */
export const COLLECTOR_SUBSCRIPTIONS = [`${PREFIX}/+/+/up/batch`, `${PREFIX}/+/+/up/state`] as const;

export type TopicLeaf = keyof GatewayTopics;

const LEAVES: Readonly<Record<string, TopicLeaf>> = {
  'up/batch': 'batch',
  'up/state': 'state',
  'down/ack': 'ack',
  'down/config': 'config',
};

export function isLevel(text: string): boolean {
  return LEVEL.test(text);
}

/** @throws AgentError `topic_level` when the tenant or gateway cannot be a topic level. */
export function topicsOf(tenant: string, gateway: string): GatewayTopics {
  const root = `${PREFIX}/${level('tenant', tenant)}/${level('gateway', gateway)}`;
  return {
    batch: `${root}/up/batch`,
    state: `${root}/up/state`,
    ack: `${root}/down/ack`,
    config: `${root}/down/config`,
  };
}

/** The topics of all gateways, with the tenant and the gateway as parameters. */
export function topicPattern(leaf: TopicLeaf): string {
  const [end] = Object.entries(LEAVES).find(([, each]) => each === leaf) ?? [''];
  return `${PREFIX}/{tenant}/{gateway}/${end}`;
}

/** The parts of a topic of this contract, or null for any other. */
export function parseTopic(topic: string): { tenant: string; gateway: string; leaf: TopicLeaf } | null {
  const parts = topic.split('/');
  if (parts.length !== 6 || `${parts[0]}/${parts[1]}` !== PREFIX) return null;
  const leafName = `${parts[4]}/${parts[5]}`;
  if (!isLevel(parts[2]) || !isLevel(parts[3]) || !Object.hasOwn(LEAVES, leafName)) return null;
  return { tenant: parts[2], gateway: parts[3], leaf: LEAVES[leafName] };
}

/** `source` of a gateway's CloudEvents: with `id` (the sequence) it identifies a batch for ever. */
export function sourceOf(tenant: string, gateway: string, epoch: string): string {
  return `/ff/${tenant}/${gateway}/${epoch}`;
}

function level(name: string, value: string): string {
  if (isLevel(value)) return value;
  throw new AgentError(
    'topic_level',
    `expected the ${name} to be 1 to 64 characters of a-z, 0-9, "_" and "-", found ${JSON.stringify(value.slice(0, 80))}`,
    `Choose another ${name} name: it becomes a level of the MQTT topic.`,
  );
}
