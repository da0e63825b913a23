import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkSettings } from '../../settings/load.ts';
import { type Answers, answersOf, type SensorRow } from './answers.ts';
import { writeAnswers } from './document.ts';

const EXAMPLE = readFileSync(new URL('../../../config/footfall.example.yaml', import.meta.url), 'utf8');

const name = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
const hours = fc.constantFrom('09:00-20:00', '9:00-12:00, 13:00-18:00', '18:00-02:00', 'closed', '24h');
const week = fc.oneof(
  fc.record({ daily: hours }),
  fc.record({ 'mon-fri': hours, sat: hours, sun: hours }),
  fc.record({ daily: hours, wed: hours }),
);
const sensor: fc.Arbitrary<SensorRow> = fc.oneof(
  fc.record({ driver: fc.constant('wifi-pcap'), zone: name, gate_dbm: fc.integer({ min: -127, max: 0 }) }),
  fc.record({ driver: fc.constant('wifi-lines'), zone: name, baud: fc.integer({ min: 300, max: 4_000_000 }) }),
  fc.record({ driver: fc.constant('door-lines'), door: name, swap: fc.boolean() }),
  fc.record({ driver: fc.constant('door-lines'), role: fc.constant('transactions') }),
  fc.record({
    ...{ driver: fc.constant('door-modbus'), profile: fc.constantFrom('wb-mcm8', 'moxa-r1212') },
    ...{ total_channel: fc.integer({ min: 1, max: 8 }), unit: fc.integer({ min: 1, max: 247 }), door: name },
  }),
  fc.record({
    ...{ driver: fc.constant('wifi-monitor'), zone: name },
    channels: fc.array(fc.integer({ min: 1, max: 196 }), { maxLength: 4 }),
  }),
);
const sensors = fc
  .uniqueArray(fc.tuple(name, sensor), { minLength: 1, maxLength: 5, selector: ([id]) => id })
  .map((rows) =>
    rows.map(([id, row], index): SensorRow => {
      return { id, ...(row.driver === 'wifi-monitor' ? { adapter: `wlan${index}` } : { port: `/dev/${id}` }), ...row };
    }),
  );
const broker = fc.option(
  fc.record(
    {
      url: fc.constantFrom('mqtts://broker.example', 'mqtts://10.0.0.1:8884'),
      username: fc.constantFrom('shop', '007', 'no', 'a: b #c', "o'neill", '"x"'),
      ca_file: fc.constantFrom('/etc/ca.pem', '/etc/a # b.pem'),
    },
    { requiredKeys: ['url'] },
  ),
  { nil: null },
);
const answers: fc.Arbitrary<Answers> = fc
  .record({
    ...{ tenant: name, gateway: name, store: name, timeZone: fc.constantFrom('UTC', 'Europe/Prague', 'Asia/Tokyo') },
    ...{ hours: week, sensors, broker },
    exceptions: fc.dictionary(fc.constantFrom('2026-12-24', '2026-12-25', '2027-01-01'), hours),
  })
  // Plain objects: some of those made here have no prototype.
  .map((made) => structuredClone(made));

describe('writeAnswers', () => {
  it('writes a file that says exactly the answers, and changes it to say others', () => {
    fc.assert(
      fc.property(answers, answers, (first, second) => {
        const text = writeAnswers(null, first);
        expect(checkSettings(text)).toHaveProperty('settings');
        const changed = writeAnswers(text, second);
        expect(checkSettings(changed)).toHaveProperty('settings');
        expect(writeAnswers(changed, second)).toBe(changed);
        const { exceptions = {}, ...rest } = answersOf(parse(changed));
        expect({ ...rest, exceptions, sensors: byId(rest.sensors) }).toEqual({
          ...second,
          sensors: byId(second.sensors),
        });
      }),
      { numRuns: 60 },
    );
  });

  it('leaves the example as it is where nothing is new, and changes single lines in it', () => {
    const told = answersOf(parse(EXAMPLE));
    expect(writeAnswers(EXAMPLE, told)).toBe(EXAMPLE);
    const changed = writeAnswers(EXAMPLE, {
      ...told,
      gateway: 'shop-13',
      hours: { ...told.hours, sat: '10:00-16:00' },
    });
    const before = EXAMPLE.split('\n');
    const after = changed.split('\n');
    expect(after.filter((line, index) => line !== before[index])).toEqual([
      'gateway: shop-13',
      '    sat: "10:00-16:00"',
    ]);
  });

  it('keeps every comment of the example when it adds and removes parts', () => {
    const told = answersOf(parse(EXAMPLE));
    const added = { id: 'back', driver: 'door-lines', port: '/dev/ttyUSB9', door: 'main' };
    const changed = writeAnswers(EXAMPLE, { ...told, sensors: [...(told.sensors ?? []), added] });
    const comments = (text: string) => text.split('\n').filter((line) => line.trim().startsWith('#'));
    expect(comments(changed)).toEqual(comments(EXAMPLE));
    expect(checkSettings(changed)).toHaveProperty('settings');
  });

  it('keeps lists of zones and doors in step with the sensors', () => {
    const row = { id: 'a', driver: 'wifi-pcap', port: '/dev/a', zone: 'shop' };
    const text = writeAnswers(null, {
      ...{ tenant: 't', gateway: 'g', store: 's', timeZone: 'UTC', hours: { daily: '24h' }, broker: null },
      sensors: [row],
    }).replace('store:\n', 'store:\n  zones: [shop] # from the plan\n');
    const changed = writeAnswers(text, { sensors: [{ ...row, zone: 'cafe' }] });
    expect(changed).toContain('zones: [ cafe ] # from the plan');
  });

  it('quotes what would break the map it is put into', () => {
    const text = 'store: { hours: { mon-sat: 24h, sun: closed } }\nuplink: { url: mqtt://a, ca_file: /a.pem }\n';
    const hours = { 'mon-sat': '09:00-12:00, 13:00-18:00', sun: 'closed' };
    expect(writeAnswers(text, { hours, broker: { url: 'mqtt://b:1', ca_file: '/a, {b}.pem' } })).toBe(
      text.replace('24h', '"09:00-12:00, 13:00-18:00"').replace('//a', '//b:1').replace('/a.pem', '"/a, {b}.pem"'),
    );
  });

  it('says so when a file cannot be edited', () => {
    const text = 'tenant: &name acme\ngateway: *name\n';
    expect(writeAnswers(text, { tenant: 'acme', gateway: 'other' })).toBe('tenant: &name acme\ngateway: other\n');
    // The gateway would follow.
    expect(() => writeAnswers(text, { tenant: 'other', gateway: 'acme' })).toThrow(/cannot be edited/);
  });
});

function byId(rows: SensorRow[] = []): SensorRow[] {
  return [...rows].sort((a, b) => String(a.id).localeCompare(String(b.id)));
}
