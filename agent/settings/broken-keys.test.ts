import { describe, it } from 'vitest';
import { type Broken, expectTold, GOOD } from './broken.fixture.ts';

const BROKEN: Broken[] = [
  {
    name: 'a baud that is no number',
    edits: [['921600', 'fast']],
    told: ['f.yaml:11:11: at sensors[0].baud: expected a whole number between 300 and 4000000, received "fast"'],
  },
  {
    name: 'a baud out of range',
    edits: [['921600', '12']],
    told: ['f.yaml:11:11: at sensors[0].baud: expected a whole number between 300 and 4000000, received 12'],
  },
  {
    name: 'a baud with a fraction',
    edits: [['921600', '9600.5']],
    told: ['f.yaml:11:11: at sensors[0].baud: expected a whole number between 300 and 4000000, received 9600.5'],
  },
  {
    name: 'a baud left empty',
    edits: [['baud: 921600', 'baud:']],
    told: ['f.yaml:11:5: at sensors[0].baud: expected a whole number between 300 and 4000000, received nothing'],
  },
  {
    name: 'an unknown key with a near one',
    edits: [['baud:', 'buad:']],
    told: ['f.yaml:11:5: at sensors[0]: unknown key "buad"; did you mean "baud"?'],
  },
  {
    name: 'an unknown key with none near',
    edits: [['    zone: shop', '    colour: red\n    zone: shop']],
    told: [
      'f.yaml:12:5: at sensors[0]: unknown key "colour"; known here: id, driver, port, baud, zone, gate_dbm, link_type, silent_minutes',
    ],
  },
  {
    name: 'an unknown section',
    edits: [['counting:', 'countin:']],
    told: ['f.yaml:17:1: at the top level: unknown key "countin"; did you mean "counting"?'],
  },
  {
    name: 'an unknown driver',
    edits: [['wifi-pcap', 'wifi-pacp']],
    told: ['f.yaml:9:13: at sensors[0].driver: expected a driver (did you mean wifi-pcap?), received "wifi-pacp"'],
  },
  {
    name: 'a driver like none',
    edits: [['wifi-pcap', 'thermometer']],
    told: [
      'f.yaml:9:13: at sensors[0].driver: expected one of wifi-lines, wifi-json, wifi-pcap, wifi-monitor, ble-hci, ble-nrf, ble-sniffle, ble-json, door-modbus, door-hpc168, door-teraranger, door-lines, door-turnstile, door-contact, door-radar, received "thermometer"',
    ],
  },
  {
    name: 'a missing key at the top',
    edits: [['tenant: acme\n', '']],
    told: [
      'f.yaml:1:1: at the top level: "tenant" is missing; expected a name of 1 to 64 lower-case letters, digits, "-" and "_"',
    ],
  },
  {
    name: 'a missing key of a sensor',
    edits: [['    port: /dev/ttyUSB1\n', '']],
    told: [
      'f.yaml:13:5: at sensors[1]: "port" is missing; expected the absolute path of a serial port such as /dev/serial/by-id/usb-...',
    ],
  },
  {
    name: 'a Wi-Fi sensor without a zone',
    edits: [['    zone: shop\n', '']],
    told: ['f.yaml:8:5: at sensors[0]: "zone" is missing; expected the id of the zone it listens to, such as shop'],
  },
  {
    name: 'a door sensor without a door',
    edits: [['    door: main\n', '']],
    told: [
      'f.yaml:13:5: at sensors[1]: "door" is missing; expected the id of the door it counts, or role: transactions for a till',
    ],
  },
  {
    name: 'a till with a door',
    edits: [['    door: main', '    door: main\n    role: transactions']],
    told: ['f.yaml:16:5: at sensors[1]: a till (role: transactions) has no door; keep one of both'],
  },
  {
    name: 'a key of another driver',
    edits: [['    door: main', '    door: main\n    gate_dbm: -60']],
    told: ['f.yaml:17:5: at sensors[1]: "gate_dbm" has no meaning for driver door-lines; remove it'],
  },
  {
    name: 'an id used twice',
    edits: [['id: door-1', 'id: front']],
    told: ['f.yaml:13:9: at sensors[1].id: "front" is already the id of sensors[0]; each needs its own'],
  },
  {
    name: 'a port used twice',
    edits: [['ttyUSB1', 'ttyUSB0']],
    told: [
      'f.yaml:15:11: at sensors[1].port: "/dev/ttyUSB0" is already the port of front; give door-1 a port of its own',
    ],
  },
  {
    name: 'a port that is no path',
    edits: [['/dev/ttyUSB1', 'COM3']],
    told: [
      'f.yaml:15:11: at sensors[1].port: expected the absolute path of a serial port such as /dev/serial/by-id/usb-..., received "COM3"',
    ],
  },
  {
    name: 'a gate above 0 dBm',
    edits: [['    zone: shop', '    zone: shop\n    gate_dbm: 70']],
    told: ['f.yaml:13:15: at sensors[0].gate_dbm: expected a whole number of dBm between -127 and 0, received 70'],
  },
  {
    name: 'a link type that is not read',
    edits: [['    zone: shop', '    zone: shop\n    link_type: 1']],
    told: ['f.yaml:13:16: at sensors[0].link_type: expected one of 105, 127, 192, received 1'],
  },
  {
    name: 'a swap that is a word',
    edits: [['    door: main', '    door: main\n    swap: yes']],
    told: ['f.yaml:17:11: at sensors[1].swap: expected true or false, received "yes"'],
  },
  {
    name: 'a window that does not divide 60',
    edits: [['window_minutes: 15', 'window_minutes: 7']],
    told: [
      'f.yaml:18:19: at counting.window_minutes: expected a number of minutes that divides 60 (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60), received 7',
    ],
  },
  {
    name: 'a name with capitals',
    edits: [['tenant: acme', 'tenant: Acme']],
    told: [
      'f.yaml:1:9: at tenant: expected a name of 1 to 64 lower-case letters, digits, "-" and "_", received "Acme"',
    ],
  },
  {
    name: 'a name that is a number',
    edits: [['tenant: acme', 'tenant: 0123']],
    told: [
      'f.yaml:1:9: at tenant: expected a name of 1 to 64 lower-case letters, digits, "-" and "_", received 123 (a text of digits needs quotes)',
    ],
  },
  {
    name: 'an unknown log level',
    edits: [['level: info', 'level: verbose']],
    told: [
      'f.yaml:22:10: at log.level: expected one of fatal, error, warn, info, debug, trace, silent, received "verbose"',
    ],
  },
  {
    name: 'a section that is a word',
    edits: [['log:\n  level: info', 'log: info']],
    told: ['f.yaml:21:6: at log: expected a map of keys, received "info"'],
  },
  {
    name: 'sensors that are a map',
    edits: [
      ['sensors:\n  - id: front\n    driver', 'sensors:\n    id: front\n    driver'],
      ['  - id: door-1\n    driver: door-lines\n    port: /dev/ttyUSB1\n    door: main\n', ''],
    ],
    told: ['f.yaml:7:1: at sensors: expected a list of 1 to 255 sensors, received a map'],
  },
  {
    name: 'no sensors',
    edits: [
      [
        'sensors:\n  - id: front\n    driver: wifi-pcap\n    port: /dev/ttyUSB0\n    baud: 921600\n    zone: shop\n  - id: door-1\n    driver: door-lines\n    port: /dev/ttyUSB1\n    door: main\n',
        'sensors: []\n',
      ],
    ],
    told: ['f.yaml:7:1: at sensors: expected a list of 1 to 255 sensors, received an empty list'],
  },
  {
    name: 'a relative directory',
    edits: [['log:', 'storage:\n  directory: data\nlog:']],
    told: ['f.yaml:22:14: at storage.directory: expected the absolute path of a directory, received "data"'],
  },
  {
    name: 'a runtime directory too long for a socket',
    edits: [
      [
        'log:',
        'runtime_directory: /rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\nlog:',
      ],
    ],
    told: [
      'f.yaml:21:20: at runtime_directory: expected the absolute path of a directory, at most 90 characters, received "/rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr..."',
    ],
  },
  {
    name: 'an empty file',
    edits: [[GOOD, '']],
    told: ['f.yaml:1:1: at the top level: expected a map of keys, received nothing'],
  },
  {
    name: 'a file that is a list',
    edits: [[GOOD, '- tenant\n']],
    told: ['f.yaml:1:1: at the top level: expected a map of keys, received a list of 1'],
  },
  {
    name: 'several mistakes',
    edits: [
      ['acme', 'ACME'],
      ['921600', 'fast'],
      ['zone:', 'zoen:'],
      ['15', '7'],
      ['sun: closed', 'sun: 25'],
    ],
    told: [
      'f.yaml:1:9: at tenant: expected a name of 1 to 64 lower-case letters, digits, "-" and "_", received "ACME"',
      'f.yaml:3:1: at store: "time_zone" is missing; expected an IANA time zone such as Europe/Prague',
      'f.yaml:5:3: at store: unknown key "time_zoen"; did you mean "time_zone"?',
      'f.yaml:6:61: at store.hours.sun: expected opening hours such as "09:00-20:00", "09:00-12:00, 13:00-18:00", closed or 24h, received 25 (a text of digits needs quotes)',
      'f.yaml:11:11: at sensors[0].baud: expected a whole number between 300 and 4000000, received "fast"',
      'f.yaml:18:19: at counting.window_minutes: expected a number of minutes that divides 60 (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60), received 7',
    ],
  },
  {
    name: 'a key that JavaScript knows',
    edits: [['log:', '__proto__: { a: 1 }\nlog:']],
    told: [
      'f.yaml:21:1: at the top level: unknown key "__proto__"; known here: tenant, gateway, store, sensors, counting, storage, runtime_directory, uplink, log, metrics, clock, share, locked',
    ],
  },
  {
    name: 'a sensor that is a word',
    edits: [
      [
        '  - id: front\n    driver: wifi-pcap\n    port: /dev/ttyUSB0\n    baud: 921600\n    zone: shop\n',
        '  - front\n',
      ],
    ],
    told: ['f.yaml:8:5: at sensors[0]: expected a map of keys, received "front"'],
  },
];

describe('a broken settings file: keys, sensors, sections', () => {
  it.each(BROKEN)('tells of $name', expectTold);
});
