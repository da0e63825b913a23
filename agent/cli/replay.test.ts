import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { requireTcpdump } from '../../drivers/simulator/tcpdump.testing.ts';
import type { WindowRecord } from '../analytics/records.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const CAPTURES = fileURLToPath(new URL('../../../shared/data/wifi-labelled/devA/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'replay-'));

afterAll(() => rmSync(folder, { recursive: true }));

function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], {
    encoding: 'utf8',
    timeout: 15_000,
    maxBuffer: 1 << 28,
  });
  return { code: status, out: stdout, err: stderr };
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Names of the `count` largest files of a folder. */
function largest(path: string, count: number): string[] {
  const size = (name: string): number => statSync(join(path, name)).size;
  return readdirSync(path)
    .sort((one, other) => size(other) - size(one))
    .slice(0, count);
}

function recordsOf(path: string, ...options: string[]): WindowRecord[] {
  const { code, out, err } = run('replay', path, '--json', ...options);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as WindowRecord);
}

describe('footfall replay', () => {
  it('counts the probe requests of a capture as tcpdump does (skipped where shared/data is absent)', (context) => {
    if (!existsSync(CAPTURES)) context.skip('shared/data/wifi-labelled is absent');
    requireTcpdump(context);
    for (const name of largest(CAPTURES, 2)) {
      const path = join(CAPTURES, name);
      const listed = spawnSync('tcpdump', ['-r', path, '-e', '-n'], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout;
      const frames = [...listed.matchAll(/Probe Request/g)].length;
      expect(frames).toBeGreaterThan(10);
      let sightings = 0;
      for (const record of recordsOf(path)) if (record.kind === 'traffic') sightings += record.sightings;
      expect([name, sightings]).toEqual([name, frames]);
    }
  });

  it('counts at the doors of a simulated day what the simulation says they counted', () => {
    const out = join(folder, 'day.stream');
    const truthPath = join(folder, 'truth.json');
    const { code } = run('simulate', '--out', out, '--open', '09:00-10:00', '--seed', '3', '--truth', truthPath);
    expect(code).toBe(0);
    const truth = JSON.parse(readFileSync(truthPath, 'utf8')) as {
      sensors: Record<string, { sightings: number; in: number; out: number }>;
    };
    let [entries, exits, sightings] = [0, 0, 0];
    for (const record of recordsOf(out)) {
      if (record.kind === 'door' && record.rev === 1) {
        entries += record.entries;
        exits += record.exits;
      }
      if (record.kind === 'traffic') sightings += record.sightings;
    }
    expect({ entries, exits }).toEqual({
      entries: truth.sensors['main-door'].in,
      exits: truth.sensors['main-door'].out,
    });
    expect(entries).toBeGreaterThan(10);
    expect(sightings).toBe(truth.sensors['shop-wifi'].sightings);
    const screen = run('replay', out);
    expect(screen.code).toBe(0);
    expect(screen.out).toContain('main-door (door-lines)');
    expect(screen.out).toMatch(new RegExp(`${entries} in, ${exits} out`));
  });

  it.each([
    ['an empty file', () => file('empty', ''), 'expected a pcap file, found 0 bytes'],
    ['a text', () => file('text', 'dear diary, today nothing was captured\n'), 'expected a pcap file'],
    ['a file that is missing', () => join(folder, 'missing'), 'ENOENT'],
    ['a folder', () => folder, 'EISDIR'],
    ['another JSON', () => file('json', '{"a":1}\n'), 'expected a header with "footfall":"stream"'],
    [
      'a recording that is cut',
      () =>
        file('cut', '{"footfall":"stream","v":1,"start_ms":0,"sensors":[{"id":"d","driver":"door-lines"}]}\n{"t":1,'),
      'Line 2 of the recording',
    ],
  ])('ends with 1 and says what to do for %s', (_name, path, said) => {
    const { code, out, err } = run('replay', path());
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(said);
    expect(err).toMatch(/^error: .*\nhint: .+\n$/);
  });

  it('refuses a time zone that does not exist, and does not run for ever', () => {
    const path = file('zone', '{"footfall":"stream","v":1,"start_ms":0,"sensors":[]}\n');
    const { code, err } = run('replay', path, '--time-zone', 'Nowhere/X');
    expect([1, 64]).toContain(code);
    expect(err).toContain('Nowhere/X');
  });
});
