import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkSettings, loadSettings, parseSettings } from './load.ts';

const EXAMPLE = fileURLToPath(new URL('../../config/footfall.example.yaml', import.meta.url));

const SHORTEST = `
tenant: acme
gateway: gw
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors:
  - { id: lines, driver: wifi-lines, port: /dev/a, zone: shop }
  - { id: pcap, driver: wifi-pcap, port: /dev/b, zone: shop }
  - { id: door, driver: door-lines, port: /dev/c, door: main, swap: true }
  - { id: till, driver: door-lines, port: /dev/d, role: transactions }
`;

describe('settings', () => {
  it('reads the example', () => {
    const settings = loadSettings(EXAMPLE);
    expect(settings.store.hours.week.map((day) => day.length)).toEqual([1, 1, 1, 1, 1, 1, 0]);
    expect(settings.store.hours.exceptions).toEqual({ '2026-12-24': [[540, 840]], '2026-12-25': [] });
    expect(settings.uplink?.passwordFile).toBe('/etc/footfall/broker-password');
    const places = settings.sensors.map(({ id, role, place }) => [id, role, place]);
    expect(places).toEqual(
      expect.arrayContaining([
        ['front-wifi', 'zone', 'shop'],
        ['box-ble', 'zone', 'shop'],
        ['main-door', 'door', 'main'],
        ['till', 'transactions', 'till'],
      ]),
    );
  });

  it('fills in the defaults, as the example says them', () => {
    const settings = parseSettings(SHORTEST, 'f.yaml');
    const example = loadSettings(EXAMPLE);
    expect(settings.counting).toEqual(example.counting);
    expect(settings.storage).toEqual(example.storage);
    expect(settings.runtimeDirectory).toBe(example.runtimeDirectory);
    expect(settings.log).toEqual(example.log);
    expect(settings).not.toHaveProperty('uplink');
    expect(settings.sensors.map(({ baud, gateDbm, swap }) => [baud, gateDbm, swap])).toEqual([
      [115_200, -70, false],
      [921_600, -70, false],
      [115_200, -70, true],
      [115_200, -70, false],
    ]);
  });

  it('takes anchors and aliases, Windows line ends and a byte order mark', () => {
    const text = SHORTEST.replace('port: /dev/a, zone: shop', 'port: /dev/a, zone: &zone shop').replace(
      'port: /dev/b, zone: shop',
      'port: /dev/b, zone: *zone',
    );
    const settings = parseSettings(`\ufeff${text.replaceAll('\n', '\r\n')}`, 'f.yaml');
    expect(settings.sensors[1].place).toBe('shop');
  });

  it('says where a file cannot be read', () => {
    const directory = mkdtempSync(join(tmpdir(), 'settings-'));
    const missing = join(directory, 'none.yaml');
    expect(() => loadSettings(missing)).toThrow(expect.objectContaining({ code: 'settings_unreadable' }));
    expect(() => loadSettings(missing)).toThrow(/none\.yaml/);
    rmSync(directory, { recursive: true });
  });

  it('never fails otherwise, whatever the text', () => {
    const piece = fc.constantFrom(
      'tenant',
      'sensors',
      ':',
      ' ',
      '\n',
      '- ',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '&a',
      '*a',
      '#',
      '|',
      '1',
      'x',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, fc.nat(SHORTEST.length), (garbage, place) => {
        for (const broken of [garbage, SHORTEST.slice(0, place) + garbage + SHORTEST.slice(place)]) {
          const checked = checkSettings(broken);
          if ('settings' in checked) continue;
          expect(checked.mistakes.length).toBeGreaterThan(0);
          const lines = broken.split('\n').length;
          for (const { line, column } of checked.mistakes) {
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(lines);
            expect(column).toBeGreaterThanOrEqual(1);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
