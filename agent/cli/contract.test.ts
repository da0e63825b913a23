import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MESSAGES } from '../contract/catalogue.ts';
import { RECORD_KINDS } from '../contract/records.ts';
import { COLLECTOR_SUBSCRIPTIONS } from '../contract/topics.ts';
import { register } from './contract.ts';
import { runVerb } from './verb.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const contract = (...words: string[]) => runVerb(register, ['contract', ...words]);
const fileOf = (path: string) => readFileSync(new URL(`../contract/${path}`, import.meta.url), 'utf8');

describe('footfall contract', () => {
  it.each([
    ...MESSAGES.map(({ name }) => [[name], `schema/${name}.json`] as const),
    ...[...RECORD_KINDS.keys()].map((kind) => [['record', kind], `schema/record-${kind}.json`] as const),
    ...MESSAGES.flatMap(({ examples }) =>
      examples.map((each) => [['examples', each], `examples/${each}.json`] as const),
    ),
    [['asyncapi'], 'asyncapi.json'] as const,
  ])('%j prints %s', async (words, path) => {
    expect(await contract(...words)).toEqual({ code: 0, out: fileOf(path), err: '' });
  });

  it('gives an overview of every message in 80 columns', async () => {
    const { code, out } = await contract();
    expect(code).toBe(0);
    for (const { name, schemaId, retained } of MESSAGES) {
      expect(out).toMatch(new RegExp(`^${name} .* 1 +${retained ? 'yes' : 'no'} +${schemaId}$`, 'm'));
    }
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(out).toContain('Topics are below ff/v1/{tenant}/{gateway}/\n');
    expect(JSON.parse((await contract('--json')).out)).toHaveLength(MESSAGES.length);
  });

  it('lists each topic once, with what goes over it', async () => {
    const { out } = await contract('topics');
    expect(out).toMatch(/^up\/batch +gateway +1 +no +batch, gap, probe$/m);
    const topics = JSON.parse((await contract('topics', '--json')).out);
    expect(topics).toHaveLength(4);
    const up = topics.filter(({ from }: { from: string }) => from === 'gateway');
    expect(up.map(({ topic }: { topic: string }) => topic.replace(/\{\w+\}/g, '+'))).toEqual([
      ...COLLECTOR_SUBSCRIPTIONS,
    ]);
  });

  it('lists the examples', async () => {
    const names = MESSAGES.flatMap(({ examples }) => examples);
    expect((await contract('examples')).out).toBe(`${names.join('\n')}\n`);
    expect(JSON.parse((await contract('examples', '--json')).out)).toEqual(names);
  });

  it.each([
    [['record'], 'expected one of door, occupancy, '],
    [['record', 'nope'], 'received "nope"'],
    [['examples', '../schema/batch'], 'received "../schema/batch"'],
    [['batch', 'door'], 'expected nothing behind batch, received "door"'],
    [['bogus'], "'bogus' is invalid"],
  ])('ends with 64 and says why for %j', async (words, said) => {
    const { code, out, err } = await contract(...words);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toContain(said);
  });

  it('loads neither the MQTT client nor the database', () => {
    const refusing = (names: string) => {
      const hook = `import { registerHooks } from 'node:module';
        registerHooks({ resolve(name, context, next) {
          if (/^(${names})$/.test(name)) throw new Error('loads ' + name);
          return next(name, context);
        } });`;
      const options = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
      const { status, stderr } = spawnSync(process.execPath, [...options, MAIN, 'contract'], { encoding: 'utf8' });
      return { status, stderr };
    };
    expect(refusing('mqtt|better-sqlite3|serialport|pg')).toEqual({ status: 0, stderr: '' });
    expect(refusing('zod').stderr).toContain('loads zod');
  });
});
