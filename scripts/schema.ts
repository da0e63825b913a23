/** Writes config/footfall.schema.json, by which editors check a settings file, from the schema that the program checks by. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { settingsJsonSchema } from '../agent/settings/json-schema.ts';

const TARGET = fileURLToPath(new URL('../config/footfall.schema.json', import.meta.url));
const BIOME = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));

writeFileSync(TARGET, `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`);
execFileSync(BIOME, ['format', '--write', TARGET], { stdio: 'pipe' });
console.log(`wrote ${TARGET}`);
