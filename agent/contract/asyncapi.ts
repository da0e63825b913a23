/** The AsyncAPI 3.0 document of contract v1: from the gateway's view, as its operations say. */
import { BATCH_SCHEMA } from './batch.ts';
import { MESSAGES, type MessageFacts } from './catalogue.ts';
import { type JsonSchema, jsonSchemaOf, recordSchemas } from './json-schema.ts';
import { HARD_LIMIT_BYTES } from './read.ts';
import { LEVEL, type TopicLeaf, topicPattern } from './topics.ts';

const BINDING = '0.2.0';
const SCHEMA_FORMAT = 'application/schema+json;version=2020-12';

const CHANNELS: Record<TopicLeaf, { title: string; description: string }> = {
  batch: { title: 'Batches', description: 'Sealed batches, gap records and probes of a gateway; told apart by type.' },
  state: { title: 'State', description: 'Birth, repetition and will of a gateway.' },
  ack: { title: 'Acknowledgements', description: 'What the collector committed, or will never take.' },
  config: { title: 'Config', description: 'The settings that the centre wants.' },
};

const PARAMETERS = {
  tenant: 'Whose gateway it is; the access list of the broker vouches for it.',
  gateway: 'Name of the gateway, unique within the tenant.',
};

/** @param examples bodies by the name of the example. */
export function asyncApiDocument(examples: ReadonlyMap<string, unknown>): Record<string, unknown> {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Footfall gateway',
      version: `${BATCH_SCHEMA.split(':').at(-1)}.0`,
      description:
        'What a gateway of a store publishes and takes over MQTT, contract v1. `send` and `receive` are those of the gateway: a platform does the opposite. PUBACK is not delivery: a gateway deletes a batch only on the acknowledgement that the collector sends after its own commit. The README beside this document has the rules.',
    },
    defaultContentType: 'application/json',
    servers: { production: server() },
    channels: Object.fromEntries(Object.keys(CHANNELS).map((leaf) => [leaf, channel(leaf as TopicLeaf)])),
    operations: Object.fromEntries(MESSAGES.map((message) => [operationName(message), operation(message)])),
    components: {
      parameters: Object.fromEntries(Object.entries(PARAMETERS).map(([name, text]) => [name, parameter(text)])),
      messages: Object.fromEntries(MESSAGES.map((message) => [message.name, messageObject(message, examples)])),
      schemas: schemas(),
      securitySchemes: {
        login: { type: 'userPassword', description: 'One login for each gateway, its name the gateway.' },
        certificate: {
          type: 'X509',
          description: 'Instead of a login, or besides it: a client certificate per gateway.',
        },
      },
    },
  };
}

function server() {
  return {
    host: 'broker.example.com:8883',
    protocol: 'secure-mqtt',
    protocolVersion: '5',
    title: 'Any MQTT broker',
    description:
      'MQTT 5, or 3.1.1 where the broker takes no other. TLS 1.2 or later with a check of the host name; a CA file where the certificate is not signed by a public authority. QoS 2 and shared subscriptions are not needed.',
    security: [reference('securitySchemes', 'login'), reference('securitySchemes', 'certificate')],
    bindings: {
      mqtt: {
        cleanSession: true,
        keepAlive: 30,
        lastWill: {
          topic: topicPattern('state'),
          qos: 1,
          message: 'The state message of this connection with online false.',
          retain: true,
        },
        bindingVersion: BINDING,
      },
    },
  };
}

function channel(leaf: TopicLeaf) {
  const names = MESSAGES.filter((message) => message.leaf === leaf).map(({ name }) => name);
  return {
    address: topicPattern(leaf),
    ...CHANNELS[leaf],
    servers: [{ $ref: '#/servers/production' }],
    parameters: Object.fromEntries(Object.keys(PARAMETERS).map((name) => [name, reference('parameters', name)])),
    messages: Object.fromEntries(names.map((name) => [name, reference('messages', name)])),
  };
}

/** AsyncAPI 3.0 has no pattern for parameters: it is told in words, and as an extension. */
function parameter(text: string) {
  const description = `${text} 1 to 64 characters of a-z, 0-9, "_" and "-".`;
  return { description, examples: ['acme', 'gw-0042'], 'x-pattern': LEVEL.source };
}

function operationName({ name, direction }: MessageFacts): string {
  return `${direction === 'up' ? 'send' : 'receive'}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function operation(message: MessageFacts) {
  const { name, leaf, direction, qos, retained: retain } = message;
  return {
    action: direction === 'up' ? 'send' : 'receive',
    channel: { $ref: `#/channels/${leaf}` },
    messages: [{ $ref: `#/channels/${leaf}/messages/${name}` }],
    ...(leaf === 'batch'
      ? { reply: { channel: { $ref: '#/channels/ack' }, messages: [{ $ref: '#/channels/ack/messages/ack' }] } }
      : {}),
    bindings: { mqtt: { qos, retain, bindingVersion: BINDING } },
  };
}

function messageObject({ name, schema, schemaId, examples }: MessageFacts, bodies: ReadonlyMap<string, unknown>) {
  const { title, description } = jsonSchemaOf(schema, () => '');
  return {
    name,
    title,
    summary: description,
    contentType: 'application/json',
    payload: reference('schemas', name),
    examples: examples.map((example) => ({ name: example, payload: bodies.get(example) })),
    'x-schema-id': schemaId,
    'x-maximum-bytes': HARD_LIMIT_BYTES,
  };
}

/** References by plain pointers within the document: not every tool knows the identities of JSON Schema. */
function schemas() {
  const inDocument = (kind: string) => `#/components/schemas/record-${kind}/schema`;
  const messages = MESSAGES.map(({ name, schema }): [string, JsonSchema] => [name, jsonSchemaOf(schema, inDocument)]);
  const records = [...recordSchemas()].map(([kind, schema]): [string, JsonSchema] => [`record-${kind}`, schema]);
  return Object.fromEntries(
    [...messages, ...records].map(([name, schema]) => [name, { schemaFormat: SCHEMA_FORMAT, schema }]),
  );
}

function reference(section: string, name: string) {
  return { $ref: `#/components/${section}/${name}` };
}
