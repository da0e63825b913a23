import { describe, expect, it } from 'vitest';
import { type Broken, expectTold, GOOD } from './broken.fixture.ts';
import { parseSettings } from './load.ts';

const NEED = 'keys look like counting.visit_gap_seconds, sensors.*.gate_dbm';

const BROKEN: Broken[] = [
  {
    name: 'a silence of no minutes',
    edits: [['    zone: shop', '    zone: shop\n    silent_minutes: 0']],
    told: [
      'f.yaml:13:21: at sensors[0].silent_minutes: expected a whole number of minutes between 1 and 1440, received 0',
    ],
  },
  {
    name: 'a silence of more than a day',
    edits: [['    door: main', '    door: main\n    silent_minutes: 1441']],
    told: [
      'f.yaml:17:21: at sensors[1].silent_minutes: expected a whole number of minutes between 1 and 1440, received 1441',
    ],
  },
  {
    name: 'a silence in words',
    edits: [['    door: main', '    door: main\n    silent_minutes: 15m']],
    told: [
      'f.yaml:17:21: at sensors[1].silent_minutes: expected a whole number of minutes between 1 and 1440, received "15m"',
    ],
  },
  {
    name: 'a zone that the store does not have',
    edits: [
      ['  hours:', '  zones: [shop, cafe]\n  hours:'],
      ['    zone: shop', '    zone: office'],
    ],
    told: [
      'f.yaml:6:11: at store.zones[0]: the zone "shop" is fed by no sensor; give one "zone: shop", or remove it here',
      'f.yaml:6:17: at store.zones[1]: the zone "cafe" is fed by no sensor; give one "zone: cafe", or remove it here',
      'f.yaml:13:11: at sensors[0].zone: the zone "office" is not in store.zones; listed there: shop, cafe',
    ],
  },
  {
    name: 'a zone with a slip of the pen, as one mistake',
    edits: [
      ['  hours:', '  zones: [shop]\n  hours:'],
      ['    zone: shop', '    zone: shpo'],
    ],
    told: ['f.yaml:13:11: at sensors[0].zone: the zone "shpo" is not in store.zones; did you mean "shop"?'],
  },
  {
    name: 'a zone that no sensor feeds',
    edits: [['  hours:', '  zones: [shop, cafe]\n  hours:']],
    told: [
      'f.yaml:6:17: at store.zones[1]: the zone "cafe" is fed by no sensor; give one "zone: cafe", or remove it here',
    ],
  },
  {
    name: 'a door that the store does not have',
    edits: [['  hours:', '  doors: [maine]\n  hours:']],
    told: ['f.yaml:17:11: at sensors[1].door: the door "main" is not in store.doors; did you mean "maine"?'],
  },
  {
    name: 'a door in a store without doors',
    edits: [['  hours:', '  doors: []\n  hours:']],
    told: ['f.yaml:17:11: at sensors[1].door: the door "main" is not in store.doors; listed there: none'],
  },
  {
    name: 'a door that no sensor feeds',
    edits: [['  hours:', '  doors: [main, back]\n  hours:']],
    told: [
      'f.yaml:6:17: at store.doors[1]: the door "back" is fed by no sensor; give one "door: back", or remove it here',
    ],
  },
  {
    name: 'a door listed twice',
    edits: [['  hours:', '  doors: [main, main]\n  hours:']],
    told: ['f.yaml:6:17: at store.doors[1]: the door "main" is listed twice; keep one'],
  },
  {
    name: 'zones that are a word',
    edits: [['  hours:', '  zones: shop\n  hours:']],
    told: ['f.yaml:6:10: at store.zones: expected a list of at most 255 zone ids, received "shop"'],
  },
  {
    name: 'a zone that is a number',
    edits: [['  hours:', '  zones: [shop, 12]\n  hours:']],
    told: [
      'f.yaml:6:17: at store.zones[1]: expected a zone id of 1 to 64 lower-case letters, digits, "-" and "_", received 12 (a text of digits needs quotes)',
    ],
  },
  {
    name: 'a level for an unknown part',
    edits: [['level: info', 'level: info\n  modules: { uplnk: debug }']],
    told: ['f.yaml:23:14: at log.modules: unknown key "uplnk"; did you mean "uplink"?'],
  },
  {
    name: 'a level for a part of another name',
    edits: [['level: info', 'level: info\n  modules: { mqtt: debug }']],
    told: [
      'f.yaml:23:14: at log.modules: unknown key "mqtt"; known here: daemon, sensors, counting, storage, uplink, settings',
    ],
  },
  {
    name: 'an unknown level of a part',
    edits: [['level: info', 'level: info\n  modules: { uplink: loud }']],
    told: [
      'f.yaml:23:22: at log.modules.uplink: expected one of fatal, error, warn, info, debug, trace, silent, received "loud"',
    ],
  },
  {
    name: 'a part without a level',
    edits: [['level: info', 'level: info\n  modules: { uplink: }']],
    told: [
      'f.yaml:23:14: at log.modules.uplink: expected one of fatal, error, warn, info, debug, trace, silent, received nothing',
    ],
  },
  {
    name: 'metrics on a port of the system',
    edits: [['log:', 'metrics: { port: 80 }\nlog:']],
    told: ['f.yaml:21:18: at metrics.port: expected a whole number between 1024 and 65535, received 80'],
  },
  {
    name: 'metrics without a port',
    edits: [['log:', 'metrics: {}\nlog:']],
    told: ['f.yaml:21:1: at metrics: "port" is missing; expected a whole number between 1024 and 65535'],
  },
  {
    name: 'metrics on every address',
    edits: [['log:', 'metrics: { port: 9464, host: 0.0.0.0 }\nlog:']],
    told: ['f.yaml:21:24: at metrics: unknown key "host"; known here: port'],
  },
  {
    name: 'an unknown clock',
    edits: [['log:', 'clock: { source: ntp }\nlog:']],
    told: ['f.yaml:21:18: at clock.source: expected one of auto, host, received "ntp"'],
  },
  {
    name: 'a clock that is a word',
    edits: [['log:', 'clock: host\nlog:']],
    told: ['f.yaml:21:8: at clock: expected a map of keys, received "host"'],
  },
  {
    name: 'a lock on no key',
    edits: [['log:', 'locked: [counting.window_minuts]\nlog:']],
    told: [
      'f.yaml:21:10: at locked[0]: "counting.window_minuts" is no key of these settings; did you mean "counting.window_minutes"?',
    ],
  },
  {
    name: 'a lock on a sensor that is not there',
    edits: [['log:', 'locked: [sensors.frnt.gate_dbm]\nlog:']],
    told: [
      'f.yaml:21:10: at locked[0]: "sensors.frnt.gate_dbm" is no key of these settings; did you mean "sensors.front.gate_dbm"?',
    ],
  },
  {
    name: 'a lock on a pattern that fits nothing',
    edits: [['log:', 'locked: [counting.*, "*.dbm"]\nlog:']],
    told: [`f.yaml:21:22: at locked[1]: "*.dbm" is no key of these settings; ${NEED}`],
  },
  {
    name: 'a lock that is no key at all',
    edits: [['log:', 'locked: [all of it]\nlog:']],
    told: [
      'f.yaml:21:10: at locked[0]: expected a key such as counting.visit_gap_seconds, counting.* or sensors.*.gate_dbm, received "all of it"',
      `f.yaml:21:10: at locked[0]: "all of it" is no key of these settings; ${NEED}`,
    ],
  },
  {
    name: 'a lock without a list',
    edits: [['log:', 'locked: counting\nlog:']],
    told: ['f.yaml:21:9: at locked: expected a list of at most 255 keys, received "counting"'],
  },
];

describe('a broken settings file: places, metrics, clock, locks', () => {
  it.each(BROKEN)('tells of $name', expectTold);

  it('is none of these when all of it fits', () => {
    const text = GOOD.replace('  hours:', '  zones: [shop]\n  doors: [main]\n  hours:').replace(
      'log:\n',
      `metrics: { port: 9464 }
clock: { source: host }
locked: ["*", counting, sensors.front.port, store.hours.sun, store.exceptions.2026-12-24, log.modules.uplink]
log:
  modules: { uplink: debug, sensors: silent }
`,
    );
    expect(parseSettings(text, 'f.yaml')).toMatchObject({
      metrics: { port: 9464 },
      clock: { source: 'host' },
      log: { level: 'info', modules: { uplink: 'debug', sensors: 'silent' } },
      sensors: [{ silentMinutes: 15 }, { silentMinutes: 15 }],
    });
    expect(parseSettings(GOOD, 'f.yaml')).toMatchObject({
      clock: { source: 'auto' },
      log: { level: 'info', modules: {} },
      locked: [],
    });
    expect(parseSettings(GOOD, 'f.yaml')).not.toHaveProperty('metrics');
  });
});
