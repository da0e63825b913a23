import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../simulator/random.ts';
import { detect } from './detect.ts';
import { addDevice, Bench, benchWith, type Device } from './devices.testing.ts';
import type { Finding } from './finding.ts';
import { passTime } from './uart.testing.ts';

type Expected = Partial<Omit<Finding, 'line'>> & { baudRate?: number };

const at = (baudRate: number) => ({ line: { baudRate } });
const CASES: [name: string, device: Device, expected: Expected][] = [
  ['wifi-lines', { driver: 'wifi-lines', ...at(115_200) }, { variant: '6 fields', confidence: 'certain' }],
  ['wifi-lines 9', { driver: 'wifi-lines', fields: 9, ...at(115_200) }, { variant: '9 fields', confidence: 'certain' }],
  [
    'wifi-lines 10',
    { driver: 'wifi-lines', fields: 10, ...at(9_600) },
    { variant: '10 fields', confidence: 'certain' },
  ],
  ['wifi-lines restarted', { driver: 'wifi-lines', restarts: true, ...at(115_200) }, { confidence: 'certain' }],
  ['wifi-json', { driver: 'wifi-json', ...at(921_600) }, { confidence: 'certain' }],
  ['wifi-json slow', { driver: 'wifi-json', restarts: true, ...at(115_200) }, { confidence: 'certain' }],
  ['wifi-pcap', { driver: 'wifi-pcap', ...at(921_600) }, { confidence: 'certain' }],
  [
    'wifi-pcap restarted',
    { driver: 'wifi-pcap', restarts: true, ...at(115_200) },
    { variant: 'SerialPcap', confidence: 'certain' },
  ],
  ['wifi-pcap dlt105', { driver: 'wifi-pcap', variant: 'dlt105', ...at(921_600) }, { confidence: 'certain' }],
  [
    'marauder',
    { driver: 'wifi-pcap', variant: 'marauder', ...at(115_200) },
    { variant: 'Marauder', confidence: 'certain' },
  ],
  [
    'marauder ppi',
    { driver: 'wifi-pcap', variant: 'marauder-ppi', ...at(115_200) },
    { variant: 'Marauder', confidence: 'certain' },
  ],
  ['ble-hci', { driver: 'ble-hci', ...at(1_000_000) }, { confidence: 'certain' }],
  [
    'ble-nrf v1',
    { driver: 'ble-nrf', variant: 'v1', ...at(460_800) },
    { variant: 'protocol 1', confidence: 'certain' },
  ],
  [
    'ble-nrf v2',
    { driver: 'ble-nrf', variant: 'v2', ...at(1_000_000) },
    { variant: 'protocol 2', confidence: 'certain' },
  ],
  [
    'ble-nrf v3',
    { driver: 'ble-nrf', variant: 'v3', ...at(1_000_000) },
    { variant: 'protocol 3', confidence: 'certain' },
  ],
  ['ble-sniffle', { driver: 'ble-sniffle', ...at(2_000_000) }, { confidence: 'certain' }],
  ['ble-sniffle slow', { driver: 'ble-sniffle', ...at(921_600) }, { confidence: 'certain' }],
  ['ble-json', { driver: 'ble-json', ...at(115_200) }, { variant: 'JSON contract', confidence: 'certain' }],
  [
    'ble-json gateway',
    { driver: 'ble-json', variant: 'openmqttgateway', ...at(115_200) },
    { variant: 'OpenMQTTGateway', confidence: 'certain' },
  ],
  [
    'ble-json bleuio',
    { driver: 'ble-json', variant: 'bleuio', ...at(115_200) },
    { variant: 'BleuIO', confidence: 'likely' },
  ],
  ['wb-mcm8', { driver: 'door-modbus', ...at(9_600) }, { profile: 'wb-mcm8', unit: 1, confidence: 'certain' }],
  [
    'wb-mcm8 8N2',
    { driver: 'door-modbus', unit: 3, line: { baudRate: 9_600, stopBits: 2 } },
    { profile: 'wb-mcm8', unit: 3 },
  ],
  [
    'moxa',
    { driver: 'door-modbus', variant: 'moxa', unit: 2, ...at(19_200) },
    { profile: 'moxa-r1212', unit: 2, confidence: 'likely' },
  ],
  [
    'vmu-mc 8E1',
    { driver: 'door-modbus', variant: 'vmu-mc', line: { baudRate: 9_600, parity: 'even' } },
    { profile: 'vmu-mc', unit: 1 },
  ],
  ['hpc168', { driver: 'door-hpc168', unit: 2, ...at(115_200) }, { unit: 2, confidence: 'certain' }],
  ['hpc168 slow', { driver: 'door-hpc168', unit: 1, ...at(9_600) }, { unit: 1, confidence: 'certain' }],
  ['turnstile', { driver: 'door-turnstile', unit: 3, ...at(9_600) }, { unit: 3, confidence: 'certain' }],
  ['teraranger', { driver: 'door-teraranger', ...at(115_200) }, { confidence: 'certain' }],
  ['teraranger 11', { driver: 'door-teraranger', variant: '11', ...at(115_200) }, { confidence: 'certain' }],
  ['door-lines', { driver: 'door-lines', ...at(115_200) }, { variant: 'JSON contract', confidence: 'certain' }],
  [
    'door-lines slow',
    { driver: 'door-lines', checksum: true, restarts: true, ...at(9_600) },
    { confidence: 'certain' },
  ],
  [
    'door-lines integer',
    { driver: 'door-lines', variant: 'integer', restarts: true, ...at(115_200) },
    { variant: 'totals', confidence: 'likely' },
  ],
  [
    'door-lines events',
    { driver: 'door-lines', variant: 'events', ...at(9_600) },
    { variant: 'events', confidence: 'likely' },
  ],
  ['door-radar', { driver: 'door-radar', ...at(256_000) }, { confidence: 'certain' }],
];

