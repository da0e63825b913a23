import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepLastGood, loadEffective } from './effective.ts';
import { HOUR, NOW, openShop, type Shop } from './shop.fixture.ts';

let shop: Shop;
beforeEach(() => {
  shop = openShop();
});
afterEach(() => shop.remove());

function load(environment: Record<string, string> = {}, path = shop.path) {
  return loadEffective({ path, nowMs: NOW, environment });
}

/** A broken setting that leaves the storage directory readable. */
function breakFile(): void {
  shop.edit('tenant: acme', 'tenant: ACME');
}

describe('the last good settings', () => {
  it('stand in for a broken file over a restart, with all its mistakes', () => {
    keepLastGood(load(), {});
    expect(statSync(join(shop.data, 'last-good.yaml')).mode & 0o777).toBe(0o600);
    const good = shop.text;
    breakFile();
    shop.edit('gate_dbm: -60', 'gate_dbm: 60');
    expect(load()).toMatchObject({
      source: 'last_good',
      text: good,
      settings: { tenant: 'acme' },
      mistakes: [
        `${shop.path}:1:9: at tenant: expected a name of 1 to 64 lower-case letters, digits, "-" and "_", received "ACME"`,
        `${shop.path}:8:74: at sensors[0].gate_dbm: expected a whole number of dBm between -127 and 0, received 60`,
      ],
    });
    // The stand-in itself is never kept as if it were the file.
    const kept = readFileSync(join(shop.data, 'last-good.yaml'), 'utf8');
    keepLastGood({ ...load(), loadedMs: NOW + HOUR }, {});
    expect(readFileSync(join(shop.data, 'last-good.yaml'), 'utf8')).toBe(kept);
  });

  it('carry the layers too', () => {
    keepLastGood(load(), {});
    shop.keep('overrides.json', [{ key: 'log.level', value: 'debug', untilMs: NOW + HOUR }]);
    breakFile();
    expect(load()).toMatchObject({ source: 'last_good', settings: { log: { level: 'debug' } } });
  });

  it('are found where systemd says, where the broken file says, or, its YAML being broken, by what can be read of it', () => {
    const state = join(shop.directory, 'state');
    keepLastGood(load(), { STATE_DIRECTORY: `${state}:/elsewhere` });
    expect(readdirSync(state)).toEqual(['last-good.yaml']);
    breakFile();
    expect(load({ STATE_DIRECTORY: `${state}:/elsewhere` }).source).toBe('last_good');
    expect(() => load()).toThrow(expect.objectContaining({ code: 'settings_invalid' }));
    shop.edit('tenant: ACME', 'tenant: acme');
    keepLastGood(load(), {});
    shop.edit('log: { level: warn }', 'log: { level: warn');
    expect(load().source).toBe('last_good');
  });

  it('stand in for a file that is gone', () => {
    const environment = { STATE_DIRECTORY: shop.data };
    keepLastGood(load(environment), environment);
    rmSync(shop.path);
    expect(load(environment)).toMatchObject({
      source: 'last_good',
      mistakes: [expect.stringContaining('cannot read the settings: ENOENT')],
    });
    expect(() => load({ STATE_DIRECTORY: shop.directory })).toThrow(
      expect.objectContaining({ code: 'settings_unreadable' }),
    );
  });

  it('are those of this file only, by its absolute path', () => {
    keepLastGood(load({}, relative(process.cwd(), shop.path)), {});
    breakFile();
    expect(load().path).toBe(shop.path);
    const other = join(shop.directory, 'other.yaml');
    writeFileSync(other, shop.text);
    expect(() => load({}, other)).toThrow(expect.objectContaining({ code: 'settings_invalid' }));
  });

  it.each<[string, (text: string) => string]>([
    ['cut short', (text) => text.slice(0, text.indexOf('log:'))],
    ['changed by hand', (text) => text.replace('level: warn', 'level: info')],
    ['without its header', (text) => text.slice(text.indexOf('tenant'))],
  ])('are not used when the copy is %s', (_, damage) => {
    keepLastGood(load(), {});
    const copy = join(shop.data, 'last-good.yaml');
    writeFileSync(copy, damage(readFileSync(copy, 'utf8')));
    breakFile();
    expect(() => load()).toThrow(
      expect.objectContaining({ code: 'settings_invalid', message: expect.stringContaining('received "ACME"') }),
    );
  });

  it('stand in for a broken Modbus profile of one own, layers included', () => {
    const profile = join(shop.directory, 'mine.yaml');
    const good = 'description: Mine\nchannels: 2\ncounters: { function: 4, address: 77 }\n';
    writeFileSync(profile, good);
    const counter = `driver: door-modbus, profile: ${profile}, total_channel: 1,`;
    shop.edit('driver: door-lines,', counter);
    keepLastGood(load(), {});
    shop.keep('overrides.json', [{ key: 'log.level', value: 'debug', untilMs: NOW + HOUR }]);
    for (const broken of ['description: Mine\nchannels: 2\n', null]) {
      if (broken === null) rmSync(profile);
      else writeFileSync(profile, broken);
      const stoodIn = load();
      expect(stoodIn).toMatchObject({
        source: 'last_good',
        settings: { log: { level: 'debug' } },
        mistakes: [expect.stringContaining(`${shop.path}:9:`)],
        notes: [],
      });
      expect(stoodIn.settings.sensors[1].options.modbus?.entered).toBe(77);
    }
    writeFileSync(profile, good.replace('77', '78'));
    keepLastGood(load(), {});
    rmSync(profile);
    expect(load().settings.sensors[1].options.modbus?.entered).toBe(78);
    // What is no longer named is no longer kept.
    shop.edit(counter, 'driver: door-lines,');
    keepLastGood(load(), {});
    expect(readFileSync(join(shop.data, 'last-good-profiles.json'), 'utf8')).toBe('{}\n');
  });

  it('are not used when this release does not take them', () => {
    breakFile();
    // As an earlier release could have kept it: a whole copy of what is a mistake now.
    const { text, path } = shop;
    const good = { text, path, source: 'file' as const, loadedMs: NOW };
    keepLastGood({ ...good, settings: loadOther().settings }, { STATE_DIRECTORY: shop.data });
    expect(readdirSync(shop.data)).toContain('last-good.yaml');
    expect(() => load()).toThrow(expect.objectContaining({ code: 'settings_invalid' }));
  });

  it('are written once for one text, and told of when they cannot be', () => {
    const first = load();
    keepLastGood(first, {});
    const copy = () => readFileSync(join(shop.data, 'last-good.yaml'), 'utf8');
    const kept = copy();
    expect(kept).toContain(`# file: ${JSON.stringify(shop.path)}\n# kept: ${new Date(NOW).toISOString()}\n`);
    keepLastGood({ ...first, loadedMs: NOW + HOUR }, {});
    expect(copy()).toBe(kept);
    shop.edit('tenant: acme', 'tenant: acme2');
    keepLastGood({ ...load(), loadedMs: NOW + HOUR }, {});
    expect(copy()).toContain('tenant: acme2');
    rmSync(shop.data, { recursive: true });
    writeFileSync(shop.data, 'a file where the directory should be');
    expect(() => keepLastGood(load(), {})).toThrow(expect.objectContaining({ code: 'last_good_unwritable' }));
    rmSync(shop.data);
    mkdirSync(shop.data);
  });
});

function loadOther() {
  const other = join(shop.directory, 'good.yaml');
  writeFileSync(other, shop.text.replace('ACME', 'acme'));
  return load({}, other);
}
