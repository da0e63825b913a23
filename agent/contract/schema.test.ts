/** What is checked in of the contract: current, valid by the word of others, and saying the same as the reader. */
import { readdirSync, readFileSync } from 'node:fs';
import asyncApiSchemas from '@asyncapi/specs';
import { Ajv } from 'ajv';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { generatedFiles, generatedReadme } from '../../scripts/contract.ts';
import { MESSAGES } from './catalogue.ts';
import { childrenOf, type JsonSchema, schemaFiles } from './json-schema.ts';
import { RECORD_KINDS } from './records.ts';
import { topicsOf } from './topics.ts';

const FOLDER = new URL('./', import.meta.url);
const addFormats = formats.default as unknown as (ajv: object) => void;
const read = (path: string) => JSON.parse(readFileSync(new URL(path, FOLDER), 'utf8'));
const examplesOf = (name: string) => MESSAGES.find((message) => message.name === name)?.examples ?? [];
const exampleFiles = MESSAGES.flatMap(({ name, examples }) => examples.map((example) => ({ name, example })));

function validator(schema: object): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  addFormats(ajv);
  ajv.addVocabulary(['x-unit', 'x-merge']);
  return ajv.compile(schema);
}

describe('what is checked in', () => {
  let files: Map<string, unknown>;
  beforeAll(async () => {
    files = await generatedFiles();
  });

  it('is what is generated (npm run contract), and nothing else', () => {
    for (const [path, content] of files) expect(read(path), path).toEqual(JSON.parse(JSON.stringify(content)));
    const there = ['schema', 'examples'].flatMap((folder) =>
      readdirSync(new URL(folder, FOLDER)).map((name) => `${folder}/${name}`),
    );
    expect([...there, 'asyncapi.json'].sort()).toEqual([...files.keys()].sort());
  });

  it('has a README whose tables and consumer are current', () => {
    const readme = readFileSync(new URL('README.md', FOLDER), 'utf8');
    expect(readme).toBe(generatedReadme());
    expect(readme).toContain(`\`\`\`python\n${readFileSync(new URL('consumer.py', FOLDER), 'utf8')}\`\`\``);
    for (const kind of RECORD_KINDS.keys()) expect(readme).toContain(`\n### ${kind}\n`);
  });

  it('has a consumer of 30 lines', () => {
    const text = readFileSync(new URL('consumer.py', FOLDER), 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  });

  it('has examples of every message and every record kind that the store of the examples has', () => {
    const kinds = examplesOf('batch').flatMap((name) =>
      read(`examples/${name}.json`).data.records.map(({ kind }: { kind: string }) => kind),
    );
    expect(new Set(kinds)).toEqual(new Set(RECORD_KINDS.keys()));
    for (const { examples } of MESSAGES) expect(examples.length).toBeGreaterThan(0);
  });
});

/** Fields that tell too little, as paths. */
function untold(schema: JsonSchema, path = ''): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    if (typeof property === 'boolean') return [];
    const { title, description } = property;
    const numeric = JSON.stringify({ ...property, properties: {} }).match(/"type":(?:\["?)?"(?:integer|number)"/);
    const ofNumbers = numeric !== null && !JSON.stringify(property).includes('"properties"');
    const told = Boolean(title?.trim()) && Boolean(description?.trim()) && (!ofNumbers || 'x-unit' in property);
    return told ? [] : [`${path}/${name}`];
  });
  const within = childrenOf(schema).flatMap((child, index) => untold(child, `${path}/${child.title ?? index}`));
  return [...own, ...within];
}

/** Objects that would refuse a field they do not know, and objects without a title and a description. */
function narrow(schema: JsonSchema): JsonSchema[] {
  const here = schema.additionalProperties === false || schema.unevaluatedProperties === false ? [schema] : [];
  return [...here, ...childrenOf(schema).flatMap(narrow)];
}

describe('each JSON Schema', () => {
  const schemas = [...schemaFiles()];

  it.each(schemas)('%s tells title, description and unit of every field, and takes unknown ones', (_name, schema) => {
    expect(untold(schema)).toEqual([]);
    expect(narrow(schema)).toEqual([]);
    expect(schema.title).toMatch(/\w/);
    expect(schema.description).toMatch(/\w/);
  });

  it('is found out when a field tells nothing, or when unknown fields are refused', () => {
    const planted = structuredClone(schemaFiles().get('batch')) as JsonSchema;
    const door = planted.$defs?.door as JsonSchema & { properties: Record<string, JsonSchema> };
    door.properties.entries.description = ' ';
    delete door.properties.exits['x-unit'];
    door.additionalProperties = false;
    expect(untold(planted)).toEqual(['/Door/entries', '/Door/exits']);
    expect(narrow(planted)).toEqual([door]);
  });

  it('has an identity of its own', () => {
    const ids = schemas.map(([, { $id }]) => $id);
    expect(new Set(ids).size).toBe(schemas.length);
    for (const [, schema] of schemas) expect(() => validator(schema)).not.toThrow();
  });
});

/** Rules between fields, which JSON Schema cannot express; each is told in a description. */
const BETWEEN_FIELDS = /^expected (?:it to agree with |from_seq to be at most to_seq)/;

function readerTakes(schema: z.ZodType, body: unknown): boolean {
  const result = schema.safeParse(body);
  return result.success || result.error.issues.every(({ message }) => BETWEEN_FIELDS.test(message));
}

// biome-ignore format: odd values, not a line each.
const VALUES: unknown[] = [
  null, true, 0, -1, 1, 1.5, 2 ** 53, 1e300, '', '1', '0', 'door', 'day', 'newer-kind', 'x'.repeat(65),
  'x'.repeat(1025), 'Acme', 'a/b', '2026-02-30', '2026-03-03T09:30:10Z', '2026-03-03T09:30Z', '2026-03-03T25:00:00Z',
  '0123456789abcdef', [], {}, [0], [[1, 2]], { a: 1 }, { epoch: '0123456789abcdef' },
];

type Damage = { at: number; how: 'replace' | 'delete' | 'add' | 'grow' | 'nudge'; value: unknown };

const damages: fc.Arbitrary<Damage[]> = fc.array(
  fc.record({
    at: fc.nat(),
    how: fc.constantFrom('replace', 'delete', 'add', 'grow', 'nudge'),
    value: fc.oneof(fc.constantFrom(...VALUES), fc.integer(), fc.double({ noNaN: true }), fc.string()),
  }),
  { minLength: 1, maxLength: 3 },
);

/** Every place in a body, as its holder and key. */
function placesOf(holder: object): [object, string][] {
  return Object.entries(holder).flatMap(([key, value]): [object, string][] => [
    [holder, key],
    ...(typeof value === 'object' && value !== null ? placesOf(value) : []),
  ]);
}

function damaged(body: object, list: readonly Damage[]): unknown {
  const copy = structuredClone(body);
  for (const { at, how, value } of list) {
    const places = placesOf(copy);
    if (places.length === 0) break;
    const [holder, key] = places[at % places.length] as [Record<string, unknown>, string];
    if (how === 'replace') holder[key] = value;
    else if (how === 'add') holder[`unknown_${at % 7}`] = value;
    else if (how === 'nudge' && typeof holder[key] === 'number') holder[key] += at % 2 === 0 ? 0.5 : -1e6;
    else if (how === 'grow' && Array.isArray(holder[key])) holder[key].push(value);
    else if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  }
  // As it comes from the wire.
  return JSON.parse(JSON.stringify(copy));
}

/** Whether the reader and an independent validator of the schema agree on everything, as a property. */
function agreement(reader: z.ZodType, schema: object, body: object) {
  const valid = validator(schema);
  return fc.property(damages, (list) => {
    const message = damaged(body, list);
    expect(valid(message), JSON.stringify(valid.errors)).toBe(readerTakes(reader, message));
  });
}

describe.each(exampleFiles)('the example $example', ({ name, example }) => {
  const { schema } = MESSAGES.find((message) => message.name === name) as (typeof MESSAGES)[number];
  const body = read(`examples/${example}.json`);

  it('is taken by the reader and by an independent validator', () => {
    const valid = validator(read(`schema/${name}.json`));
    expect(valid(body), JSON.stringify(valid.errors)).toBe(true);
    expect(schema.safeParse(body).error).toBeUndefined();
  });

  it('is refused damaged by both, or by neither', () => {
    fc.assert(agreement(schema, read(`schema/${name}.json`), body), { numRuns: 300 });
  });
});

describe('each record kind', () => {
  const records = examplesOf('batch').flatMap(
    (name) => read(`examples/${name}.json`).data.records as { kind: string }[],
  );

  it.each([...RECORD_KINDS])('%s is refused damaged by the reader and the validator alike', (kind, schema) => {
    const record = records.findLast((each) => each.kind === kind) as object;
    fc.assert(agreement(schema, read(`schema/record-${kind}.json`), record), { numRuns: 300 });
  });

  it('is not held to be checked where the schemas differ', () => {
    const record = records.find(({ kind }) => kind === 'door') as object;
    const door = RECORD_KINDS.get('door') as z.ZodType;
    const looser = read('schema/record-door.json');
    delete looser.properties.exits.minimum;
    expect(fc.check(agreement(door, looser, record), { numRuns: 2_000 }).failed).toBe(true);
    const stricter = { ...read('schema/record-door.json'), additionalProperties: false };
    expect(fc.check(agreement(door, stricter, record), { numRuns: 2_000 }).failed).toBe(true);
  });
});

describe('the AsyncAPI document', () => {
  const document = read('asyncapi.json');

  function official(): ValidateFunction {
    // It brings the metaschema of draft-07 along.
    const ajv = new Ajv({ strict: false, meta: false, validateSchema: false });
    addFormats(ajv);
    return ajv.compile(asyncApiSchemas.schemas['3.0.0'] as object);
  }

  it('is valid by the official schema of AsyncAPI 3.0.0, which refuses planted mistakes', () => {
    const valid = official();
    expect(valid(document), JSON.stringify(valid.errors?.slice(0, 3))).toBe(true);
    expect(valid({ ...document, asyncapi: '2.6.0' })).toBe(false);
    const wrongAction = structuredClone(document);
    wrongAction.operations.sendBatch.action = 'publish';
    expect(valid(wrongAction)).toBe(false);
    const wrongQos = structuredClone(document);
    wrongQos.operations.sendState.bindings.mqtt.qos = 3;
    expect(valid(wrongQos)).toBe(false);
  }, 20_000);

  it('refers to nothing that is not there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path);
    expect(references.length).toBeGreaterThan(30);
    const missing = references.filter((path) => {
      const found = path
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      return found === undefined;
    });
    expect(missing).toEqual([]);
    expect(JSON.stringify(document)).not.toMatch(/"\$ref":"(?!#\/)/);
  });

  it('has the topics, QoS and retention that gateways use', () => {
    const addresses = Object.values(document.channels as Record<string, { address: string }>).map(({ address }) =>
      address.replace('{tenant}', 'acme').replace('{gateway}', 'gw-1'),
    );
    expect(addresses.sort()).toEqual(Object.values(topicsOf('acme', 'gw-1')).sort());
    const operations = Object.values(
      document.operations as Record<string, { action: string; channel: { $ref: string }; bindings: { mqtt: object } }>,
    ).map(({ action, channel, bindings }) => [action, channel.$ref, bindings.mqtt]);
    const mqtt = (retain: boolean) => ({ qos: 1, retain, bindingVersion: '0.2.0' });
    expect(operations).toEqual([
      ['send', '#/channels/batch', mqtt(false)],
      ['send', '#/channels/batch', mqtt(false)],
      ['send', '#/channels/batch', mqtt(false)],
      ['send', '#/channels/state', mqtt(true)],
      ['receive', '#/channels/ack', mqtt(false)],
      ['receive', '#/channels/config', mqtt(true)],
    ]);
  });

  it.each(exampleFiles)('has $example as a message that its own payload schema takes', ({ name, example }) => {
    const ajv = new Ajv2020({ strict: false });
    addFormats(ajv);
    const valid = ajv.addSchema(document, 'asyncapi').getSchema(`asyncapi#/components/schemas/${name}/schema`);
    const { payload } = document.components.messages[name].examples.find(
      (each: { name: string }) => each.name === example,
    );
    expect(payload).toEqual(read(`examples/${example}.json`));
    expect(valid?.(payload), JSON.stringify(valid?.errors)).toBe(true);
    expect(valid?.({ ...payload, epoch: 1, id: 1, revision: 1 })).toBe(false);
  });
});
