import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogging, isJournal, LineRing } from './logging.ts';
import type { Settings } from './settings/settings.ts';

function logTo(log: Settings['log'], journal = false) {
  const written: string[] = [];
  const logging = createLogging({ log, journal, output: { write: (line) => void written.push(line) } });
  return { logging, written };
}

describe('the log', () => {
  it('writes one JSON line each, with level, time, module, fields and message', () => {
    const { logging, written } = logTo({ level: 'info', modules: {} });
    logging.logger('sensors')('warn', { sensor: 'front' }, 'line\nclosed');
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(written[0] ?? '')).toEqual({
      level: 40,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      module: 'sensors',
      sensor: 'front',
      msg: 'line\nclosed',
    });
  });

  it('has a level per module, the general one where none is set, and changes both in loggers handed out before', () => {
    const { logging, written } = logTo({ level: 'warn', modules: { uplink: 'debug', storage: 'silent' } });
    const log = Object.fromEntries(
      (['daemon', 'uplink', 'storage'] as const).map((module) => [module, logging.logger(module)]),
    );
    const all = (): string[] => {
      written.length = 0;
      for (const level of ['debug', 'info', 'warn', 'error'] as const) {
        for (const [module, write] of Object.entries(log)) write(level, {}, `${module} ${level}`);
      }
      return written.map((line) => (JSON.parse(line) as { msg: string }).msg);
    };
    expect(all()).toEqual([
      'uplink debug',
      'uplink info',
      'daemon warn',
      'uplink warn',
      'daemon error',
      'uplink error',
    ]);
    logging.setLevels({ level: 'error', modules: { daemon: 'info' } });
    expect(all()).toEqual(['daemon info', 'daemon warn', 'daemon error', 'uplink error', 'storage error']);
  });

  it('puts the priority in front of each line for the journal, and nowhere else', () => {
    const { logging, written } = logTo({ level: 'trace', modules: {} }, true);
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logging.logger('daemon')(level, {}, level);
    expect(written.map((line) => line.slice(0, 4))).toEqual(['<7>{', '<6>{', '<4>{', '<3>{']);
    expect(logging.recent().map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'debug',
      'info',
      'warn',
      'error',
    ]);
  });

  it('keeps the last lines, and none that was filtered', () => {
    const { logging } = logTo({ level: 'info', modules: {} });
    for (let at = 0; at < 1_200; at++) logging.logger('counting')('info', { at }, 'x');
    logging.logger('counting')('debug', {}, 'filtered');
    const recent = logging.recent().map((line) => (JSON.parse(line) as { at: number }).at);
    expect([recent.length, recent[0], recent.at(-1)]).toEqual([1_000, 200, 1_199]);
  });
});

describe('the last lines', () => {
  it('are bounded in number and in bytes, one line alone as well', () => {
    const ring = new LineRing(3, 10);
    for (const line of ['a', 'b', 'c', 'd']) ring.add(line);
    expect(ring.lines()).toEqual(['b', 'c', 'd']);
    ring.add('éééé');
    expect(ring.lines()).toEqual(['c', 'd', 'éééé']);
    ring.add('xyz');
    expect(ring.lines()).toEqual(['xyz']);
    ring.add('x'.repeat(11));
    expect(ring.lines()).toEqual([]);
    ring.add('again');
    expect(ring.lines()).toEqual(['again']);
  });
});

describe('the journal', () => {
  it('is known by the device and inode in JOURNAL_STREAM', () => {
    const folder = mkdtempSync(join(tmpdir(), 'footfall-log-'));
    const descriptor = openSync(join(folder, 'stream'), 'w');
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    expect(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, descriptor)).toBe(true);
    expect(isJournal({ JOURNAL_STREAM: `${dev}:${ino + 1n}` }, descriptor)).toBe(false);
    expect(isJournal({}, descriptor)).toBe(false);
    closeSync(descriptor);
    expect(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, descriptor)).toBe(false);
    rmSync(folder, { recursive: true });
  });
});