describe('detect', () => {
  it.each(CASES)('finds %s', async (_name, device, expected) => {
    const { findings } = await benchWith(device).detect();
    expect(findings).toHaveLength(1);
    const [finding] = findings;
    const { baudRate, parity } = finding.line;
    expect({ driver: finding.driver, baudRate, parity }).toEqual({
      driver: device.driver,
      baudRate: device.line.baudRate,
      parity: device.line.parity,
    });
    expect(finding).toMatchObject(expected);
  });
});

/** Lines of a kind that no sensor of ours sends. */
const TEXTS: [name: string, lines: readonly string[]][] = [
  [
    'NMEA',
    [
      '$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,*76',
      '$GPGSA,A,3,10,07,05,02,29,04,08,13,,,,,1.72,1.03,1.38*0A',
    ],
  ],
  [
    'a kernel log',
    [
      '[    0.000000] Booting Linux on physical CPU 0x0',
      '[    1.204532] usb 1-1: new high-speed USB device number 2',
      '[    2.551200] EXT4-fs (mmcblk0p2): mounted filesystem',
      '',
    ],
  ],
  [
    'an ESP log',
    [
      'ets Jul 29 2019 12:21:46',
      'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)',
      'I (312) wifi: mode : sta',
      '42',
    ],
  ],
  ['a thermometer', ['23', '22', '24', '21']],
  ['a clock', ['1700000000', '1700000060', '1700000120']],
  ['a chat', ['in', 'we came in and went out', '17', 'OK', '+', 'what?']],
  ['JSON of others', ['{"temp":21.5,"hum":40}', '{"id":7,"state":"on"}', '{"v":1,"t":"env","c":21}']],
  ['a modem log', ['AT', 'OK', 'ATZ', 'OK', 'N: started', 'ERROR']],
];

const SAMPLES = new URL('../../../shared/data/serial-format-samples/', import.meta.url);

