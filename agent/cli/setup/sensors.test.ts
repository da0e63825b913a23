import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadSettings } from '../../settings/load.ts';
import { runSetup, type SetupOptions } from './flow.ts';
import { type Line, Script, scriptedWorld } from './script.fixture.ts';

/** All but the sensors. */
const FLAGS = {
  ...{ tenant: 'acme', gateway: 'shop-12', store: 'shop-12', timeZone: 'Europe/Prague' },
  ...{ hours: ['daily=24h'], exception: ['2026-12-25=closed'], broker: 'mqtt://broker.example' },
};

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'setup-'));
  path = join(directory, 'footfall.yaml');
});
afterEach(() => rmSync(directory, { recursive: true }));

function run(options: Partial<SetupOptions>, world = scriptedWorld()) {
  return runSetup({ settings: path, test: true, ...FLAGS, ...options }, world);
}

describe('sensors by flags', () => {
  it('takes every key of every driver, and takes keys away again', async () => {
    const sensor = [
      'id=air,driver=wifi-monitor,adapter=wlan1,zone=shop,channels=1+6+11+36,channel_seconds=5',
      'id=ble,driver=ble-hci,adapter=hci1,zone=shop',
      'id=mod,driver=door-modbus,port=/dev/bus,profile=vmu-mc,unit=4,in_channel=1,out_channel=2,poll_ms=500,door=a',
      'id=stile,driver=door-turnstile,port=/dev/b2,unit=2,parity=even,stop_bits=2,door=b',
      'id=yard,driver=door-contact,port=/dev/c,contact=dcd,counts=both,debounce_ms=80,door=c',
      'id=hall,driver=door-radar,port=/dev/d,line_mm=2000,hysteresis_mm=200,door=d,swap=true',
      'id=sniff,driver=ble-sniffle,port=/dev/e,zone=shop,advertising_channel=39',
    ];
    await run({ yes: true, sensor });
    expect(readFileSync(path, 'utf8')).toContain('channels: [ 1, 6, 11, 36 ]');
    const first = loadSettings(path).sensors;
    expect(first.map(({ options }) => options)).toMatchObject([
      { channels: [1, 6, 11, 36], channelSeconds: 5 },
      {},
      { unit: 4, pollMs: 500, modbus: { functionCode: 3, entered: 0, left: 2, wordOrder: 'low-first' } },
      { unit: 2, parity: 'even', stopBits: 2 },
      { contact: 'dcd', counts: 'both', debounceMs: 80 },
      { lineMm: 2000, hysteresisMm: 200 },
      { advertisingChannel: 39 },
    ]);
    await run({ yes: true, sensor: ['id=mod,in_channel=,out_channel=,total_channel=2', 'id=air,channel_seconds=2'] });
    const second = loadSettings(path).sensors;
    expect(second[2].options.modbus).toMatchObject({ entered: 2, left: 2 });
    expect(second[0].options).toEqual({ channels: [1, 6, 11, 36], channelSeconds: 2 });
  });
});

describe('sensors by dialogue', () => {
  it('asks of a bus for every unit on it, and of a radio only what it needs', async () => {
    const asker = new Script([
      ['Which ports', ['ttyUSB0', 'ttyUSB1', 'hci0']],
      ['ttyUSB0: what is it', 'Counter module'],
      ['Its name', 'east'],
      ['east: which counter module', 'wb-mcm8'],
      ['east: does it know the direction', true],
      ['east: channel of people coming in', ''],
      ['east: channel of people going out', ''],
      ['east: its address', '7'],
      ['east: door', 'east'],
      ['Another sensor on the same line', true],
      ['Its name', 'west'],
      ['west: which counter module', 'wb-mcm8'],
      ['west: does it know the direction', false],
      ['west: its channel', '3'],
      ['west: its address', ''],
      ['west: door', 'west'],
      ['Another sensor on the same line', false],
      ['ttyUSB1: what is it', 'Contact'],
      ['Its name', 'sales'],
      ['sales: which line', 'DSR'],
      ['sales: what does a closure count', 'A sale'],
      ['Its name', 'air'],
      ['air: zone', ''],
      ['air: a phone counts', '-75'],
      ['What should be changed', 'Sensors'],
      ['What of the sensors', 'Add'],
      ['Which ports', ['ttyUSB0']],
      ['Its name', 'north'],
      ['north: which counter module', 'wb-mcm8'],
      ['north: does it know the direction', true],
      ['north: channel of people coming in', '1'],
      ['north: channel of people going out', '2'],
      ['north: its address', '9'],
      ['north: door', 'north'],
      ['Another sensor on the same line', ''],
      ['What of the sensors', 'Change sales'],
      ['sales: at which port', ''],
      ['sales: what is it', ''],
      ['sales: which line', ''],
      ['sales: what does a closure count', 'Anybody'],
      ['sales: door', 'yard'],
      ['What of the sensors', 'Change air'],
      ['air: at which port', 'Another'],
      ['Path', '/dev/ttyACM3'],
      ['air: what is it', 'Bluetooth controller'],
      ['air: zone', ''],
      ['air: a phone counts', ''],
      ['air: bits', ''],
      ['What of the sensors', ''],
      ['What should be changed', ''],
      ['Write ', true],
    ]);
    await run({}, scriptedWorld({ asker }));
    expect(asker.left).toBe(0);
    const bus = '/dev/serial/by-id/usb-sniffer';
    expect(parse(readFileSync(path, 'utf8')).sensors).toEqual([
      {
        ...{ id: 'east', driver: 'door-modbus', port: bus, profile: 'wb-mcm8', unit: 7, door: 'east' },
        ...{ in_channel: 1, out_channel: 2 },
      },
      { id: 'west', driver: 'door-modbus', port: bus, profile: 'wb-mcm8', unit: 7, door: 'west', total_channel: 3 },
      { id: 'sales', driver: 'door-contact', port: '/dev/ttyUSB1', contact: 'dsr', counts: 'both', door: 'yard' },
      { id: 'air', driver: 'ble-hci', port: '/dev/ttyACM3', zone: 'shop', gate_dbm: -75 },
      {
        ...{ id: 'north', driver: 'door-modbus', port: bus, profile: 'wb-mcm8', unit: 9, door: 'north' },
        ...{ in_channel: 1, out_channel: 2 },
      },
    ]);
  });

  it.each<[string, Line[], object]>([
    [
      'Door counter, HPC',
      [
        ['its address', ''],
        ['door', 'x'],
        ['bits', ''],
        ['Another', false],
      ],
      { door: 'x' },
    ],
    [
      'Turnstile',
      [
        ['its address', '200'],
        ['door', ''],
        ['bits', ''],
        ['Another', false],
      ],
      { unit: 200 },
    ],
    [
      'Radar',
      [
        ['door', ''],
        ['line crossed', '2000'],
        ['bits', ''],
      ],
      { driver: 'door-radar', line_mm: 2000 },
    ],
    [
      'Bluetooth sniffer, Sniffle',
      [
        ['zone', ''],
        ['counts', ''],
        ['bits', ''],
      ],
      { driver: 'ble-sniffle' },
    ],
  ])('asks no more than a sensor needs: %s', async (kind, questions, expected) => {
    const asker = new Script([
      ['Which ports', ['ttyUSB1']],
      ['what is it', kind],
      ['Its name', 'one'],
      ...questions,
      ['What should be changed', ''],
      ['Write ', true],
    ]);
    await run({}, scriptedWorld({ asker }));
    expect(asker.left).toBe(0);
    expect(parse(readFileSync(path, 'utf8')).sensors).toMatchObject([{ id: 'one', ...expected }]);
  });
});
