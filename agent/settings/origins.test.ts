import { afterEach, describe, expect, it } from 'vitest';
import { keepLastGood, loadEffective } from './effective.ts';
import { originsOf } from './origins.ts';
import { HOUR, NOW, openShop, type Shop } from './shop.fixture.ts';

let shop: Shop;
afterEach(() => shop.remove());

describe('origins', () => {
  it('tell for every leaf which layer it is from, and where there', () => {
    shop = openShop('locked: [uplink]\n');
    shop.keep('remote-settings.json', {
      revision: 'r7',
      values: { 'counting.visit_gap_seconds': 240, 'counting.grace_seconds': 5 },
    });
    shop.keep('overrides.json', [
      { key: 'counting.grace_seconds', value: 7, untilMs: NOW + HOUR },
      { key: 'sensors.front.silent_minutes', value: 60, untilMs: NOW + HOUR },
      { key: 'log.level', value: 'debug', untilMs: NOW },
    ]);
    const origins = originsOf(shop.path, NOW, {});
    const told = Object.fromEntries(origins.map(({ key, ...rest }) => [key, rest]));
    expect(Object.keys(told)).toHaveLength(origins.length);
    expect(told).toMatchObject({
      tenant: { value: 'acme', layer: 'file', line: 1 },
      'store.hours.mon-sat': { value: '09:00-20:00', layer: 'file', line: 6 },
      'sensors.front.gate_dbm': { value: -60, layer: 'file', line: 8 },
      'sensors.front.baud': { value: 115_200, layer: 'default' },
      'sensors.main.door': { value: 'main', layer: 'file', line: 9 },
      'sensors.front.silent_minutes': { value: 60, layer: 'override', untilMs: NOW + HOUR },
      'counting.visit_gap_seconds': { value: 240, layer: 'remote', revision: 'r7' },
      'counting.grace_seconds': { value: 7, layer: 'override', untilMs: NOW + HOUR },
      'counting.window_minutes': { value: 15, layer: 'default' },
      'log.level': { value: 'warn', layer: 'file', line: 12 },
      locked: { value: ['uplink'], layer: 'file', line: 13 },
    });
    expect(told['counting.window_minutes']).toEqual({ value: 15, layer: 'default' });
  });

  it('are those of the last good copy while the file is broken', () => {
    shop = openShop();
    keepLastGood(loadEffective({ path: shop.path, nowMs: NOW, environment: {} }), {});
    shop.edit('tenant: acme', '# moved down\ntenant: ACME');
    expect(originsOf(shop.path, NOW, {})[0]).toEqual({ key: 'tenant', value: 'acme', layer: 'file', line: 1 });
  });
});
