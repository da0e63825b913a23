/** The settings file and Modbus profiles as JSON Schemas, for editors: draft-07, which yaml-language-server takes. */
import { z } from 'zod';
import { modbusProfileSchema } from './modbus-schema.ts';
import { settingsSchema } from './schema.ts';
import { DRIVER_FACTS, DRIVER_KEYS, DRIVER_NAMES } from './sensor-drivers.ts';
import type { SensorDriver } from './settings.ts';

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

/** A Modbus profile of one's own as a JSON Schema. */
export function modbusJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(modbusProfileSchema, {
    target: 'draft-07',
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.properties?.register) jsonSchema.oneOf = [{ required: ['coil'] }, { required: ['register'] }];
    },
  });
  return { $schema, title: 'Footfall Modbus profile', ...schema };
}

/** What a sensor of this driver needs and cannot have. */
function ruleOf(driver: SensorDriver): JsonSchema {
  const { kind, keys, needs, bus, adapter, uartBaud } = DRIVER_FACTS[driver];
  const rules: JsonSchema[] = [without(DRIVER_KEYS.filter((key) => !keys.includes(key))), { required: [...needs] }];
  if (kind === 'door') rules.push(placeRule(keys.includes('role')));
  if (bus) rules.push({ properties: { unit: { minimum: 1, maximum: bus.highestUnit } } });
  if (adapter !== undefined) rules.push({ properties: { adapter: { pattern: adapter } } });
  if (uartBaud !== undefined) rules.push({ oneOf: [{ required: ['port'] }, without(['port', 'baud'])] });
  if (uartBaud !== undefined) rules.push({ not: { required: ['port', 'adapter'] } });
  if (driver === 'door-modbus') {
    const [both, total] = [['in_channel', 'out_channel'], ['total_channel']];
    rules.push({
      oneOf: [
        { required: both, ...without(total) },
        { required: total, ...without(both) },
      ],
    });
  }
  return when('driver', driver, { allOf: rules });
}

function placeRule(canBeTill: boolean): JsonSchema {
  const door = { required: ['door'] };
  return canBeTill ? when('role', 'transactions', without(['door', 'counts']), door) : door;
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
