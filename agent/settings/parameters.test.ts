import { describe, expect, it } from 'vitest';
import { parseSettings } from './load.ts';
import { toParameters } from './parameters.ts';
import type { Settings } from './settings.ts';

const TEXT = `
tenant: acme
gateway: gw
store: { id: shop, time_zone: Europe/Prague, hours: { daily: "09:00-20:00" } }
sensors:
  - { id: front, driver: wifi-pcap, port: /dev/a, zone: sales, gate_dbm: -66 }
  - { id: door, driver: door-lines, port: /dev/b, door: main, swap: true }
  - { id: till, driver: door-lines, port: /dev/c, role: transactions }
counting: { window_minutes: 5, grace_seconds: 7, visit_gap_seconds: 240, passing_seconds: 12 }
`;
const settings = parseSettings(TEXT, 'f.yaml');

function withSensors(ids: string[]): Settings {
  return { ...settings, sensors: ids.map((id) => ({ ...settings.sensors[0], id, port: `/dev/${id}` })) };
}

describe('parameters', () => {
  it('say all that counting needs, in its units', () => {
    expect(toParameters(settings)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}$/),
      store: 'shop',
      timeZone: 'Europe/Prague',
      hours: { week: Array.from({ length: 7 }, () => [[540, 1200]]), exceptions: {} },
      windowMinutes: 5,
      graceMs: 7_000,
      visitGapMs: 240_000,
      passingSeconds: 12,
      sensors: [
        { index: 0, id: 'front', driver: 'wifi-pcap', role: 'zone', place: 'sales', gateDbm: -66, swap: false },
        { index: 1, id: 'door', driver: 'door-lines', role: 'door', place: 'main', gateDbm: -70, swap: true },
        { index: 2, id: 'till', driver: 'door-lines', role: 'transactions', place: 'till', gateDbm: -70, swap: false },
      ],
    });
  });

  it('have the same id for the same content, and another for any change in it', () => {
    const { id } = toParameters(settings);
    expect(toParameters({ ...settings, store: { ...settings.store }, gateway: 'other' }).id).toBe(id);
    expect(toParameters({ ...settings, counting: { ...settings.counting, graceSeconds: 8 } }).id).not.toBe(id);
    expect(toParameters(withSensors(['front'])).id).not.toBe(id);
  });

  it('say that the visitors are shared where they are, and nothing of it where they are not', () => {
    const withShare = (value: string) => toParameters(parseSettings(`${TEXT}share: { visitors: ${value} }`, 'f.yaml'));
    expect(withShare('true').visitors).toBe(true);
    expect(withShare('true').id).not.toBe(toParameters(settings).id);
    expect(withShare('false')).toEqual(toParameters(settings));
    expect(() => withShare('weekly')).toThrow('at share.visitors: expected true or false, received "weekly"');
    expect(toParameters(settings)).not.toHaveProperty('visitors');
  });

  it('keep the index of a known sensor and give a new one an index above all', () => {
    const first = toParameters(withSensors(['a', 'b', 'c']));
    const second = toParameters(withSensors(['d', 'c', 'a']), first);
    expect(second.sensors.map(({ id, index }) => [id, index])).toEqual([
      ['d', 3],
      ['c', 2],
      ['a', 0],
    ]);
  });

  it('refuse an index beyond the journal column', () => {
    const first = toParameters(withSensors(Array.from({ length: 255 }, (_, index) => `s${index}`)));
    expect(first.sensors.at(-1)?.index).toBe(254);
    expect(() => toParameters(withSensors(['s254', 'new']), first)).toThrow(
      expect.objectContaining({ code: 'sensors_exhausted' }),
    );
  });
});
