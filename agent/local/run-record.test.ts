import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../errors.ts';
import { endOfFailure, endOfSignal } from './run-end.ts';
import {
  beginRun,
  endOf,
  endRun,
  noteWaiting,
  type RunFacts,
  type RunStart,
  readRunFacts,
  readRuns,
} from './run-record.ts';

let root: string;
let places: { directory: string; runtimeDirectory: string };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'footfall-run-'));
  places = { directory: join(root, 'state'), runtimeDirectory: join(root, 'run') };
  mkdirSync(places.directory);
  mkdirSync(places.runtimeDirectory);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const start: RunStart = {
  pid: 100,
  bootId: 'boot 1',
  startedMs: 5_000,
  version: '0.2.0',
  settingsPath: '/etc/footfall/footfall.yaml',
};
const second: RunStart = { ...start, pid: 200, startedMs: 9_000 };

/** A machine with these processes, by number and start. */
function machine(alive: Record<number, string>, rest: Partial<RunFacts> = {}): RunFacts {
  return { bootId: 'boot 1', processStart: (pid) => alive[pid] ?? null, serviceResult: null, ...rest };
}
const stopped = endOfSignal('SIGTERM', 8_000.5);

/** Makes writing to a folder fail for every user, root too: a folder stands where the new file would be written. */
function block(directory: string): void {
  mkdirSync(join(directory, 'run.json.tmp', 'in the way'), { recursive: true });
}

