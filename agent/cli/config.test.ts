import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalServer, startLocalServer } from '../local/server.ts';
import { keepLastGood, loadEffective } from '../settings/effective.ts';
import { checkSettings, loadSettings } from '../settings/load.ts';
import { HOUR, openShop, type Shop } from '../settings/shop.fixture.ts';
import { register } from './config.ts';
import { runVerb } from './verb.fixture.ts';
import { well } from './view/samples.fixture.ts';

let shop: Shop;
let server: LocalServer | undefined;
beforeEach(() => {
  shop = openShop();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  shop.remove();
});

const config = (...words: string[]) => runVerb(register, ['config', ...words]);
const override = (...words: string[]) => config('override', ...words, '--settings', shop.path);

/** A daemon that says it took over what it was told to, and keeps count. */
async function serve(answer: unknown = { state: 'current', applied: ['log.level'] }): Promise<() => number> {
  let asked = 0;
  const reload = async () => {
    asked++;
    return answer;
  };
  server = await startLocalServer({
    path: join(shop.directory, 'footfall.sock'),
    routes: { status: () => well, reload },
  });
  return () => asked;
}

describe('footfall config show', () => {
  it('prints what is in force as a settings file, overrides included', async () => {
    await override('sensors.front.gate_dbm', '-65', '--for', '2h');
    const { code, out, err } = await config('show', shop.path);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { settings } = loadEffective({ path: shop.path, nowMs: Date.now(), environment: {} });
    expect(checkSettings(out)).toMatchObject({ settings });
    expect(settings.sensors[0].gateDbm).toBe(-65);
    const json = JSON.parse((await config('show', shop.path, '--json')).out);
    expect(json).toMatchObject({ counting: { grace_seconds: 10 }, sensors: [{ gate_dbm: -65, baud: 115_200 }, {}] });
  });

  it('shows the last good copy of a broken file, and says so', async () => {
    keepLastGood(loadEffective({ path: shop.path, nowMs: Date.now(), environment: {} }), {});
    shop.edit('tenant: acme', 'tenant: ACME');
    const { code, out, err } = await config('show', shop.path);
    expect(code).toBe(0);
    expect(out).toContain('tenant: acme\n');
    expect(err).toContain(`${shop.path}:1:9: at tenant: expected a name`);
    expect(err).toContain('shown is the last good copy');
    expect((await config('origin', 'tenant', '-s', shop.path)).out).toMatch(/tenant +acme +last good line 1\n$/);
  });

  it('never prints a secret', async () => {
    const secret = join(shop.directory, 'password');
    writeFileSync(secret, 'hunter2\n', { mode: 0o600 });
    shop.edit('log:', `uplink: { url: "mqtt://broker", username: u, password_file: ${secret} }\nlog:`);
    shop.keep('remote-settings.json', { revision: 'r1', values: { 'uplink.password': 'hunter2' } });
    process.env.FOOTFALL_BROKER_PASSWORD = 'hunter2';
    try {
      const words = [
        ['show', shop.path],
        ['show', shop.path, '--json'],
        ['origin', '-s', shop.path],
        ['check', shop.path],
      ];
      for (const each of words) {
        const { out, err } = await config(...each);
        expect(out).not.toBe('');
        expect(out + err).not.toContain('hunter2');
      }
    } finally {
      delete process.env.FOOTFALL_BROKER_PASSWORD;
    }
  });
});

describe('footfall config origin', () => {
  it('tells the layer of every key, of a section, or of a pattern', async () => {
    shop.keep('remote-settings.json', { revision: 'r7', values: { 'counting.grace_seconds': 5 } });
    await override('counting.visit_gap_seconds', '240', '--for', '2h');
    const { out, err } = await config('origin', 'counting', '-s', shop.path);
    expect(err).toBe('');
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['KEY', 'VALUE', 'FROM'],
      ['counting.window_minutes', '15', 'default'],
      ['counting.grace_seconds', '5', 'remote r7'],
      ['counting.visit_gap_seconds', '240', expect.stringMatching(/^override until (\d+ \w+ )?\d\d:\d\d$/)],
      ['counting.passing_seconds', '20', 'default'],
      [''],
    ]);
    const json = JSON.parse((await config('origin', 'sensors.*.gate_dbm', '-s', shop.path, '--json')).out);
    expect(json).toEqual([{ key: 'sensors.front.gate_dbm', value: -60, layer: 'file', line: 8 }]);
    expect((await config('origin', '-s', shop.path)).out).toContain('runtime_directory');
  });

  it('refuses a key without a value, with the nearest', async () => {
    const { code, out, err } = await config('origin', 'countin', '-s', shop.path);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('Did you mean counting?');
  });
});

