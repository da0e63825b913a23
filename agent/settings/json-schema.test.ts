import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Edits, GOOD } from './broken.fixture.ts';
import { modbusJsonSchema, settingsJsonSchema } from './json-schema.ts';
import { checkSettings } from './load.ts';
import { DRIVER_NAMES, keysOf, SENSOR_DEFAULTS } from './sensor-drivers.ts';
import { anySensor } from './sensors.fixture.ts';
import type { SensorDriver } from './settings.ts';

const CONFIG = new URL('../../config/', import.meta.url);
const example = readFileSync(new URL('footfall.example.yaml', CONFIG), 'utf8');
/** The file that editors read, checked by a validator that knows nothing of ours. */
const kept = JSON.parse(readFileSync(new URL('footfall.schema.json', CONFIG), 'utf8')) as Record<string, unknown>;
const validate = new Ajv({ allErrors: true, strictTypes: false }).compile(kept);

const DOOR = 'driver: door-lines\n    port: /dev/ttyUSB1';
const SNIFFER = 'driver: wifi-pcap\n    port: /dev/ttyUSB0\n    baud: 921600';

/** Each a mistake in a single key, or in what one sensor must have. */
const WRONG: Edits = [
  ['tenant: acme', 'tenant: Acme'],
  ['tenant: acme\n', ''],
  ['tenant: acme', 'tenant: 123'],
  ['time_zone: Europe/Prague', 'time_zone: "+02:00"'],
  ['"09:00-20:00"', '9-20'],
  ['"09:00-20:00"', '"09:00-25:00"'],
  ['"09:00-20:00"', '"09:60-20:00"'],
  ['sun: closed', 'sun: 25'],
  ['sun: closed', 'sunday: closed'],
  ['  hours:', '  exceptions: { "2026-13-01": closed }\n  hours:'],
  ['  hours:', '  zones: shop\n  hours:'],
  ['  hours:', '  doors: [Main]\n  hours:'],
  ['driver: wifi-pcap', 'driver: wifi-pacp'],
  ['port: /dev/ttyUSB1', 'port: COM3'],
  ['    port: /dev/ttyUSB1\n', ''],
  ['baud: 921600', 'baud: fast'],
  ['baud: 921600', 'baud: 12'],
  ['baud: 921600', 'baud: 9600.5'],
  ['baud: 921600', 'buad: 921600'],
  ['baud: 921600', 'gate_dbm: 70'],
  ['baud: 921600', 'link_type: 1'],
  ['baud: 921600', 'swap: true'],
  ['    zone: shop\n', ''],
  ['    door: main\n', ''],
  ['    door: main', '    door: main\n    role: transactions'],
  ['    door: main', '    door: main\n    gate_dbm: -60'],
  ['    door: main', '    door: main\n    swap: yes'],
  ['    door: main', '    door: main\n    silent_minutes: 0'],
  ['window_minutes: 15', 'window_minutes: 7'],
  ['window_minutes: 15', 'grace_seconds: 61'],
  ['counting:', 'countin:'],
  ['log:', 'storage: { directory: data }\nlog:'],
  ['log:', `runtime_directory: /${'r'.repeat(90)}\nlog:`],
  ['url: mqtts://', 'url: https://'],
  ['url: mqtts://', 'url: mqtts://user:hunter2@'],
  ['url:', 'ack: qos2\n  url:'],
  ['url:', 'password: hunter2\n  url:'],
  ['url:', 'window: 0\n  url:'],
  ['level: info', 'level: verbose'],
  ['level: info', 'modules: { mqtt: debug }'],
  ['level: info', 'modules: { uplink: loud }'],
  ['log:', 'metrics: { port: 80 }\nlog:'],
  ['log:', 'metrics: {}\nlog:'],
  ['log:', 'clock: { source: ntp }\nlog:'],
  ['log:', 'locked: [all of it]\nlog:'],
  ['log:\n  level: info', 'log: info'],
  [DOOR, 'driver: door-modbus\n    port: /dev/a\n    profile: wb-mcm8'],
  [DOOR, 'driver: door-modbus\n    port: /dev/a\n    profile: wb-mcm8\n    in_channel: 1'],
  [DOOR, 'driver: door-modbus\n    port: /dev/a\n    profile: wb-mcm8\n    total_channel: 1\n    out_channel: 2'],
  [DOOR, 'driver: door-modbus\n    port: /dev/a\n    total_channel: 1'],
  [DOOR, 'driver: door-modbus\n    port: /dev/a\n    profile: ./mine.yaml\n    total_channel: 1'],
  [DOOR, 'driver: door-turnstile\n    port: /dev/a\n    unit: 256'],
  [DOOR, 'driver: door-hpc168\n    port: /dev/a\n    unit: 0'],
  [DOOR, 'driver: door-hpc168\n    port: /dev/a\n    poll_ms: 99'],
  [DOOR, 'driver: door-turnstile\n    port: /dev/a\n    stop_bits: 3'],
  [DOOR, 'driver: door-teraranger\n    port: /dev/a\n    role: transactions'],
  [DOOR, 'driver: door-teraranger'],
  [DOOR, 'driver: door-contact\n    port: /dev/a'],
  [DOOR, 'driver: door-contact\n    port: /dev/a\n    contact: rts'],
  [DOOR, 'driver: door-contact\n    port: /dev/a\n    contact: cts\n    counts: all'],
  [DOOR, 'driver: door-radar\n    port: /dev/a\n    line_mm: 100'],
  [SNIFFER, 'driver: wifi-monitor'],
  [SNIFFER, 'driver: wifi-monitor\n    adapter: auto'],
  [SNIFFER, 'driver: wifi-monitor\n    adapter: wlan1\n    port: /dev/a'],
  [SNIFFER, 'driver: wifi-monitor\n    adapter: wlan1\n    channels: [0]'],
  [SNIFFER, 'driver: ble-hci\n    adapter: wlan1'],
  [SNIFFER, 'driver: ble-hci\n    adapter: hci0\n    port: /dev/a'],
  [SNIFFER, 'driver: ble-hci\n    baud: 115200'],
  [SNIFFER, 'driver: ble-sniffle\n    port: /dev/a\n    advertising_channel: 1'],
];

