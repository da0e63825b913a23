/** The settings file as a JSON Schema, for editors: draft-07, which yaml-language-server takes. */
import { z } from 'zod';
import { settingsSchema } from './schema.ts';
import { DRIVER_FACTS, DRIVER_NAMES } from './sensor-drivers.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A plain value, made anew at each call. */
export function settingsJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(settingsSchema, {
    target: 'draft-07',
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const { properties } = jsonSchema;
      // Known to the program only so that it is refused in words.
      if (properties) delete properties.password;
      if (properties?.driver) jsonSchema.allOf = DRIVER_NAMES.map(ruleOf);
    },
  });
  return { $schema, title: 'Footfall settings', ...schema };
}

/** What a sensor of this driver needs and cannot have. */
function ruleOf(driver: (typeof DRIVER_NAMES)[number]): JsonSchema {
  const { kind, foreignKeys } = DRIVER_FACTS[driver];
  const needsPlace =
    kind === 'wifi'
      ? { required: ['zone'] }
      : when('role', 'transactions', without(['door']), {
          required: ['door'],
        });
  return when('driver', driver, { allOf: [without(foreignKeys), needsPlace] });
}

function without(keys: readonly string[]): JsonSchema {
  return { properties: Object.fromEntries(keys.map((key) => [key, false])) };
}

function when(key: string, value: string, consequence: JsonSchema, otherwise: JsonSchema = {}): JsonSchema {
  return {
    if: { properties: { [key]: { const: value } }, required: [key] },
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema, in a value that nobody awaits.
    then: consequence,
    else: otherwise,
  };
}
