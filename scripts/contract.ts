/** Writes what the platform team reads of the contract, from the schemas and the code that the program itself runs by. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asyncApiDocument } from '../agent/contract/asyncapi.ts';
import { schemaFiles } from '../agent/contract/json-schema.ts';
import { filledIn } from '../agent/contract/tables.ts';
import { contractExamples } from './contract/examples.ts';

const BIOME = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));
const CONTRACT = new URL('../agent/contract/', import.meta.url);
const README = new URL('README.md', CONTRACT);
/** Folders that hold nothing else. */
const GENERATED = ['schema/', 'examples/'];

/** Contents by path within agent/contract. */
export async function generatedFiles(): Promise<Map<string, unknown>> {
  const examples = await contractExamples();
  return new Map<string, unknown>([
    ...[...schemaFiles()].map(([name, schema]): [string, unknown] => [`schema/${name}.json`, schema]),
    ...[...examples].map(([name, body]): [string, unknown] => [`examples/${name}.json`, body]),
    ['asyncapi.json', asyncApiDocument(examples)],
  ]);
}

/** The README with its generated parts as they should be. */
export function generatedReadme(): string {
  const consumer = readFileSync(new URL('consumer.py', CONTRACT), 'utf8');
  return filledIn(readFileSync(README, 'utf8'), consumer);
}

if (import.meta.main) {
  const files = await generatedFiles();
  for (const folder of GENERATED) {
    mkdirSync(new URL(folder, CONTRACT), { recursive: true });
    for (const name of readdirSync(new URL(folder, CONTRACT))) {
      if (!files.has(`${folder}${name}`)) rmSync(new URL(`${folder}${name}`, CONTRACT));
    }
  }
  const paths = [...files].map(([path, content]) => {
    const target = fileURLToPath(new URL(path, CONTRACT));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `${JSON.stringify(content, null, 2)}\n`);
    return target;
  });
  execFileSync(BIOME, ['format', '--write', ...paths], { stdio: 'pipe' });
  writeFileSync(README, generatedReadme());
  console.log(`wrote ${paths.length} files and the tables of the README in ${fileURLToPath(CONTRACT)}`);
}