describe('the JSON Schema of the settings', () => {
  it('is what the code gives; if not: npm run schema', () => {
    expect(kept).toEqual(JSON.parse(JSON.stringify(settingsJsonSchema())));
  });

  it('has every one of its keys and drivers shown in the example', () => {
    const shown = parse(example.replace('# metrics:\n#   port', 'metrics:\n  port')) as Record<string, unknown>;
    const told = (value: unknown, path: string): string[] => {
      if (Array.isArray(value)) return value.flatMap((item) => told(item, path));
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).flatMap(([key, part]) => [`${path}${key}`, ...told(part, `${path}${key}.`)]);
    };
    const keys = (schema: unknown, path: string): string[] => {
      const { properties = {}, items } = (schema ?? {}) as { properties?: Record<string, unknown>; items?: unknown };
      const own = Object.entries(properties).flatMap(([key, part]) => [path + key, ...keys(part, `${path}${key}.`)]);
      return [...own, ...(items ? keys(items, path) : [])];
    };
    // Levels of parts are shown in words.
    const expected = keys(kept, '').filter((key) => !key.startsWith('log.modules.'));
    expect(expected.filter((key) => !told(shown, '').includes(key))).toEqual([]);
    const drivers = new Set((shown.sensors as { driver: string }[]).map(({ driver }) => driver));
    expect(DRIVER_NAMES.filter((driver) => !drivers.has(driver))).toEqual([]);
  });

  it('is named by the first line of the example, and takes the example', () => {
    expect(example.split('\n', 1)[0]).toBe('# yaml-language-server: $schema=./footfall.schema.json');
    expect(validate(parse(example)), JSON.stringify(validate.errors)).toBe(true);
    const metrics = example.replace('# metrics:\n#   port', 'metrics:\n  port');
    expect(metrics).not.toBe(example);
    expect(validate(parse(metrics)), JSON.stringify(validate.errors)).toBe(true);
    expect(checkSettings(metrics)).toHaveProperty('settings');
  });

  it('takes what the program takes', () => {
    const right: Edits = [
      ['"09:00-20:00"', '"9:00 - 12:00, 13:00–18:00"'],
      ['"09:00-20:00"', '"18:00-02:00"'],
      ['"09:00-20:00"', '00:00-24:00'],
      ['mon-fri: "09:00-20:00", sat: "09:00-18:00", sun: closed', 'daily: 24H, sun: Closed'],
      ['    door: main', '    role: transactions'],
      ['    door: main', '    door: main\n    role: door'],
      ['window_minutes: 15', 'window_minutes: 60'],
      ['log:', 'locked: ["*", sensors.*.gate_dbm, store.exceptions.2026-12-24]\nlog:'],
    ];
    for (const [from, to] of right) {
      const text = GOOD.replace(from, to);
      expect(text).not.toBe(GOOD);
      expect(checkSettings(text), to).toHaveProperty('settings');
      expect(validate(parse(text)), `${to} ${JSON.stringify(validate.errors)}`).toBe(true);
    }
  });

  it('takes every sensor that the program takes', () => {
    fc.assert(
      fc.property(anySensor('front', 0), (row) => {
        const file = { ...(parse(GOOD) as object), sensors: [row] };
        expect(checkSettings(JSON.stringify(file))).toHaveProperty('settings');
        expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
      }),
    );
  });

  it('refuses, as the program does, a key that the driver does not read', () => {
    const all = { ...SENSOR_DEFAULTS, port: '/dev/a', baud: 9600, parity: 'none', stop_bits: 1, zone: 'z', door: 'd' };
    fc.assert(
      fc.property(anySensor('front', 0), fc.constantFrom(...Object.entries(all)), (row, [key, value]) => {
        const known = keysOf(row.driver as SensorDriver).includes(key);
        fc.pre(!known);
        const file = { ...(parse(GOOD) as object), sensors: [{ ...row, [key]: value }] };
        const checked = checkSettings(JSON.stringify(file)) as { mistakes: { message: string }[] };
        // A key can be wrong twice: for the driver, and for a till.
        expect(checked.mistakes[0].message).toContain('has no meaning');
        expect(validate(file)).toBe(false);
      }),
    );
  });

  it.each(WRONG)('refuses, as the program does, %j in place of which stands %j', (from, to) => {
    const text = GOOD.replace(from, () => to);
    expect(text).not.toBe(GOOD);
    expect(checkSettings(text)).toHaveProperty('mistakes');
    expect(validate(parse(text))).toBe(false);
  });

  it('explains every key, and knows no other', () => {
    let seen = 0;
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      const { properties, items, additionalProperties, allOf: _rules, ...rest } = schema as Record<string, unknown>;
      if (rest.type === 'object') expect(additionalProperties, path).not.toBe(undefined);
      if (properties !== undefined) expect(additionalProperties, path).toBe(false);
      for (const [key, part] of Object.entries(properties ?? {})) {
        expect(part.description, `${path}.${key}`).toMatch(/\.$/);
        seen++;
        walk(part, `${path}.${key}`);
      }
      walk(items, `${path}[]`);
    };
    walk(kept, '');
    expect(seen).toBeGreaterThan(50);
    expect(JSON.stringify(kept)).not.toContain('"password":');
  });
});

