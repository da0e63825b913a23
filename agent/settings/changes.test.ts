import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { parseSettings } from './load.ts';

const TEXT = `tenant: acme
gateway: gw
store: { id: shop, time_zone: UTC, hours: { daily: "09:00-20:00" } }
sensors:
  - { id: front-a1, driver: wifi-pcap, port: /dev/a, zone: shop }
  - { id: main, driver: door-lines, port: /dev/b, door: main }
  - { id: till, driver: door-lines, port: /dev/c, role: transactions }
  - { id: air, driver: wifi-monitor, adapter: wlan1, zone: shop }
  - { id: east, driver: door-modbus, port: /dev/bus, profile: moxa-r1212, unit: 5, in_channel: 1, out_channel: 2, door: e }
storage: { directory: /data }
uplink: { url: "mqtt://broker" }
log: { level: info }
`;

function changes(...edits: [from: string, to: string][]) {
  const after = edits.reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replace(from, () => to);
  }, TEXT);
  return changesBetween(parseSettings(TEXT, 'before'), parseSettings(after, 'after'));
}

describe('changes between settings', () => {
  it('are none for the same settings in other words', () => {
    expect(changes(['daily', 'mon-sun'], ['zone: shop', 'zone: shop, gate_dbm: -70'])).toEqual({
      live: [],
      restart: [],
    });
  });

  it.each<[string, [from: string, to: string], string[]]>([
    [
      'a sensor changed',
      ['zone: shop', 'zone: cafe, gate_dbm: -60'],
      ['sensors.front-a1.zone', 'sensors.front-a1.gate_dbm'],
    ],
    ['a door moved', ['door: main', 'door: side, swap: true'], ['sensors.main.door', 'sensors.main.swap']],
    ['a door that is a till now', ['door: main', 'role: transactions'], ['sensors.main.role', 'sensors.main.door']],
    [
      'a port and a baud',
      ['port: /dev/a', 'port: /dev/z, baud: 300'],
      ['sensors.front-a1.port', 'sensors.front-a1.baud'],
    ],
    ['a link type that came', ['zone: shop', 'zone: shop, link_type: 105'], ['sensors.front-a1.link_type']],
    [
      'a sensor that came',
      ['storage:', '  - { id: new, driver: door-lines, port: /dev/d, door: new }\nstorage:'],
      ['sensors.new'],
    ],
    [
      'a sensor that went',
      ['  - { id: till, driver: door-lines, port: /dev/c, role: transactions }\n', ''],
      ['sensors.till'],
    ],
    [
      'an adapter and what is heard there',
      ['adapter: wlan1', 'adapter: wlan2, channels: [1], channel_seconds: 3'],
      ['sensors.air.adapter', 'sensors.air.channels', 'sensors.air.channel_seconds'],
    ],
    [
      'a profile, with the registers that it gives the channels',
      ['profile: moxa-r1212', 'profile: vmu-mc'],
      ['profile', 'in_channel', 'out_channel'].map((key) => `sensors.east.${key}`),
    ],
    ['one channel', ['in_channel: 1', 'in_channel: 3'], ['sensors.east.in_channel']],
    ['the unit', ['unit: 5', 'unit: 6, poll_ms: 500'], ['sensors.east.unit', 'sensors.east.poll_ms']],
    ['opening hours', ['09:00-20:00', '09:00-21:00'], ['store.hours']],
    ['an exception', ['hours:', 'exceptions: { "2026-12-24": closed }, hours:'], ['store.exceptions']],
    ['counting', ['storage:', 'counting: { window_minutes: 5 }\nstorage:'], ['counting.window_minutes']],
    ['an uplink elsewhere', ['//broker', '//other'], ['uplink.url']],
    [
      'no uplink',
      ['uplink: { url: "mqtt://broker" }\n', ''],
      ['url', 'ack', 'window', 'stagger_seconds'].map((key) => `uplink.${key}`),
    ],
    ['levels', ['level: info', 'level: warn, modules: { uplink: debug }'], ['log.level', 'log.modules.uplink']],
    ['metrics', ['log:', 'metrics: { port: 9464 }\nlog:'], ['metrics.port']],
    ['a trusted clock', ['log:', 'clock: { source: host }\nlog:'], ['clock.source']],
    ['locks', ['log:', 'locked: [counting]\nlog:'], ['locked']],
  ])('are live for %s', (_, edit, live) => {
    const found = changes(edit);
    expect(found.restart).toEqual([]);
    expect(found.live.toSorted()).toEqual(live.toSorted());
  });

  it('wait for a restart when they say who and where the daemon is', () => {
    const found = changes(
      ['acme', 'other'],
      ['gateway: gw', 'gateway: gw2\nruntime_directory: /run/other'],
      ['id: shop', 'id: shop2'],
      ['UTC', 'Europe/Prague'],
      ['directory: /data', 'directory: /data2, commit_seconds: 10'],
      ['level: info', 'level: warn'],
    );
    expect(found.live).toEqual(['log.level']);
    expect(found.restart.toSorted()).toEqual([
      'gateway',
      'runtime_directory',
      'storage.commit_seconds',
      'storage.directory',
      'store.id',
      'store.time_zone',
      'tenant',
    ]);
  });
});
