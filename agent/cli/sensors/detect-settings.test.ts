import { describe, expect, it } from 'vitest';
import { checkSettings } from '../../settings/load.ts';
import { SettingsWriter } from './detect-settings.ts';

const FILE = `
tenant: acme
gateway: shop-12
store:
  id: shop-12
  time_zone: Europe/Prague
  hours: { daily: 24h }
sensors:
`;
const PORT = '/dev/serial/by-id/usb-Silicon_Labs_CP2102N_0001-if00-port0';
const plain = { profile: '', unit: null };

/** The settings with these entries pasted in below `sensors:`, as people paste. */
function pasted(entries: readonly (string | null)[]) {
  const lines = entries.flatMap((entry) => (entry ?? '').trimEnd().split('\n'));
  return checkSettings(FILE + lines.map((line) => `  ${line}\n`).join(''));
}

describe('SettingsWriter', () => {
  it('writes entries of every driver that pass the check of a settings file, all in one file', () => {
    const writer = new SettingsWriter();
    const entries = [
      ...['wifi-lines', 'wifi-json', 'wifi-pcap', 'ble-hci', 'ble-nrf', 'ble-sniffle', 'ble-json'].map((driver, at) =>
        writer.sensor(`${PORT}-a${at}`, { driver, line: { baudRate: 57_600 }, ...plain }),
      ),
      ...['door-lines', 'door-radar', 'door-teraranger'].map((driver, at) =>
        writer.sensor(`${PORT}-b${at}`, { driver, line: { baudRate: 9_600 }, ...plain }),
      ),
      ...['door-hpc168', 'door-turnstile'].map((driver, at) =>
        writer.sensor(`${PORT}-c${at}`, { driver, line: { baudRate: 9_600 }, profile: '', unit: 3 }),
      ),
      ...['wb-mcm8', 'moxa-r1212', 'vmu-mc', 'adam-4150', 'generic-input', 'generic-holding'].map((profile, at) =>
        writer.sensor(`${PORT}-d${at}`, {
          driver: 'door-modbus',
          line: { baudRate: 19_200, parity: 'even' },
          profile,
          unit: 2,
        }),
      ),
      writer.radio('ble-hci', 'hci0'),
      writer.radio('wifi-monitor', 'wlan1'),
    ];
    const checked = pasted(entries);
    expect('mistakes' in checked ? checked.mistakes : []).toEqual([]);
    expect('settings' in checked && checked.settings.sensors).toHaveLength(entries.length);
  });

  it('opens the line as it was found', () => {
    const line = { baudRate: 9_600, parity: 'none', stopBits: 1 } as const;
    const found = { driver: 'door-modbus', line, profile: 'wb-mcm8', unit: 4 };
    const checked = pasted([new SettingsWriter().sensor(PORT, found)]);
    const [sensor] = 'settings' in checked ? checked.settings.sensors : [];
    expect(sensor).toMatchObject({ port: PORT, baud: 9_600, options: { unit: 4, parity: 'none', stopBits: 1 } });
  });

  it('says no more than is needed, and takes no id that is taken', () => {
    const writer = new SettingsWriter(['wifi-1', 'wifi-3']);
    const usual = { driver: 'wifi-lines', line: { baudRate: 115_200 }, ...plain };
    expect(writer.sensor(PORT, usual)).toBe(`- id: wifi-2\n  driver: wifi-lines\n  port: ${PORT}\n  zone: shop\n`);
    expect(writer.sensor(PORT, usual)).toContain('id: wifi-4');
  });

  it('writes nothing for a Modbus unit whose table nobody knows', () => {
    const found = { driver: 'door-modbus', line: { baudRate: 9_600 }, profile: '', unit: 1 };
    expect(new SettingsWriter().sensor(PORT, found)).toBe(null);
  });
});