describe('the JSON Schema of Modbus profiles', () => {
  const schema = JSON.parse(readFileSync(new URL('modbus.schema.json', CONFIG), 'utf8')) as Record<string, unknown>;
  const check = new Ajv({ allErrors: true, strictTypes: false }).compile(schema);
  const profiles = readdirSync(new URL('modbus/', CONFIG)).map((file) => new URL(`modbus/${file}`, CONFIG));

  it('is what the code gives; if not: npm run schema', () => {
    expect(schema).toEqual(JSON.parse(JSON.stringify(modbusJsonSchema())));
  });

  it.each(profiles.map((url) => [url.pathname.split('/').at(-1), url] as const))('takes %s', (_name, url) => {
    const text = readFileSync(url, 'utf8');
    expect(text.split('\n', 1)[0]).toBe('# yaml-language-server: $schema=../modbus.schema.json');
    expect(check(parse(text)), JSON.stringify(check.errors)).toBe(true);
  });

  it.each([
    { description: 'x', channels: 1, counters: { function: 2, address: 0 } },
    { description: 'x', channels: 1, counters: { function: 3 } },
    { description: 'x', channels: 1, counters: { function: 3, address: 70_000 } },
    { description: 'x', channels: 1, counters: { function: 3, address: 0 }, reset: {} },
    { description: 'x', channels: 1, counters: { function: 3, address: 0 }, reset: { coil: 1, register: 2 } },
    { channels: 1, counters: { function: 3, address: 0 } },
  ])('refuses %j', (profile) => {
    expect(check(profile)).toBe(false);
  });
});
