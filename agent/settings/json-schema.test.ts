import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Edits, GOOD } from './broken.fixture.ts';
import { settingsJsonSchema } from './json-schema.ts';
import { checkSettings } from './load.ts';

const CONFIG = new URL('../../config/', import.meta.url);
const example = readFileSync(new URL('footfall.example.yaml', CONFIG), 'utf8');
/** The file that editors read, checked by a validator that knows nothing of ours. */
const kept = JSON.parse(readFileSync(new URL('footfall.schema.json', CONFIG), 'utf8')) as Record<string, unknown>;
const validate = new Ajv({ allErrors: true, strictTypes: false }).compile(kept);

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
];

describe('the JSON Schema of the settings', () => {
  it('is what the code gives; if not: npm run schema', () => {
    expect(kept).toEqual(JSON.parse(JSON.stringify(settingsJsonSchema())));
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
