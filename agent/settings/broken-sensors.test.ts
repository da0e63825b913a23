import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Broken, expectTold, GOOD } from './broken.fixture.ts';
import { checkSettings } from './load.ts';

/** The good file's door in other words; its lines are 13 and on, keys from the fifth column. */
function door(driver: string, ...lines: string[]): Broken['edits'] {
  const others = lines.map((line) => `\n    ${line}`).join('');
  return [['    driver: door-lines\n    port: /dev/ttyUSB1\n', `    driver: ${driver}${others}\n`]];
}

/** The good file's sniffer in other words; its lines are 8 and on. */
function sniffer(driver: string, ...lines: string[]): Broken['edits'] {
  const others = lines.map((line) => `\n    ${line}`).join('');
  return [['    driver: wifi-pcap\n    port: /dev/ttyUSB0\n    baud: 921600\n', `    driver: ${driver}${others}\n`]];
}

/** Two sensors, each in one line (8 and 9). */
function two(first: string, second: string): Broken['edits'] {
  const { 0: start, 1: end } = [GOOD.indexOf('  - id: front'), GOOD.indexOf('counting:')];
  return [[GOOD.slice(start, end), `  - { id: a, ${first} }\n  - { id: b, ${second} }\n`]];
}

const MODBUS = ['port: /dev/ttyUSB1', 'profile: wb-mcm8'];
const BUS = 'driver: door-modbus, port: /dev/bus, profile: wb-mcm8, door: d';

