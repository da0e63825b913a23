import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { checkSource } from './load.ts';
import { anySensor } from './sensors.fixture.ts';
import { YamlSource } from './source.ts';
import { leavesOf, showSettings } from './written.ts';

const EXAMPLE = new URL('../../config/footfall.example.yaml', import.meta.url);

function read(text: string) {
  const checked = checkSource(new YamlSource(text));
  if ('mistakes' in checked) throw new Error(JSON.stringify(checked.mistakes));
  return checked;
}

/** A key that may be left out. */
function maybe<T>(key: string, value: fc.Arbitrary<T>) {
  return fc.option(
    value.map((one) => ({ [key]: one })),
    { nil: {} },
  );
}

const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9_-]{1,12}$/),
  // What YAML would take for something else unless it is quoted.
  fc.constantFrom('null', 'true', 'no', '0123', '1e3', '-', '--', '0x1f', 'y', '12_3', '2026-12-24'),
);
const time = fc
  .tuple(fc.nat(23), fc.nat(59))
  .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
const hours = fc.oneof(
  fc.constantFrom('closed', '24h', '09:00-12:00, 13:00-18:00'),
  fc
    .tuple(time, time)
    .filter(([from, to]) => from !== to)
    .map(([from, to]) => `${from}-${to}`),
);
const path = fc.stringMatching(/^\/[ -~]{1,20}$/);
const level = fc.constantFrom('debug', 'info', 'warn', 'silent');

const sensors = fc
  .uniqueArray(name, { minLength: 1, maxLength: 6 })
  .chain((ids) => fc.tuple(...ids.map((id, index) => anySensor(id, index))));

const file = fc
  .tuple(
    fc.record({ tenant: name, gateway: name, sensors }),
    fc
      .tuple(name, hours, hours, maybe('exceptions', fc.dictionary(fc.constantFrom('2026-12-24', '2026-12-25'), hours)))
      .map(([id, daily, sun, more]) => ({ store: { id, time_zone: 'Europe/Prague', hours: { daily, sun }, ...more } })),
    maybe('counting', fc.record({ window_minutes: fc.constantFrom(1, 15, 60), grace_seconds: fc.nat(60) })),
    maybe('storage', fc.record({ directory: path, buffer_mib: fc.integer({ min: 1, max: 65_536 }) })),
    maybe(
      'uplink',
      fc.record({
        url: fc.constant('mqtts://broker:1'),
        username: fc.string({ minLength: 1 }),
        ...{ ca_file: path, cert_file: path, key_file: path },
        stagger_seconds: fc.nat(900),
      }),
    ),
    maybe(
      'log',
      fc
        .tuple(level, maybe('modules', fc.dictionary(fc.constantFrom('uplink', 'daemon'), level)))
        .map(([all, more]) => ({ level: all, ...more })),
    ),
    maybe('metrics', fc.record({ port: fc.integer({ min: 1024, max: 65_535 }) })),
    maybe('clock', fc.constant({ source: 'host' })),
    maybe('locked', fc.subarray(['counting.*', 'sensors', '*', 'store.hours.sun'])),
  )
  .map((parts) => Object.assign({}, ...parts) as unknown);

describe('settings written out', () => {
  it('read back to the same settings, whatever they are', () => {
    fc.assert(
      fc.property(file, (value) => {
        const given = read(JSON.stringify(value));
        const shown = showSettings(given.file);
        const again = read(shown);
        expect(again.settings).toEqual(given.settings);
        // Nothing is left to defaults, so that a second print changes nothing.
        expect(showSettings(again.file)).toBe(shown);
        expect(changesBetween(given.settings, again.settings)).toEqual({ live: [], restart: [] });
      }),
      { numRuns: 300 },
    );
  });

  it('repeat a default for each sensor that has it, as no alias is easy to read', () => {
    const { file: example } = read(readFileSync(EXAMPLE, 'utf8'));
    const radio = { driver: 'wifi-monitor', zone: 'shop' };
    const two = ['wlan1', 'wlan2'].map((adapter) => ({ ...radio, id: adapter, adapter }));
    const { store, ...rest } = example;
    const { zones: _zones, doors: _doors, ...open } = store;
    const shown = showSettings(read(JSON.stringify({ ...rest, locked: [], store: open, sensors: two })).file);
    expect(shown.match(/channels:\n {6}- 1\n {6}- 6\n {6}- 11\n/g)).toHaveLength(2);
  });

  it('say the example with every default in place', () => {
    const { file: example } = read(readFileSync(EXAMPLE, 'utf8'));
    const leaves = leavesOf(example).map(({ key }) => key);
    expect(leaves).toEqual(expect.arrayContaining(['sensors.till.baud', 'sensors.main-door.silent_minutes', 'locked']));
    expect(leaves).toEqual(expect.arrayContaining(['sensors.gate.poll_ms', 'sensors.air-wifi.channels']));
    expect(leaves).not.toContain('sensors.till.gate_dbm');
    expect(leaves).not.toContain('sensors.front-wifi.swap');
    expect(new Set(leaves).size).toBe(leaves.length);
  });
});
