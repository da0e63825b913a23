import { describe, expect, it } from 'vitest';
import { covers, namesRealKey, suggestKey } from './keys.ts';

const IDS = ['front', 'side-2'];

describe('keys', () => {
  it.each([
    'tenant',
    'counting',
    'counting.*',
    'counting.grace_seconds',
    'sensors.*.gate_dbm',
    'sensors.side-2',
    'sensors.side-2.port',
    'store.hours.mon-fri',
    'store.exceptions.2026-12-24',
    'log.modules.uplink',
    'locked',
    '*',
  ])('%s is real', (key) => {
    expect(namesRealKey(key, IDS)).toBe(true);
    expect(suggestKey(key, IDS)).toBe(key);
  });

  it.each<[string, string | null]>([
    ['tenannt', 'tenant'],
    ['countin.grace_seconds', 'counting.grace_seconds'],
    ['counting.visit_gap', 'counting.visit_gap_seconds'],
    ['sensors.frnt.gate_dmb', 'sensors.front.gate_dbm'],
    ['sensors.*.gate', 'sensors.*.gate_dbm'],
    ['store.hours.sunday', 'store.hours.sun'],
    ['store.exceptions.2026-13-01', null],
    ['log.modules.uplnk', 'log.modules.uplink'],
    ['uplink.password', 'uplink.password_file'],
    ['counting.grace_seconds.x', null],
    ['colour', null],
    ['__proto__', null],
    ['', null],
  ])('%s is none, and %s is suggested', (key, meant) => {
    expect(namesRealKey(key, IDS)).toBe(false);
    expect(suggestKey(key, IDS)).toBe(meant);
  });

  it('are covered by themselves, their section and patterns', () => {
    const key = 'sensors.front.gate_dbm';
    expect(
      [key, 'sensors', 'sensors.front', 'sensors.*.gate_dbm', '*', '*.*.gate_dbm'].map((p) => covers(p, key)),
    ).toEqual([true, true, true, true, true, true]);
    expect(['sensors.side-2', 'sensors.*.port', 'sensor', `${key}.x`].some((p) => covers(p, key))).toBe(false);
  });
});