const BROKEN: Broken[] = [
  {
    name: 'a port without a sensor behind it',
    edits: door('door-teraranger'),
    told: [
      'f.yaml:13:5: at sensors[1]: "port" is missing; expected the absolute path of a serial port such as /dev/serial/by-id/usb-...',
    ],
  },
  {
    name: 'monitor mode without an adapter',
    edits: sniffer('wifi-monitor'),
    told: ['f.yaml:8:5: at sensors[0]: "adapter" is missing; expected a network interface such as wlan1'],
  },
  {
    name: 'monitor mode on a port',
    edits: sniffer('wifi-monitor', 'adapter: wlan1', 'port: /dev/ttyUSB0'),
    told: ['f.yaml:11:5: at sensors[0]: "port" has no meaning for driver wifi-monitor; remove it'],
  },
  {
    name: 'monitor mode on any adapter',
    edits: sniffer('wifi-monitor', 'adapter: auto'),
    told: ['f.yaml:10:14: at sensors[0].adapter: expected a network interface such as wlan1, received "auto"'],
  },
  {
    name: 'an adapter that is a path',
    edits: sniffer('wifi-monitor', 'adapter: /dev/wlan1'),
    told: [
      'f.yaml:10:14: at sensors[0].adapter: expected an adapter such as hci0, or a network interface such as wlan1, received "/dev/wlan1"',
    ],
  },
  {
    name: 'channels that do not exist',
    edits: sniffer('wifi-monitor', 'adapter: wlan1', 'channels: [1, 6, 200]'),
    told: ['f.yaml:11:22: at sensors[0].channels[2]: expected a whole number between 1 and 196, received 200'],
  },
  {
    name: 'a single channel',
    edits: sniffer('wifi-monitor', 'adapter: wlan1', 'channels: 6'),
    told: ['f.yaml:11:15: at sensors[0].channels: expected a list of at most 40 Wi-Fi channels, received 6'],
  },
  {
    name: 'a stay of no time',
    edits: sniffer('wifi-monitor', 'adapter: wlan1', 'channel_seconds: 0'),
    told: [
      'f.yaml:11:22: at sensors[0].channel_seconds: expected a whole number of seconds between 1 and 60, received 0',
    ],
  },
  {
    name: 'Bluetooth by a network interface',
    edits: sniffer('ble-hci', 'adapter: wlan1'),
    told: ['f.yaml:10:14: at sensors[0].adapter: expected auto, or an adapter such as hci0, received "wlan1"'],
  },
  {
    name: 'Bluetooth by an adapter and a port',
    edits: sniffer('ble-hci', 'adapter: hci0', 'port: /dev/ttyUSB0'),
    told: [
      'f.yaml:10:5: at sensors[0]: "adapter" and "port" exclude each other; keep the adapter of this box, or the port of a UART controller',
    ],
  },
  {
    name: 'the speed of an adapter',
    edits: sniffer('ble-hci', 'baud: 115200'),
    told: ['f.yaml:10:5: at sensors[0]: "baud" needs the port of a UART controller; remove it, or name the port'],
  },
  {
    name: 'a Bluetooth sensor without a zone, at a door',
    edits: [...sniffer('ble-nrf', 'port: /dev/ttyUSB0'), ['    zone: shop\n', '    door: main\n']],
    told: [
      'f.yaml:8:5: at sensors[0]: "zone" is missing; expected the id of the zone it listens to, such as shop',
      'f.yaml:11:5: at sensors[0]: "door" has no meaning for driver ble-nrf; remove it',
    ],
  },
  {
    name: 'an advertising channel that is none',
    edits: sniffer('ble-sniffle', 'port: /dev/ttyUSB0', 'advertising_channel: 36'),
    told: ['f.yaml:11:26: at sensors[0].advertising_channel: expected one of 37, 38, 39, received 36'],
  },
  {
    name: 'the advertising channel of a sniffer that takes all',
    edits: sniffer('ble-nrf', 'port: /dev/ttyUSB0', 'advertising_channel: 37'),
    told: ['f.yaml:11:5: at sensors[0]: "advertising_channel" has no meaning for driver ble-nrf; remove it'],
  },
  {
    name: 'a counter without a profile and channels',
    edits: door('door-modbus', 'port: /dev/ttyUSB1'),
    told: [
      'f.yaml:13:5: at sensors[1]: "profile" is missing; expected a Modbus profile such as wb-mcm8, or the absolute path of one of your own',
      'f.yaml:13:5: at sensors[1]: "in_channel" is missing; expected in_channel and out_channel, or total_channel for a beam that knows no direction',
    ],
  },
  {
    name: 'one channel of two',
    edits: door('door-modbus', ...MODBUS, 'in_channel: 1'),
    told: [
      'f.yaml:13:5: at sensors[1]: "out_channel" is missing; expected in_channel and out_channel, or total_channel for a beam that knows no direction',
    ],
  },
  {
    name: 'a total beside both ways',
    edits: door('door-modbus', ...MODBUS, 'in_channel: 1', 'out_channel: 2', 'total_channel: 3'),
    told: [
      'f.yaml:19:5: at sensors[1]: "total_channel" stands in place of in_channel and out_channel; keep it alone for a beam that knows no direction, or remove it',
    ],
  },
  {
    name: 'one channel for both ways',
    edits: door('door-modbus', ...MODBUS, 'in_channel: 2', 'out_channel: 2'),
    told: [
      'f.yaml:18:18: at sensors[1].out_channel: the channel 2 counts people coming in already; name another one, or say total_channel for a beam that knows no direction',
    ],
  },
  {
    name: 'a channel that the module does not have',
    edits: door('door-modbus', ...MODBUS, 'in_channel: 1', 'out_channel: 9'),
    told: ['f.yaml:18:18: at sensors[1].out_channel: expected a channel between 1 and 8, those of wb-mcm8, received 9'],
  },
  {
    name: 'a channel before the first',
    edits: door('door-modbus', ...MODBUS, 'total_channel: 0'),
    told: ['f.yaml:17:20: at sensors[1].total_channel: expected a whole number between 1 and 1024, received 0'],
  },
  {
    name: 'a profile with a slip of the pen',
    edits: door('door-modbus', 'port: /dev/ttyUSB1', 'profile: wb-mcm-8', 'total_channel: 1'),
    told: ['f.yaml:16:14: at sensors[1].profile: there is no Modbus profile "wb-mcm-8"; did you mean "wb-mcm8"?'],
  },
  {
    name: 'a profile like none',
    edits: door('door-modbus', 'port: /dev/ttyUSB1', 'profile: acme', 'total_channel: 1'),
    told: [
      'f.yaml:16:14: at sensors[1].profile: there is no Modbus profile "acme"; there are adam-4150, generic-holding, generic-input, moxa-r1212, vmu-mc, wb-mcm8, or the absolute path of your own',
    ],
  },
  {
    name: 'a profile by a relative path',
    edits: door('door-modbus', 'port: /dev/ttyUSB1', 'profile: ../mine.yaml', 'total_channel: 1'),
    told: [
      'f.yaml:16:14: at sensors[1].profile: expected a Modbus profile such as wb-mcm8, or the absolute path of one of your own, received "../mine.yaml"',
    ],
  },
  {
    name: 'a profile that is not there',
    edits: door('door-modbus', 'port: /dev/ttyUSB1', 'profile: /no/such.yaml', 'total_channel: 1'),
    told: [
      "f.yaml:16:14: at sensors[1].profile: cannot read the profile: ENOENT: no such file or directory, stat '/no/such.yaml'",
    ],
  },
  {
    name: 'a unit beyond those of Modbus',
    edits: door('door-modbus', ...MODBUS, 'total_channel: 1', 'unit: 248'),
    told: ['f.yaml:18:11: at sensors[1].unit: expected a whole number between 1 and 247, received 248'],
  },
  {
    name: 'the broadcast unit',
    edits: door('door-turnstile', 'port: /dev/ttyUSB1', 'unit: 0'),
    told: ['f.yaml:16:11: at sensors[1].unit: expected a whole number between 1 and 255, received 0'],
  },
  {
    name: 'a unit in words',
    edits: door('door-hpc168', 'port: /dev/ttyUSB1', 'unit: first'),
    told: ['f.yaml:16:11: at sensors[1].unit: expected a whole number, its address on the bus, received "first"'],
  },
  {
    name: 'polls without a pause',
    edits: door('door-hpc168', 'port: /dev/ttyUSB1', 'poll_ms: 10'),
    told: [
      'f.yaml:16:14: at sensors[1].poll_ms: expected a whole number of milliseconds between 100 and 60000, received 10',
    ],
  },
  {
    name: 'a serial frame that is none',
    edits: door('door-turnstile', 'port: /dev/ttyUSB1', 'parity: mark', 'stop_bits: 3'),
    told: [
      'f.yaml:16:13: at sensors[1].parity: expected one of none, even, odd, received "mark"',
      'f.yaml:17:16: at sensors[1].stop_bits: expected one of 1, 2, received 3',
    ],
  },
  {
    name: 'the unit of a counter that stands alone',
    edits: door('door-teraranger', 'port: /dev/ttyUSB1', 'unit: 2'),
    told: ['f.yaml:16:5: at sensors[1]: "unit" has no meaning for driver door-teraranger; remove it'],
  },
  {
    name: 'a counter of a driver that is no till',
    edits: [...door('door-hpc168', 'port: /dev/ttyUSB1'), ['    door: main\n', '']],
    told: ['f.yaml:13:5: at sensors[1]: "door" is missing; expected the id of the door it counts'],
  },
  {
    name: 'a contact on no line',
    edits: door('door-contact', 'port: /dev/ttyUSB1'),
    told: ['f.yaml:13:5: at sensors[1]: "contact" is missing; expected one of cts, dsr, dcd'],
  },
  {
    name: 'a contact on a line that cannot be read',
    edits: door('door-contact', 'port: /dev/ttyUSB1', 'contact: rts'),
    told: ['f.yaml:16:14: at sensors[1].contact: expected one of cts, dsr, dcd, received "rts"'],
  },
  {
    name: 'the speed of a contact',
    edits: door('door-contact', 'port: /dev/ttyUSB1', 'contact: cts', 'baud: 9600'),
    told: ['f.yaml:17:5: at sensors[1]: "baud" has no meaning for driver door-contact; remove it'],
  },
  {
    name: 'a closure that counts nobody',
    edits: door('door-contact', 'port: /dev/ttyUSB1', 'contact: cts', 'counts: none', 'debounce_ms: 5'),
    told: [
      'f.yaml:17:13: at sensors[1].counts: expected one of in, out, both, received "none"',
      'f.yaml:18:18: at sensors[1].debounce_ms: expected a whole number of milliseconds between 10 and 2000, received 5',
    ],
  },
  {
    name: 'a till that counts people',
    edits: [
      ...door('door-contact', 'port: /dev/ttyUSB1', 'contact: cts', 'counts: in', 'role: transactions'),
      ['    door: main\n', ''],
    ],
    told: ['f.yaml:17:5: at sensors[1]: a till (role: transactions) counts sales; remove "counts"'],
  },
  {
    name: 'a radar line that is out of reach',
    edits: door('door-radar', 'port: /dev/ttyUSB1', 'line_mm: 9000', 'hysteresis_mm: 10'),
    told: [
      'f.yaml:16:14: at sensors[1].line_mm: expected a whole number of millimetres between 200 and 6000, received 9000',
      'f.yaml:17:20: at sensors[1].hysteresis_mm: expected a whole number of millimetres between 50 and 1000, received 10',
    ],
  },
  {
    name: 'a line nearer than its hysteresis',
    edits: door('door-radar', 'port: /dev/ttyUSB1', 'line_mm: 250'),
    told: ['f.yaml:16:14: at sensors[1].line_mm: hysteresis_mm (300) must be less than line_mm (250)'],
  },
  {
    name: 'a hysteresis beyond the radar',
    edits: door('door-radar', 'port: /dev/ttyUSB1', 'line_mm: 400', 'hysteresis_mm: 400'),
    told: ['f.yaml:17:20: at sensors[1].hysteresis_mm: hysteresis_mm (400) must be less than line_mm (400)'],
  },
  {
    name: 'a bus and another driver on one port',
    edits: two('driver: door-hpc168, port: /dev/bus, door: d', `${BUS}, total_channel: 1`),
    told: [
      'f.yaml:9:41: at sensors[1].port: "/dev/bus" is already the port of a; give b a port of its own (only sensors of one driver share a line)',
    ],
  },
  {
    name: 'units of a bus at two speeds',
    edits: two(`${BUS}, total_channel: 1`, `${BUS}, total_channel: 1, unit: 2, baud: 19200`),
    told: [
      'f.yaml:9:41: at sensors[1].port: a and b share "/dev/bus", so their baud must be the same; a has 9600, b has 19200',
    ],
  },
  {
    name: 'units of a bus whose profiles disagree',
    edits: two(
      `${BUS}, total_channel: 1`,
      'driver: door-modbus, port: /dev/bus, profile: vmu-mc, unit: 2, total_channel: 1, door: d',
    ),
    told: [
      'f.yaml:9:41: at sensors[1].port: a and b share "/dev/bus", so their stop_bits must be the same; a has 2, b has 1',
    ],
  },
  {
    name: 'one unit twice',
    edits: two(
      'driver: door-turnstile, port: /dev/bus, door: d, unit: 3',
      'driver: door-turnstile, port: /dev/bus, door: e, unit: 3',
    ),
    told: ['f.yaml:9:44: at sensors[1].port: a and b are both unit 3 on "/dev/bus"; give b the unit it is set to'],
  },
  {
    name: 'one channel of one unit twice',
    edits: two(`${BUS}, in_channel: 1, out_channel: 2`, `${BUS}, in_channel: 2, out_channel: 3, unit: 1`),
    told: [
      'f.yaml:9:41: at sensors[1].port: channel 2 of unit 1 on "/dev/bus" is already read by a; give b other channels, or another unit',
    ],
  },
  {
    name: 'one module by two profiles',
    edits: two(
      'driver: door-modbus, port: /dev/bus, profile: vmu-mc, total_channel: 1, door: d',
      'driver: door-modbus, port: /dev/bus, profile: adam-4150, total_channel: 2, door: d',
    ),
    told: [
      'f.yaml:9:41: at sensors[1].port: a and b are one module, unit 1 on "/dev/bus", so their profile must be the same',
    ],
  },
  {
    name: 'one adapter twice',
    edits: two('driver: ble-hci, adapter: hci0, zone: z', 'driver: ble-hci, adapter: hci0, zone: z'),
    told: ['f.yaml:9:40: at sensors[1].adapter: "hci0" is already the adapter of a; give b an adapter of its own'],
  },
  {
    name: 'one interface twice',
    edits: two('driver: wifi-monitor, adapter: wlan1, zone: z', 'driver: wifi-monitor, adapter: wlan1, zone: z'),
    told: ['f.yaml:9:45: at sensors[1].adapter: "wlan1" is already the adapter of a; give b an adapter of its own'],
  },
  {
    name: 'any adapter beside a certain one',
    edits: two('driver: ble-hci, zone: z', 'driver: ble-hci, adapter: hci1, zone: z'),
    told: [
      'f.yaml:9:40: at sensors[1].adapter: "auto" could take the adapter of the other; name the adapters of both a and b',
    ],
  },
];

