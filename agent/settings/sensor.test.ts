import { describe, expect, it } from 'vitest';
import { parseSettings } from './load.ts';
import type { SensorOptions, SensorSettings } from './settings.ts';

function sensor(words: string): SensorSettings {
  const text = `tenant: acme
gateway: gw
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [{ id: s, ${words} }]
`;
  return parseSettings(text, 'f.yaml').sensors[0];
}

const ZONE = 'zone: z';
const DOOR = 'door: d';
const PORT = 'port: /dev/a';
const BUS: SensorOptions = { parity: 'none', stopBits: 1, unit: 1, pollMs: 1000 };

describe('a sensor of the settings', () => {
  it.each<[string, string, Partial<SensorSettings>, SensorOptions]>([
    ['wifi-lines', `${PORT}, ${ZONE}`, { line: 'serial', baud: 115_200 }, {}],
    ['wifi-json', `${PORT}, ${ZONE}`, { line: 'serial', baud: 921_600 }, {}],
    ['wifi-pcap', `${PORT}, ${ZONE}, link_type: 192`, { baud: 921_600 }, { linkType: 192 }],
    [
      'wifi-monitor',
      `adapter: wlan1, ${ZONE}`,
      { line: 'radio', port: 'wlan1', baud: 0 },
      { channels: [1, 6, 11], channelSeconds: 2 },
    ],
    ['ble-hci', ZONE, { line: 'radio', port: 'auto', baud: 0 }, {}],
    ['ble-hci', `${PORT}, ${ZONE}`, { line: 'serial', port: '/dev/a', baud: 1_000_000 }, { flowControl: true }],
    ['ble-nrf', `${PORT}, ${ZONE}`, { line: 'serial', baud: 1_000_000 }, { flowControl: true }],
    ['ble-sniffle', `${PORT}, ${ZONE}`, { baud: 2_000_000 }, { advertisingChannel: 37 }],
    ['ble-json', `${PORT}, ${ZONE}, baud: 57600`, { baud: 57_600 }, {}],
    ['door-hpc168', `${PORT}, ${DOOR}, unit: 4660`, { baud: 115_200 }, { ...BUS, unit: 4660 }],
    ['door-teraranger', `${PORT}, ${DOOR}`, { baud: 115_200 }, {}],
    ['door-lines', `${PORT}, ${DOOR}`, { baud: 115_200 }, {}],
    ['door-turnstile', `${PORT}, ${DOOR}, parity: odd`, { baud: 9_600 }, { ...BUS, parity: 'odd' }],
    [
      'door-contact',
      `${PORT}, ${DOOR}, contact: dcd`,
      { line: 'contact', baud: 0 },
      { contact: 'dcd', counts: 'in', debounceMs: 50 },
    ],
    ['door-radar', `${PORT}, ${DOOR}`, { baud: 256_000 }, { lineMm: 1500, hysteresisMm: 300 }],
    [
      'door-modbus',
      `${PORT}, ${DOOR}, profile: moxa-r1212, in_channel: 2, out_channel: 1`,
      { line: 'serial', baud: 9_600 },
      {
        ...BUS,
        modbus: {
          ...{ functionCode: 4, entered: 0x12, left: 0x10, words: 2, wordOrder: 'high-first', width: 32 },
          enableCoils: [1, 0],
        },
      },
    ],
    [
      'door-modbus',
      `${PORT}, ${DOOR}, profile: wb-mcm8, total_channel: 8, baud: 19200, stop_bits: 1`,
      { baud: 19_200 },
      {
        ...BUS,
        modbus: {
          ...{ functionCode: 4, entered: 74, left: 74, words: 2, wordOrder: 'high-first', width: 32 },
          enableCoils: [],
        },
      },
    ],
  ])('of driver %s with %s has every default filled in', (driver, words, line, options) => {
    const read = sensor(`driver: ${driver}, ${words}`);
    const place = words.includes(ZONE) ? { role: 'zone', place: 'z' } : { role: 'door', place: 'd' };
    expect(read).toMatchObject({ ...line, ...place, gateDbm: -70, swap: false, silentMinutes: 15 });
    expect(read.options).toEqual(options);
  });

  it('takes the speed and frame of a bus from the profile', () => {
    const read = sensor(`driver: door-modbus, ${PORT}, ${DOOR}, profile: wb-mcm8, total_channel: 1`);
    expect([read.baud, read.options.parity, read.options.stopBits]).toEqual([9_600, 'none', 2]);
  });

  it('can be a till on a contact', () => {
    const read = sensor(`driver: door-contact, ${PORT}, contact: cts, role: transactions`);
    expect(read).toMatchObject({ role: 'transactions', place: 's' });
    expect(read.options).toEqual({ contact: 'cts', debounceMs: 50 });
  });
});
