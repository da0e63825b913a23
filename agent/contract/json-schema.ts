/** JSON Schemas (2020-12) of the contract, generated from the schemas that the program itself reads and checks by. */
import { z } from 'zod';
import { BATCH_SCHEMA } from './batch.ts';
import { MESSAGES } from './catalogue.ts';
import { baseRecord, RECORD_KINDS, receivedRecord } from './records.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** A file each, by name without extension: the messages, and the record kinds as `record-KIND`. Each stands alone. */
export function schemaFiles(): Map<string, JsonSchema> {
  const inDefinitions = (kind: string) => `#/$defs/${kind}`;
  const files = new Map<string, JsonSchema>();
  for (const { name, schema, schemaId } of MESSAGES) {
    const $defs = name === 'batch' ? { $defs: Object.fromEntries(recordSchemas()) } : {};
    files.set(name, { $schema: DIALECT, $id: schemaId, ...jsonSchemaOf(schema, inDefinitions), ...$defs });
  }
  for (const [kind, schema] of recordSchemas()) {
    const $id = BATCH_SCHEMA.replace(':batch:', `:record:${kind}:`);
    files.set(`record-${kind}`, { $schema: DIALECT, $id, ...schema });
  }
  return files;
}

/** By kind, without identities of their own. */
export function recordSchemas(): Map<string, JsonSchema> {
  return new Map([...RECORD_KINDS].map(([kind, schema]) => [kind, jsonSchemaOf(schema, () => '')]));
}

/**
 * What a receiver may expect: fields that older releases leave out are optional, unknown ones are allowed.
 * @param recordAt where the schema of a record kind is found.
 */
export function jsonSchemaOf(schema: z.ZodType, recordAt: (kind: string) => string): JsonSchema {
  const { $schema: _dialect, ...generated } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if ((zodSchema as z.core.$ZodType) !== receivedRecord) return;
      const { $schema: _dialect, ...common } = z.toJSONSchema(baseRecord, { io: 'input' });
      Object.assign(jsonSchema, common);
      delete jsonSchema.additionalProperties;
      // What the reader checks in code: a kind that is known must be right in every field, another is taken as it is.
      jsonSchema.allOf = [...RECORD_KINDS.keys()].map((kind) => ({
        if: { properties: { kind: { const: kind } } },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nobody awaits it.
        then: { $ref: recordAt(kind) },
      }));
    },
  });
  const { title = '', description = '', ...rest } = generated;
  return titled({ title, description, ...rest });
}

/** With each property that has no title of its own called by its name in words. */
function titled(schema: JsonSchema): JsonSchema {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (typeof property !== 'boolean') property.title ??= wordsOf(name);
  }
  for (const child of childrenOf(schema)) titled(child);
  return schema;
}

/** The schemas directly within one. */
export function childrenOf({
  properties,
  items,
  prefixItems,
  anyOf,
  additionalProperties,
  $defs,
}: JsonSchema): JsonSchema[] {
  const listed = [properties, $defs].flatMap((each) => Object.values(each ?? {}));
  return [...listed, items, ...(prefixItems ?? []), ...(anyOf ?? []), additionalProperties]
    .flat()
    .filter((child): child is JsonSchema => typeof child === 'object');
}

function wordsOf(name: string): string {
  const words = name.replace(/_ms$/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