describe('a broken settings file: what drivers need', () => {
  it.each(BROKEN)('tells of $name', expectTold);

  it.each([
    two(`${BUS}, total_channel: 1`, `${BUS}, total_channel: 1, unit: 2`),
    two(`${BUS}, in_channel: 1, out_channel: 2`, `${BUS}, in_channel: 3, out_channel: 4`),
    // Both come to the same line, one by its profile and one by its own words.
    two(
      `${BUS}, total_channel: 1`,
      'driver: door-modbus, port: /dev/bus, profile: vmu-mc, stop_bits: 2, unit: 2, total_channel: 1, door: e',
    ),
    two('driver: ble-hci, adapter: hci0, zone: z', 'driver: ble-hci, adapter: hci1, zone: z'),
    two('driver: ble-hci, zone: z', 'driver: ble-hci, port: /dev/ttyUSB0, baud: 115200, zone: z'),
    two('driver: ble-hci, zone: z', 'driver: wifi-monitor, adapter: wlan1, channels: [], zone: z'),
    two(
      'driver: door-contact, port: /dev/a, contact: dcd, role: transactions',
      'driver: ble-json, port: /dev/b, zone: z',
    ),
  ])('takes what goes together: %j', ([[from, to]]) => {
    expect(checkSettings(GOOD.replace(from, to))).toHaveProperty('settings');
  });
});

