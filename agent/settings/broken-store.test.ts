import { describe, it } from 'vitest';
import { type Broken, expectTold } from './broken.fixture.ts';

const BROKEN: Broken[] = [
  {
    name: 'a missing key in a section',
    edits: [['  time_zone: Europe/Prague\n', '']],
    told: ['f.yaml:3:1: at store: "time_zone" is missing; expected an IANA time zone such as Europe/Prague'],
  },
  {
    name: 'a time zone with a typo',
    edits: [['Europe/Prague', 'Europe/Pragu']],
    told: [
      'f.yaml:5:14: at store.time_zone: expected an IANA time zone (did you mean Europe/Prague?), received "Europe/Pragu"',
    ],
  },
  {
    name: 'an offset as time zone',
    edits: [['Europe/Prague', '"+02:00"']],
    told: ['f.yaml:5:14: at store.time_zone: expected an IANA time zone such as Europe/Prague, received "+02:00"'],
  },
  {
    name: 'hours that are no times',
    edits: [['"09:00-20:00"', '9-20']],
    told: [
      'f.yaml:6:21: at store.hours.mon-fri: expected opening hours such as "09:00-20:00", closed or 24h, received "9-20"',
    ],
  },
  {
    name: 'hours beyond the day',
    edits: [['"09:00-20:00"', '"09:00-25:00"']],
    told: ['f.yaml:6:21: at store.hours.mon-fri: expected times between 00:00 and 24:00, received "09:00-25:00"'],
  },
  {
    name: 'hours without a length',
    edits: [['"09:00-20:00"', '"09:00-09:00"']],
    told: [
      'f.yaml:6:21: at store.hours.mon-fri: opens and closes at the same minute in "09:00-09:00"; write 24h or closed',
    ],
  },
  {
    name: 'hours that overlap',
    edits: [['"09:00-20:00"', '"09:00-13:00, 12:00-18:00"']],
    told: ['f.yaml:6:21: at store.hours.mon-fri: the hours in "09:00-13:00, 12:00-18:00" overlap'],
  },
  {
    name: 'a day without hours',
    edits: [[', sun: closed', '']],
    told: ['f.yaml:6:3: at store.hours: "sun" is missing; a day without opening hours says "sun: closed"'],
  },
  {
    name: 'a day said twice',
    edits: [
      ['sat:', 'fri-sat:'],
      ['sun:', 'sat-sun:'],
    ],
    told: ['f.yaml:6:69: at store.hours.sat-sun: sat is said by both "fri-sat" and "sat-sun"; keep one'],
  },
  {
    name: 'an unknown day',
    edits: [['sun:', 'sunday:']],
    told: [
      'f.yaml:6:64: at store.hours.sunday: expected a day (mon to sun), days such as mon-fri, or daily, received "sunday"',
    ],
  },
  {
    name: 'an exception on a date that is none',
    edits: [['sensors:', '  exceptions: { "2026-02-30": closed }\nsensors:']],
    told: ['f.yaml:7:31: at store.exceptions.2026-02-30: expected a date such as 2026-12-24, received "2026-02-30"'],
  },
  {
    name: 'an exception without times',
    edits: [['sensors:', '  exceptions: { "2026-12-24": 14 }\nsensors:']],
    told: [
      'f.yaml:7:31: at store.exceptions.2026-12-24: expected opening hours such as "09:00-20:00", "09:00-12:00, 13:00-18:00", closed or 24h, received 14 (a text of digits needs quotes)',
    ],
  },
  {
    name: 'a password in the open',
    edits: [['  url:', '  username: u\n  password: hunter2\n  url:']],
    told: [
      'f.yaml:21:3: at uplink: a password does not belong into the settings; use password_file or the variable FOOTFALL_BROKER_PASSWORD',
    ],
  },
  {
    name: 'a password in the place of its file',
    edits: [['  url:', '  username: u\n  password_file: hunter2\n  url:']],
    told: [
      'f.yaml:21:18: at uplink.password_file: expected the absolute path of a file that holds the password, received something else (not shown: it may be a password)',
    ],
  },
  {
    name: 'a password in the address',
    edits: [['//broker', '//user:hunter2@broker']],
    told: ['f.yaml:20:8: at uplink.url: the address holds a user or password; use username and password_file'],
  },
  {
    name: 'a password in a broken address',
    edits: [['mqtts://broker', 'mqtt:/user:hunter2@broker']],
    told: [
      'f.yaml:20:8: at uplink.url: expected an address such as mqtts://broker.example:8883, received "...@broker.example:8883"',
    ],
  },
  {
    name: 'a password file without a user',
    edits: [['  url:', '  password_file: /etc/p\n  url:']],
    told: ['f.yaml:19:1: at uplink: "username" is missing; password_file needs it'],
  },
  {
    name: 'certificates without encryption',
    edits: [['mqtts://broker.example:8883', 'mqtt://broker.example\n  ca_file: /etc/ca.pem']],
    told: ['f.yaml:21:3: at uplink: ca_file needs an encrypted connection, an address with mqtts://'],
  },
  {
    name: 'an address of another protocol',
    edits: [['mqtts://broker.example:8883', 'https://broker.example']],
    told: [
      'f.yaml:20:8: at uplink.url: expected an address such as mqtts://broker.example:8883, received "https://broker.example"',
    ],
  },
  {
    name: 'an unknown acknowledgement',
    edits: [['  url:', '  ack: qos2\n  url:']],
    told: ['f.yaml:20:8: at uplink.ack: expected one of collector, puback, received "qos2"'],
  },
];

describe('a broken settings file: store and uplink', () => {
  it.each(BROKEN)('tells of $name', expectTold);
});