describe('footfall config override', () => {
  const kept = () => JSON.parse(readFileSync(join(shop.data, 'overrides.json'), 'utf8'));

  it('sets one key until a time, replaces it, lists and clears', async () => {
    const before = Date.now();
    const { code, out, err } = await override('log.modules.uplink', 'debug', '--for', '30m', '--json');
    expect({ code, err }).toEqual({ code: 0, err: 'no daemon runs: it takes effect at the next start\n' });
    const [{ until_ms: until, ...rest }] = JSON.parse(out);
    expect(rest).toEqual({ key: 'log.modules.uplink', value: 'debug' });
    expect(until - before - HOUR / 2).toBeGreaterThanOrEqual(0);
    expect(until - Date.now() - HOUR / 2).toBeLessThanOrEqual(0);
    await override('log.modules.uplink', 'trace', '--for', '3d');
    await override('store.exceptions.2026-12-24', '09:00-14:00', '--for', '45s');
    expect(kept()).toMatchObject([
      { key: 'log.modules.uplink', value: 'trace' },
      { key: 'store.exceptions.2026-12-24', value: '09:00-14:00' },
    ]);
    expect((await override()).out).toMatch(/^KEY +VALUE +UNTIL\nlog\.modules\.uplink +trace +\d/);
    await override('--clear', 'log.modules.uplink');
    expect(kept()).toMatchObject([{ key: 'store.exceptions.2026-12-24' }]);
    expect((await override('--clear')).out).toBe('no overrides\n');
    expect(kept()).toEqual([]);
    // Only the file is the owner's to keep.
    expect(loadSettings(shop.path).log).toEqual({ level: 'warn', modules: {} });
  });

  it('has a running daemon take it over, also one whose file is broken', async () => {
    const asked = await serve();
    expect((await override('log.level', 'debug', '--for', '1h')).err).toBe('in force now:\n  log.level\n');
    expect(asked()).toBe(1);
    keepLastGood(loadEffective({ path: shop.path, nowMs: Date.now(), environment: {} }), {});
    shop.edit('tenant: acme', 'tenant: ACME');
    expect(await override('log.level', 'trace', '--for', '1h')).toMatchObject({ code: 0 });
    expect(asked()).toBe(2);
  });

  it('says when it was written but the daemon would not listen', async () => {
    await serve({});
    const { code, err } = await override('log.level', 'debug', '--for', '1h');
    expect(code).toBe(1);
    expect(err).toContain('written, but the daemon was not told');
    expect(kept()).toHaveLength(1);
  });

  it.each([
    [1, ['tenant', 'other', '--for', '1h'], '"tenant" can be set in the settings file only'],
    [1, ['counting.visit_gap', '9', '--for', '1h'], 'did you mean "counting.visit_gap_seconds"?'],
    [1, ['counting.grace_seconds', 'soon', '--for', '1h'], 'between 0 and 60, received "soon"'],
    [1, ['counting.grace_seconds', '{ a: 1 }', '--for', '1h'], 'received a map'],
    [1, ['sensors.frnt.gate_dbm', '-60', '--for', '1h'], 'did you mean "front"?'],
    [1, ['log.level', 'debug', '--for', '1h'], '"log.level" is locked by the settings file (locked: log.*)'],
    [1, ['--clear', 'counting.grace_seconds'], 'They are: none'],
    [64, ['counting.grace_seconds', '5'], 'received no --for'],
    [64, ['counting.grace_seconds', '--for', '1h'], 'received no value'],
    [64, ['--for', '1h'], 'received neither'],
    [64, ['counting.grace_seconds', '5', '--for', '31d'], 'at most 30d'],
    [64, ['counting.grace_seconds', '5', '--for', '0m'], 'expected a duration'],
    [64, ['counting.grace_seconds', '5', '--for', 'ever'], 'expected a duration'],
    [64, ['--clear', 'counting.grace_seconds', '5'], 'expected --clear with KEY alone'],
  ])('ends with %d for %j, writing nothing', async (code, words, told) => {
    shop.edit('log:', 'locked: [log.*]\nlog:');
    const asked = await serve();
    const ended = await override(...words);
    expect({ code: ended.code, out: ended.out }).toEqual({ code, out: '' });
    expect(ended.err).toContain(told);
    expect(() => kept()).toThrow('ENOENT');
    expect(asked()).toBe(0);
  });
});