describe('a broken profile of one own', () => {
  let path: string;
  beforeAll(() => {
    path = join(mkdtempSync(join(tmpdir(), 'profile-')), 'mine.yaml');
  });
  afterAll(() => rmSync(join(path, '..'), { recursive: true }));

  it('is told with its own place, at the line that names it', () => {
    writeFileSync(path, 'description: Mine\nchannels: 4\ncounters:\n  function: 2\n  address: 0\n  widht: 16\n');
    const place = 'f.yaml:16:14: at sensors[1].profile';
    expectTold({
      name: 'a profile with two mistakes',
      edits: door('door-modbus', 'port: /dev/ttyUSB1', `profile: ${path}`, 'total_channel: 1'),
      told: [
        `${place}: ${path}:4:13: at counters.function: expected one of 3, 4, received 2`,
        `${place}: ${path}:6:3: at counters: unknown key "widht"; did you mean "width"?`,
      ],
    });
  });

  it('hides no other mistake', () => {
    writeFileSync(path, 'description: [\n');
    expectTold({
      name: 'broken YAML',
      edits: [
        ...door('door-modbus', 'port: /dev/ttyUSB1', `profile: ${path}`, 'total_channel: 1', 'unit: 900'),
        ['tenant: acme', 'tenant: Acme'],
      ],
      told: [
        'f.yaml:1:9: at tenant: expected a name of 1 to 64 lower-case letters, digits, "-" and "_", received "Acme"',
        `f.yaml:16:14: at sensors[1].profile: ${path}:1:14: the quote or bracket that opens here is not closed where it should be`,
        'f.yaml:18:11: at sensors[1].unit: expected a whole number between 1 and 247, received 900',
      ],
    });
  });
});
