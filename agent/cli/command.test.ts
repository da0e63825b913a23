import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../version.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
/** One file a verb: those of this folder that register one. */
const verbs = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.ts') && !/\.(?:test|fixture)\.ts$/.test(name))
  .filter((name) => readFileSync(new URL(name, import.meta.url), 'utf8').includes('export function register(program'))
  .map((name) => name.replace('.ts', ''));

function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], {
    encoding: 'utf8',
    timeout: 15_000,
  });
  return { code: status, out: stdout, err: stderr };
}

describe('footfall', () => {
  it('tells its version', () => {
    for (const option of ['--version', '-V']) expect(run(option)).toEqual({ code: 0, out: `${VERSION}\n`, err: '' });
  });

  it('lists every verb in its help', () => {
    const { code, out, err } = run('--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(verbs.length).toBeGreaterThan(5);
    for (const verb of verbs) expect(out).toMatch(new RegExp(`^  ${verb}\\b`, 'm'));
  });

  it.each(verbs)('explains %s with examples', (verb) => {
    const { code, out, err } = run(verb, '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`Usage: footfall ${verb}`);
    expect(out).toMatch(/^Exit codes: 0 /m);
    expect(out).toMatch(/^Examples:$/m);
    const [explained] = out.split('Examples:');
    for (const line of explained.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each([
    ['nothing to do', [], 'Usage: footfall'],
    ['a verb that is none', ['bogus'], "unknown command 'bogus'"],
    ['an option that is none', ['status', '--bogus'], "unknown option '--bogus'"],
    ['an argument too few', ['replay'], "missing required argument 'FILE'"],
    ['a value that cannot be', ['demo', '--for', 'ever'], 'expected a number above 0, received "ever"'],
  ])('ends with 64 and says why for %s', (_name, words, said) => {
    const { code, out, err } = run(...words);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toContain(said);
    expect(err).not.toMatch(/^\s+at /m);
  });
});
