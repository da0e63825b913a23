/** Writes the JSON Schemas of config/, by which editors check settings and Modbus profiles, from what the program checks by. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { modbusJsonSchema, settingsJsonSchema } from '../agent/settings/json-schema.ts';

const BIOME = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));
const SCHEMAS = {
  'footfall.schema.json': settingsJsonSchema(),
  'modbus.schema.json': modbusJsonSchema(),
};

for (const [name, schema] of Object.entries(SCHEMAS)) {
  const target = fileURLToPath(new URL(`../config/${name}`, import.meta.url));
  writeFileSync(target, `${JSON.stringify(schema, null, 2)}\n`);
  execFileSync(BIOME, ['format', '--write', target], { stdio: 'pipe' });
  console.log(`wrote ${target}`);
}
