/** Writes config/status.schema.json, which describes what `footfall status --json` prints. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { statusJsonSchema } from '../agent/local/document-schema.ts';

const TARGET = fileURLToPath(new URL('../config/status.schema.json', import.meta.url));
const BIOME = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));

writeFileSync(TARGET, `${JSON.stringify(statusJsonSchema(), null, 2)}\n`);
execFileSync(BIOME, ['format', '--write', TARGET], { stdio: 'pipe' });
console.log(`wrote ${TARGET}`);
