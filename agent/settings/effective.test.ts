import { statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { loadEffective, refusalOf } from './effective.ts';
import { writeOverrides, writeRemote } from './layers.ts';
import { NOTHING_KEPT } from './remote-layer.ts';
import { HOUR, NOW, openShop, type Shop } from './shop.fixture.ts';

let shop: Shop;
afterEach(() => shop.remove());

function load(nowMs = NOW) {
  return loadEffective({ path: shop.path, nowMs, environment: {} });
}

function remote(revision: string, values: Record<string, unknown>): void {
  writeRemote(shop.data, { ...NOTHING_KEPT, revision, values });
}

function override(...values: [key: string, value: string | number | boolean][]): void {
  writeOverrides(
    shop.data,
    values.map(([key, value]) => ({ key, value, untilMs: NOW + HOUR })),
  );
}

describe('settings in force', () => {
  it('are the defaults, outdone by the file, the remote revision and overrides, in that order', () => {
    shop = openShop();
    expect(load().settings).toMatchObject({ log: { level: 'warn' }, counting: { visitGapSeconds: 300 } });
    remote('r7', { 'log.level': 'info', 'counting.visit_gap_seconds': 240, 'sensors.front.gate_dbm': -72 });
    expect(load()).toMatchObject({
      settings: { log: { level: 'info' }, counting: { visitGapSeconds: 240 }, sensors: [{ gateDbm: -72 }, {}] },
      revision: 'r7',
      overrides: [],
      notes: [],
    });
    override(['log.level', 'debug'], ['store.exceptions.2026-03-03', 'closed'], ['store.hours.mon', '10:00-12:00']);
    const { settings, overrides, notes, source, mistakes } = load();
    expect(settings).toMatchObject({ log: { level: 'debug' }, counting: { visitGapSeconds: 240 } });
    expect(settings.store.hours).toMatchObject({ exceptions: { '2026-03-03': [] } });
    expect(settings.store.hours.week.slice(0, 2)).toEqual([[[600, 720]], [[540, 1200]]]);
    expect(overrides.map(({ key }) => key)).toEqual(['log.level', 'store.exceptions.2026-03-03', 'store.hours.mon']);
    expect({ notes, source, mistakes }).toEqual({ notes: [], source: 'file', mistakes: [] });
  });

  it('forget an override at the millisecond it ends', () => {
    shop = openShop();
    override(['log.level', 'debug']);
    expect(load(NOW + HOUR - 1).settings.log.level).toBe('debug');
    expect(load(NOW + HOUR)).toMatchObject({ settings: { log: { level: 'warn' } }, overrides: [], notes: [] });
  });

  it.each([
    ['counting.*', 'counting.grace_seconds'],
    ['counting', 'counting.grace_seconds'],
    ['sensors.*.gate_dbm', 'sensors.front.gate_dbm'],
    ['sensors.front', 'sensors.front.silent_minutes'],
    // A range overlaps the day that is locked.
    ['store.hours.mon', 'store.hours.mon-sat'],
    ['"*"', 'log.level'],
  ])('let a lock on %s keep an override off %s', (lock, key) => {
    shop = openShop(`locked: [${lock}]\n`);
    const before = load().settings;
    override([key, 20]);
    const locked = `"${key}" is locked by the settings file (locked: ${lock.replaceAll('"', '')})`;
    expect(load()).toMatchObject({ settings: before, overrides: [], notes: [`an override is left out: ${locked}`] });
  });

  it.each<[lock: string, key: string, value: unknown]>([
    ['counting.*', 'counting.grace_seconds', 20],
    ['sensors.*.gate_dbm', 'sensors.front.gate_dbm', -50],
    // The map stands for each of its parts.
    ['store.hours.mon', 'store.hours', { daily: '10:00-11:00' }],
    ['store.exceptions.2026-12-24', 'store.exceptions', { '2026-12-25': 'closed' }],
    ['"*"', 'log.modules.uplink', 'debug'],
  ])('let a lock on %s keep the remote revision off %s, and take the rest of it', (lock, key, value) => {
    shop = openShop(`locked: [${lock}]\n`);
    const before = load().settings;
    remote('r1', { [key]: value });
    expect(load()).toMatchObject({
      settings: before,
      revision: 'r1',
      remote: { revision: 'r1', state: 'applied', reasons: [], overridden: [], locked: [key] },
      notes: [`remote revision r1: ${key} is locked by the settings file`],
    });
    if (lock === '"*"') return;
    remote('r2', { [key]: value, 'log.level': 'debug' });
    expect(load()).toMatchObject({ settings: { ...before, log: { level: 'debug' } }, remote: { locked: [key] } });
    // What is locked must be right all the same: the lock may go.
    remote('r3', { [key]: 'wrong', 'log.level': 'debug' });
    expect(load()).toMatchObject({ settings: before, remote: { state: 'rejected' } });
  });

  it('tell which keys of the remote revision an override outdoes, until it ends', () => {
    shop = openShop();
    remote('r1', { 'log.level': 'info', 'store.hours': { daily: '10:00-11:00' }, 'counting.grace_seconds': 5 });
    override(['log.level', 'debug'], ['store.hours.mon', 'closed'], ['counting.passing_seconds', 9]);
    expect(load().remote).toMatchObject({ state: 'applied', overridden: ['log.level', 'store.hours.mon'] });
    expect(load().settings.store.hours.week.slice(0, 2)).toEqual([[], [[600, 660]]]);
    expect(load(NOW + HOUR)).toMatchObject({ settings: { log: { level: 'info' } }, remote: { overridden: [] } });
  });

  it("take hours, exceptions and zones of the remote revision in place of the file's", () => {
    shop = openShop();
    shop.edit('  hours:', '  exceptions: { "2026-05-01": closed }\n  zones: [shop]\n  hours:');
    remote('r1', {
      'store.hours': { daily: '08:00-09:00' },
      'store.exceptions': { '2026-12-24': '08:00-08:30' },
      'store.zones': ['cafe'],
      'sensors.front.zone': 'cafe',
    });
    const { settings, notes } = load();
    expect({ notes, hours: settings.store.hours, place: settings.sensors[0].place }).toEqual({
      notes: [],
      hours: { week: Array(7).fill([[480, 540]]), exceptions: { '2026-12-24': [[480, 510]] } },
      place: 'cafe',
    });
    remote('r2', { 'store.exceptions': {} });
    expect(load().settings.store.hours.exceptions).toEqual({});
    remote('r3', { 'sensors.front.zone': 'cafe' });
    expect(load().remote?.reasons[0]).toMatch(/the zone "cafe" is not in store.zones/);
  });

  it('leave a remote revision out as a whole, and overrides one by one', () => {
    shop = openShop();
    const wrong: [string, string | number][] = [
      ['counting.window_minutes', 7],
      ['tenant', 'other'],
      ['uplink.url', 'mqtt://user:hunter2@elsewhere'],
      ['sensors.main.gate_dbm', -60],
      ['sensors.frnt.gate_dbm', -60],
      ['sensors.*.gate_dbm', -60],
      ['counting.visit_gap', 60],
      ['uplink.window', 4],
      ['store.exceptions.__proto__', 'closed'],
      ['store.hours.mon-fri', '9-20'],
    ];
    for (const [key, value] of wrong) {
      remote('r1', { 'log.level': 'debug', [key]: value });
      expect(load()).toMatchObject({ settings: { log: { level: 'warn' } }, revision: null });
    }
    remote('r2', { 'log.level': 'info' });
    override(...wrong, ['counting.grace_seconds', 5]);
    const { settings, overrides, revision, notes } = load();
    expect(settings).toMatchObject({ log: { level: 'info' }, counting: { graceSeconds: 5, windowMinutes: 15 } });
    expect(overrides).toHaveLength(1);
    expect(revision).toBe('r2');
    expect(notes).toEqual(
      [
        'at counting.window_minutes: expected a number of minutes that divides 60 (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60), received 7',
        '"tenant" can be set in the settings file only',
        '"uplink.url" can be set in the settings file only',
        'at sensors.main.gate_dbm: "gate_dbm" has no meaning for driver door-lines; remove it',
        '"sensors.frnt.gate_dbm" names no sensor; did you mean "front"?',
        '"sensors.*.gate_dbm" is a pattern; name one key',
        '"counting.visit_gap" is no key of these settings; did you mean "counting.visit_gap_seconds"?',
        'at uplink: "url" is missing; expected an address such as mqtts://broker.example:8883',
        '"store.exceptions.__proto__" is no key of these settings',
        'at store.hours.mon-fri: expected opening hours such as "09:00-20:00", closed or 24h, received "9-20"',
      ].map((reason) => `an override is left out: ${reason}`),
    );
    expect(JSON.stringify(load())).not.toContain('hunter2');
  });

  it('pass over layers that are malformed, without quoting them', () => {
    shop = openShop();
    for (const content of ['{hunter2', '[]', 'null', '7', '{"revision":"hunter2 ","values":{}}', '{"values":[1]}']) {
      shop.keep('remote-settings.json', content);
      shop.keep('overrides.json', content === '[]' ? '[{"key": 1}, {"key": "hunter2"}]' : content);
      const { settings, notes } = load();
      expect(settings.log.level).toBe('warn');
      expect(notes.length, content).toBeGreaterThanOrEqual(content === 'null' ? 1 : 2);
      expect(JSON.stringify(notes)).not.toContain('hunter2');
    }
  });

  it('are kept in files that only the daemon reads', () => {
    shop = openShop();
    override(['log.level', 'debug']);
    remote('r1', {});
    for (const name of ['overrides.json', 'remote-settings.json']) {
      expect(statSync(join(shop.data, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('say before it is written why a value cannot be laid over them', () => {
    shop = openShop();
    expect(refusalOf(shop.path, 'counting.grace_seconds', 5, NOW)).toBeNull();
    expect(refusalOf(shop.path, 'counting.grace_seconds', 'soon', NOW)).toBe(
      'at counting.grace_seconds: expected a whole number of seconds between 0 and 60, received "soon"',
    );
    // The override that is to be replaced does not count.
    override(['store.hours.mon-sat', '08:00-20:00']);
    expect(refusalOf(shop.path, 'store.hours.mon-sat', '07:00-20:00', NOW)).toBeNull();
  });

  it('change by the layers in the allowed keys only, whatever those hold', () => {
    shop = openShop('uplink: { url: "mqtt://broker" }\nlocked: [counting.grace_seconds]\n');
    const before = load().settings;
    const allowed =
      /^(counting\.(window_minutes|visit_gap_seconds|passing_seconds)|store\.(hours|exceptions)|sensors\.\w+\.(gate_dbm|silent_minutes|zone)|uplink\.window|log\.(level|modules\.\w+))$/;
    const part = fc.oneof(
      fc.constantFrom('counting', 'store', 'sensors', 'uplink', 'log', 'storage', 'locked', 'tenant', '__proto__', '*'),
      fc.constantFrom('grace_seconds', 'visit_gap_seconds', 'hours', 'exceptions', 'front', 'main', 'window', 'level'),
      fc.constantFrom('modules', 'mon', '2026-12-24', 'gate_dbm', 'silent_minutes', 'port', 'url', 'directory', '0'),
      fc.string({ maxLength: 4 }),
    );
    const key = fc.oneof(
      fc.array(part, { maxLength: 4 }).map((parts) => parts.join('.')),
      fc.constantFrom('counting.visit_gap_seconds', 'sensors.front.gate_dbm', 'store.hours.mon', 'log.modules.uplink'),
    );
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<fc.JsonValue>('debug', 'closed', '24h', 240, -70, 5, 'mqtt://elsewhere', '/elsewhere'),
    );
    const override = fc.oneof(
      fc.record({ key, value, untilMs: fc.constant(NOW + HOUR) }),
      fc.jsonValue({ maxDepth: 1 }),
    );
    let changed = 0;
    fc.assert(
      fc.property(
        fc.dictionary(key, value, { maxKeys: 2 }),
        fc.array(override, { maxLength: 4 }),
        (values, overrides) => {
          shop.keep('remote-settings.json', { revision: 'r1', values });
          shop.keep('overrides.json', overrides);
          const { live, restart } = changesBetween(before, load().settings);
          expect(restart).toEqual([]);
          for (const each of live) expect(each).toMatch(allowed);
          changed += live.length;
        },
      ),
      { numRuns: 300 },
    );
    expect(changed).toBeGreaterThan(0);
  });
});