describe('the record of runs', () => {
  it('knows nothing before the first run, and then who runs since when', () => {
    expect(readRuns(places)).toEqual({ current: null });
    expect(beginRun(places, start, machine({ 100: '77' }))).toEqual({ previous: null, kept: true });
    expect(readRuns(places).current).toEqual({ v: 1, ...start, processStart: '77', end: null });
    expect(statSync(join(places.directory, 'run.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(places.directory)).toEqual(['run.json']);
  });

  it('gives the next run the end that was told', () => {
    beginRun(places, start, machine({ 100: '77' }));
    expect(endRun(places, start, stopped, machine({ 100: '77' }))).toBe(true);
    expect(readRuns(places).current?.end).toEqual({
      how: 'stopped',
      at_ms: 8_000,
      message: 'Stopped by SIGTERM.',
      hint: '',
    });
    expect(beginRun(places, second, machine({ 200: '88' })).previous).toEqual(stopped);
    expect(readRuns(places).current).toMatchObject({ pid: 200, end: null });
  });

  it.each([
    ['a power cut', { bootId: 'boot 2' }, 'power', /power cut/],
    ['a kill', {}, 'killed', /SIGKILL or when memory runs out\.$/],
    ['a crash of its own', { serviceResult: 'core-dump' }, 'killed', /systemd says "core-dump"/],
    ['a lack of memory', { serviceResult: 'oom-kill' }, 'killed', /memory ran out/],
    ['a hang', { serviceResult: 'watchdog' }, 'watchdog', /hung/],
    ['a power cut, whatever systemd says', { bootId: 'boot 2', serviceResult: 'watchdog' }, 'power', /power cut/],
  ] as const)('tells %s from the end that nobody wrote', (_name, facts, how, message) => {
    beginRun(places, start, machine({ 100: '77' }));
    const expected = { how, at_ms: null, message: expect.stringMatching(message), hint: expect.stringMatching(/\w/) };
    const { current } = readRuns(places);
    expect(current && endOf(current, machine({}, facts))).toEqual(expected);
    expect(beginRun(places, second, machine({ 200: '88' }, facts)).previous).toEqual(expected);
  });

  it('tells a living process from a later one that got its number', () => {
    beginRun(places, start, machine({ 100: '77' }));
    const { current } = readRuns(places);
    expect(current && endOf(current, machine({ 100: '77' }))).toBeNull();
    expect(current && endOf(current, machine({ 100: '99' }))).toMatchObject({ how: 'killed' });
    // With the database its own, a run knows that the one before is over, and be it that it had the same number.
    expect(beginRun(places, { ...second, pid: 100 }, machine({ 100: '77' })).previous).toMatchObject({ how: 'killed' });
  });

  it('keeps why a start failed, but not over the note of a daemon that lives', () => {
    const failed = endOfFailure(new AgentError('database_in_use', 'another holds it', 'stop it'), 9_500, 'failed');
    beginRun(places, start, machine({ 100: '77' }));
    expect(endRun(places, second, failed, machine({ 100: '77', 200: '88' }))).toBe(false);
    expect(readRuns(places).current).toMatchObject({ pid: 100, end: null });
    expect(endRun(places, second, failed, machine({ 200: '88' }))).toBe(true);
    expect(readRuns(places).current).toMatchObject({ pid: 200, end: { how: 'failed', hint: 'stop it' } });
  });

  it('falls back to the second place when the first takes nothing, and comes back', () => {
    beginRun(places, start, machine({ 100: '77' }));
    block(places.directory);
    const full = endOfFailure(new AgentError('storage_full', 'no room', 'make some'), 9_500, 'failed');
    expect(endRun(places, second, full, machine({}))).toBe(true);
    expect(readRuns(places).current).toMatchObject({ pid: 200, end: { how: 'failed', message: 'no room' } });
    rmSync(join(places.directory, 'run.json.tmp'), { recursive: true });
    expect(beginRun(places, { ...second, pid: 300, startedMs: 9_900 }, machine({})).previous).toEqual(full);
    expect(readdirSync(places.runtimeDirectory)).toEqual([]);
    expect(readRuns(places).current).toMatchObject({ pid: 300 });

    block(places.directory);
    block(places.runtimeDirectory);
    expect(beginRun(places, start, machine({})).kept).toBe(false);
    expect(endRun(places, start, full, machine({}))).toBe(false);
  });

  it('notes why a run waits for the disk of the first place, and still gives the end of the one before', () => {
    const waiting = { at_ms: 9_100, message: 'no room', hint: 'make some' };
    const alive = machine({ 200: '88' });
    beginRun(places, start, machine({ 100: '77' }));
    expect(noteWaiting(places, second, waiting, machine({ 100: '77', 200: '88' }))).toBe(false);
    // The disk was full when the first one ended, too.
    block(places.directory);
    endRun(places, start, stopped, machine({}));
    for (const at_ms of [9_100, 9_200]) expect(noteWaiting(places, second, { ...waiting, at_ms }, alive)).toBe(true);
    expect(readRuns(places).current).toMatchObject({ pid: 200, end: null, waiting: { ...waiting, at_ms: 9_200 } });
    const { current } = readRuns(places);
    expect(current && endOf(current, alive)).toBeNull();
    rmSync(join(places.directory, 'run.json.tmp'), { recursive: true });
    expect(beginRun(places, second, alive)).toEqual({ previous: stopped, kept: true });
    expect(readRuns(places).current).toEqual({ v: 1, ...second, processStart: '88', end: null });
    expect(readdirSync(places.runtimeDirectory)).toEqual([]);
  });

  it('does not write the flash again for a start that fails for the same reason over and over', () => {
    const failing = (atMs: number) =>
      endOfFailure(new AgentError('settings', 'line 3 is wrong', 'mend it'), atMs, 'failed');
    endRun(places, start, failing(6_000), machine({}));
    const first = readFileSync(join(places.directory, 'run.json'), 'utf8');
    for (const atMs of [11_000, 16_000]) {
      endRun(places, { ...second, startedMs: atMs - 10 }, failing(atMs), machine({}));
      expect(readRuns(places).current?.end?.at_ms).toBe(atMs);
    }
    expect(readFileSync(join(places.directory, 'run.json'), 'utf8')).toBe(first);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{"v":2,"pid":1}',
    '{"v":1,"pid":"1","bootId":"b","startedMs":1,"end":null}',
    '{"v":1,"pid":1,"bootId":"b","startedMs":1}',
  ])('takes %j for no record', (text) => {
    writeFileSync(join(places.directory, 'run.json'), text);
    expect(readRuns(places)).toEqual({ current: null });
    expect(beginRun(places, start, machine({})).kept).toBe(true);
  });

  it('reads the truth about real processes', async () => {
    const child = spawn('sleep', ['60']);
    const { pid = 0 } = child;
    const own = { ...start, pid, bootId: readRunFacts().bootId };
    expect(own.bootId).toMatch(/^[0-9a-f-]{36}$/);
    beginRun(places, own, readRunFacts());
    const { current } = readRuns(places);
    expect(current?.processStart).toMatch(/^\d+$/);
    expect(current && endOf(current, readRunFacts())).toBeNull();
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    expect(current && endOf(current, readRunFacts())).toMatchObject({ how: 'killed' });
  });

  it('reads the start behind a name that holds brackets and spaces, and calls a zombie dead', () => {
    const stat = (name: string, state: string) =>
      `7 (${name}) ${state} 1 7 7 0 -1 4194304 5 0 0 0 1 2 0 0 20 0 1 0 12345 1 2 3`;
    mkdirSync(join(root, '7'));
    writeFileSync(join(root, '7', 'stat'), stat('a) R (b', 'S'));
    expect(readRunFacts(null, root).processStart(7)).toBe('12345');
    writeFileSync(join(root, '7', 'stat'), stat('node', 'Z'));
    expect(readRunFacts(null, root).processStart(7)).toBeNull();
    expect(readRunFacts(null, root).processStart(8)).toBeNull();
  });
});

describe('the end by an error', () => {
  it('takes the words of an error for people', () => {
    expect(endOfFailure(new AgentError('x', 'expected a, found b', 'do c'), 7, 'crashed')).toEqual({
      how: 'crashed',
      at_ms: 7,
      message: 'expected a, found b',
      hint: 'do c',
    });
  });

  it('keeps of any other error its name, its system code and its places only', () => {
    const secret = '02:00:5e:10:00:01 at home\n    at /02:00:5e/10.js:3:4';
    const error = Object.assign(new TypeError(secret, { cause: secret }), { code: 'EIO' });
    const { how, message } = endOfFailure(error, 7, 'crashed');
    expect(how).toBe('crashed');
    expect(message).toMatch(/^A fault of the program: TypeError EIO at agent\/local\/run-record\.test\.ts:\d+:\d+/);
    expect(message).not.toMatch(/02:00|home|10\.js/);
    error.message = 'another';
    expect(endOfFailure(error, 7, 'crashed').message).toBe('A fault of the program: TypeError EIO.');
    error.name = secret;
    Object.assign(error, { code: secret });
    expect(endOfFailure(error, 7, 'crashed').message).toBe('A fault of the program: Error.');
    expect(endOfFailure(secret, 7, 'crashed').message).toBe('A fault of the program: thrown string.');
    expect(endOfFailure(null, 7, 'crashed').message).toMatch(/thrown object/);
  });
});
