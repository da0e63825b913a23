import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
const hour = ['--open', '09:00-10:00'];

afterAll(() => rmSync(folder, { recursive: true }));

function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'simulate', ...words], {
    encoding: 'utf8',
    timeout: 15_000,
  });
  return { code: status, out: stdout, err: stderr };
}

const inFolder = (name: string): string => join(folder, name);

describe('footfall simulate', () => {
  it('writes the same bytes for the same seed, and others for another', () => {
    for (const [name, seed] of [
      ['a', '5'],
      ['b', '5'],
      ['c', '6'],
    ]) {
      expect(run('--out', inFolder(name), '--seed', seed, ...hour).code).toBe(0);
    }
    const [a, b, c] = ['a', 'b', 'c'].map((name) => readFileSync(inFolder(name)));
    expect(a.equals(b)).toBe(true);
    expect(a.equals(c)).toBe(false);
  });

  it('begins a quarter of an hour before opening, in the time zone it is told, and names its sensors', () => {
    run('--out', inFolder('zone'), '--date', '2026-07-01', '--time-zone', 'Asia/Tokyo', ...hour);
    const header = JSON.parse(readFileSync(inFolder('zone'), 'utf8').split('\n')[0]);
    expect(header).toMatchObject({
      footfall: 'stream',
      start_ms: Date.UTC(2026, 5, 30, 23, 45),
      sensors: [{ id: 'shop-wifi' }, { id: 'main-door' }],
    });
  });

  it('tells one truth, in the file and as JSON', () => {
    const truth = inFolder('truth.json');
    const { code, out } = run(
      '--out',
      inFolder('d'),
      '--truth',
      truth,
      '--json',
      '--passers',
      '600',
      '--enters',
      '30',
      ...hour,
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(JSON.parse(readFileSync(truth, 'utf8')));
    const { passers, entered, left, hours } = JSON.parse(out);
    expect(entered).toBeGreaterThan(20);
    expect(passers).toBeGreaterThan(entered);
    expect(left).toBe(entered);
    expect(hours.reduce((sum: number, { entered: part }: { entered: number }) => sum + part, 0)).toBe(entered);
  });

  it.each([
    [1, ['--date', '2026-02-31'], '2026-02-31'],
    [64, ['--time-zone', 'Nowhere/X'], 'Nowhere/X'],
    [1, ['--open', '19:00-09:00'], 'later than openMs'],
    [1, ['--enters', '300'], 'between 0 and 1'],
    [64, ['--seed', '1.5'], 'expected a whole number'],
    [64, ['--open', 'nine'], 'expected hours such as'],
    [64, ['--passers', '-4'], 'at least 0'],
  ])('ends with %i for %j, says why and writes nothing', (expected, words, said) => {
    const { code, out, err } = run('--out', inFolder('never'), ...words);
    expect({ code, out }).toEqual({ code: expected, out: '' });
    expect(err).toContain(said);
    expect(existsSync(inFolder('never'))).toBe(false);
  });

  it('ends with 1 where the recording cannot be written', () => {
    const { code, err } = run('--out', inFolder('no/such/folder'), ...hour);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: The recording could not be written: ENOENT.*\nhint: .+\n$/);
  });

  it('ends with 1 and no stack trace where the truth cannot be written', () => {
    const { code, err } = run('--out', inFolder('e'), '--truth', inFolder('no/such/truth.json'), ...hour);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*\nhint: .+\n$/);
  });

  it('removes the unfinished file when it is stopped by Ctrl-C', async () => {
    const out = inFolder('stopped');
    const child: ChildProcess = spawn(
      process.execPath,
      [MAIN, 'simulate', '--out', out, '--open', '00:30-23:00', '--passers', '1500'],
      { stdio: 'ignore' },
    );
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    while (child.exitCode === null && !(existsSync(out) && readFileSync(out).length > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(existsSync(out)).toBe(false);
  });
});
