/** The messages of contract v1, with how each travels: what JSON Schemas, AsyncAPI, the README and the command tell from. */
import type { z } from 'zod';
import { BATCH_SCHEMA, batchMessage } from './batch.ts';
import { GAP_SCHEMA, gapMessage } from './gap.ts';
import { ACK_SCHEMA, ackMessage, CONFIG_SCHEMA, configMessage, STATE_SCHEMA, stateMessage } from './messages.ts';
import { PROBE_SCHEMA, probeMessage } from './probe.ts';
import { type TopicLeaf, topicPattern } from './topics.ts';

export interface MessageFacts {
  name: string;
  schema: z.ZodType;
  /** Of its JSON Schema, and `dataschema` where the message has an envelope. */
  schemaId: string;
  leaf: TopicLeaf;
  /** `up`: the gateway publishes it. */
  direction: 'up' | 'down';
  qos: 1;
  retained: boolean;
  /** Names of the examples, files in `examples/`. */
  examples: readonly string[];
}

export const MESSAGES: readonly MessageFacts[] = [
  {
    name: 'batch',
    schema: batchMessage,
    schemaId: BATCH_SCHEMA,
    leaf: 'batch',
    direction: 'up',
    qos: 1,
    retained: false,
    examples: ['batch', 'batch-settlement'],
  },
  {
    name: 'gap',
    schema: gapMessage,
    schemaId: GAP_SCHEMA,
    leaf: 'batch',
    direction: 'up',
    qos: 1,
    retained: false,
    examples: ['gap'],
  },
  {
    name: 'probe',
    schema: probeMessage,
    schemaId: PROBE_SCHEMA,
    leaf: 'batch',
    direction: 'up',
    qos: 1,
    retained: false,
    examples: ['probe'],
  },
  {
    name: 'state',
    schema: stateMessage,
    schemaId: STATE_SCHEMA,
    leaf: 'state',
    direction: 'up',
    qos: 1,
    retained: true,
    examples: ['state', 'state-new-epoch'],
  },
  {
    name: 'ack',
    schema: ackMessage,
    schemaId: ACK_SCHEMA,
    leaf: 'ack',
    direction: 'down',
    qos: 1,
    retained: false,
    examples: ['ack', 'ack-rejected'],
  },
  {
    name: 'config',
    schema: configMessage,
    schemaId: CONFIG_SCHEMA,
    leaf: 'config',
    direction: 'down',
    qos: 1,
    retained: true,
    examples: ['config'],
  },
];

/** A line per message, as `footfall contract` and the README show it. */
export interface OverviewRow {
  message: string;
  topic: string;
  from: 'gateway' | 'platform';
  qos: 1;
  retained: boolean;
  schema: string;
}

export function overviewRows(): OverviewRow[] {
  return MESSAGES.map(({ name, leaf, direction, qos, retained, schemaId }) => ({
    message: name,
    topic: topicPattern(leaf),
    from: direction === 'up' ? 'gateway' : 'platform',
    qos,
    retained,
    schema: schemaId,
  }));
}