describe.skipIf(!existsSync(SAMPLES))(
  'detect on lines that real modules sent (skipped where there are no samples)',
  () => {
    it.each([
      ['tz001_serial_6field.txt', '6 fields'],
      ['ssid_9field_with_real_corruption.txt', '9 fields'],
      ['ownmac_10field.txt', '10 fields'],
    ])('knows %s', async (file, variant) => {
      const lines = readFileSync(new URL(file, SAMPLES), 'latin1')
        .split(/\r?\n/)
        .filter((line) => line !== '');
      const bench = new Bench({ baudRate: 115_200 });
      let next = 0;
      bench.every(150, () => bench.line.wire(Buffer.from(`${lines[next++ % lines.length]}\r\n`, 'latin1')));
      const { findings } = await bench.detect();
      expect(findings).toMatchObject([{ driver: 'wifi-lines', line: { baudRate: 115_200 }, variant }]);
    });
  },
);

describe('detect on other lines', () => {
  it.each(TEXTS)('knows nothing of %s, and asks it nothing', async (_name, lines) => {
    for (const baudRate of [115_200, 9_600]) {
      const bench = new Bench({ baudRate });
      let next = 0;
      bench.every(200, () => bench.line.wire(Buffer.from(`${lines[next++ % lines.length]}\r\n`)));
      const { findings, asked } = await bench.detect();
      expect({ findings, asked }).toEqual({ findings: [], asked: false });
      expect(bench.line.written).toEqual([]);
      expect(bench.line.isOpen).toBe(false);
    }
  });

  it.each([1, 2, 3, 4])('knows nothing of noise, and does not disturb it (seed %i)', async (seed) => {
    const bench = new Bench({ baudRate: 115_200 });
    const random = new Random(seed);
    bench.every(20, () => bench.line.wire(Uint8Array.from({ length: 120 }, () => random.next() & 0xff)));
    expect(await bench.detect()).toMatchObject({ findings: [], asked: false });
    expect(bench.line.written).toEqual([]);
  });

  it('knows nothing of silence, after everything was asked', async () => {
    const bench = new Bench({ baudRate: 115_200 });
    expect(await bench.detect()).toMatchObject({ findings: [], asked: true });
    expect(bench.steps.filter(({ kind }) => kind === 'asking').length).toBeGreaterThan(20);
  });

  it.each([true, false])('knows nothing of a modem (echo: %s)', async (echoes) => {
    const bench = new Bench({ baudRate: 115_200 });
    let said = '';
    bench.line.receive = (bytes) => {
      if (echoes) bench.line.wire(bytes);
      for (const byte of bytes) {
        if (byte !== 0x0d) said += String.fromCharCode(byte);
        else {
          bench.line.wire(Buffer.from(/^(AT|ATV1)?$/.test(said) ? '\r\nOK\r\n' : '\r\nERROR\r\n'));
          said = '';
        }
      }
    };
    expect(await bench.detect()).toMatchObject({ findings: [], asked: true });
  });

  it('knows nothing of a line that only echoes', async () => {
    const bench = new Bench({ baudRate: 9_600 });
    bench.line.receive = (bytes) => void bench.line.wire(bytes);
    expect((await bench.detect()).findings).toEqual([]);
  });

  it('writes nothing that changes a unit: reads, polls and pings alone', async () => {
    const bench = new Bench({ baudRate: 9_600 });
    await bench.detect();
    const frames = bench.line.written.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
    const harmless = [
      /^0[1-3](01|03|04)[0-9a-f]{12}$/,
      /^023030303[1-3]31333030[0-9a-f]{4}03$/,
      /^7e000[1-3]10000000[0-9a-f]{2}$/,
      /^ab06000100000dbc$/,
      /^4153513d0d0a$/,
      /^01011000$/,
      /^0d41540d$/,
    ];
    expect(frames.filter((frame) => !harmless.some((shape) => shape.test(frame)))).toEqual([]);
  });

  it('finds every unit on a bus', async () => {
    const bench = benchWith({ driver: 'door-modbus', unit: 1, line: { baudRate: 9_600 } });
    addDevice(bench, { driver: 'door-modbus', variant: 'moxa', unit: 3, line: { baudRate: 9_600 } }, 2);
    const { findings } = await bench.detect();
    expect(findings.map(({ unit, profile }) => [unit, profile])).toEqual([
      [1, 'wb-mcm8'],
      [3, 'moxa-r1212'],
    ]);
  });

  it('finds a Modbus unit behind an adapter that hears itself', async () => {
    const bench = benchWith({ driver: 'door-modbus', line: { baudRate: 9_600 } });
    const { receive } = bench.line;
    bench.line.receive = (bytes) => {
      bench.line.wire(bytes);
      receive(bytes);
    };
    expect((await bench.detect()).findings).toMatchObject([{ driver: 'door-modbus', profile: 'wb-mcm8' }]);
  });

  it('finds a counter that is heard each 10 seconds alone', async () => {
    const bench = new Bench({ baudRate: 9_600 });
    let seq = 0;
    bench.every(10_000, () => {
      const line = { v: 1, t: 'cnt', boot: '0badcafe', seq: ++seq, in: 7, out: 5, ms: seq * 10_000 };
      bench.line.wire(Buffer.from(`${JSON.stringify(line)}\n`));
    });
    const [finding] = (await bench.detect()).findings;
    expect(finding).toMatchObject({
      driver: 'door-lines',
      line: { baudRate: 9_600 },
      sample: { totals: { in: 7, out: 5 } },
    });
  });

  it('begins where the adapter points to, and stops when it is certain', async () => {
    const bench = benchWith({ driver: 'ble-sniffle', line: { baudRate: 2_000_000 } });
    await bench.detect({ vendor: '0451', product: 'bef3', name: 'XDS110' });
    expect(bench.line.openings.map(({ baudRate }) => baudRate)).toEqual([2_000_000]);
  });

  it('goes on where the adapter does not know a speed, and tells why where it opens at none', async () => {
    const bench = benchWith({ driver: 'door-radar', line: { baudRate: 256_000 } });
    const { line } = bench;
    const open = line.open.bind(line);
    line.open = (settings) =>
      settings.baudRate > 500_000 ? Promise.reject(new Error('no such speed')) : open(settings);
    const { findings, heard } = await bench.detect();
    expect(findings).toMatchObject([{ driver: 'door-radar' }]);
    expect(heard.filter(({ failure }) => failure !== '').map((each) => each.line.baudRate)).toEqual([
      921_600, 1_000_000, 2_000_000,
    ]);
    line.open = () => Promise.reject(new Error('permission denied'));
    await expect(bench.detect()).rejects.toThrow('permission denied');
  });

  it('closes the line when it is ended', async () => {
    const bench = new Bench({ baudRate: 115_200 });
    const ended = new AbortController();
    bench.agenda.at(bench.agenda.now + 4_000, () => ended.abort(new Error('enough')));
    const { line, clock } = bench;
    await expect(passTime(bench.agenda, detect({ line, clock, signal: ended.signal }))).rejects.toThrow('enough');
    expect(line.isOpen).toBe(false);
  });

  it('tells numbers of what it heard, and no address', async () => {
    const { findings } = await benchWith({ driver: 'wifi-lines', line: { baudRate: 115_200 } }).detect();
    const [{ sample, evidence }] = findings;
    expect(sample.probes).toBeGreaterThan(10);
    expect(sample.channels).toEqual([6]);
    expect(sample.rssi?.weakest).toBeLessThan(sample.rssi?.strongest ?? 0);
    expect(evidence).toMatchObject({ how: 'heard', rejected: 0 });
    expect(evidence.explained).toBeGreaterThan(0.9);
    expect(JSON.stringify(findings)).not.toMatch(/[0-9a-f]{2}[:-]?[0-9a-f]{2}[:-]?[0-9a-f]{2}[:-]?[0-9a-f]{2}/i);
  });
});
