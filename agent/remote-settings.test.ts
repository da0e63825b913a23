import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AgentError } from './errors.ts';
import { VirtualClock } from './platform/clock.ts';
import { RemoteSettings } from './remote-settings.ts';
import { loadEffective } from './settings/effective.ts';
import { writeOverrides, writeRemote } from './settings/layers.ts';
import { weighRemote } from './settings/remote-asked.ts';
import type { RemoteOutcome } from './settings/settings.ts';
import { HOUR, NOW, openShop, type Shop } from './settings/shop.fixture.ts';

const MINUTE = 60_000;
const UPLINK = 'uplink: { url: "mqtt://broker.example", username: gw, password_file: /etc/footfall/pw }\n';

let shop: Shop;
afterEach(() => shop.remove());

function load() {
  return loadEffective({ path: shop.path, nowMs: NOW, environment: {} });
}

/** A daemon's part in it: what is in force, what the centre is told, and how often the settings were read again. */
class Box {
  readonly clock = new VirtualClock(NOW);
  readonly told: (RemoteOutcome | null)[] = [];
  readonly logged: string[] = [];
  inForce = load();
  reloads = 0;
  writes = 0;
  beforeReload = (): void => undefined;
  /** Thrown in place of what they name. */
  unwritable: Error | null = null;
  unreloadable: Error | null = null;
  readonly asked = new RemoteSettings({
    source: {
      weigh: (message) => weighRemote(shop.path, message, {}),
      keep: (directory, kept) => {
        if (this.unwritable !== null) throw this.unwritable;
        this.writes++;
        writeRemote(directory, kept);
      },
    },
    reload: async () => {
      this.reloads++;
      this.beforeReload();
      if (this.unreloadable !== null) throw this.unreloadable;
      this.inForce = load();
      this.told.push(this.inForce.remote);
    },
    live: this,
    changed: () => this.told.push(this.inForce.remote),
    clock: this.clock,
    log: (_level, fields, message) => void this.logged.push(`${message} ${JSON.stringify(fields)}`),
  });

  get remote(): RemoteOutcome | null {
    return this.inForce.remote;
  }

  noteRemote(remote: RemoteOutcome): void {
    this.inForce = { ...this.inForce, remote };
  }

  send(revision: unknown, settings: unknown): Promise<void> {
    return this.asked.take(bytes({ revision, settings }));
  }
}

function bytes(message: unknown): Uint8Array {
  return Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
}

describe('settings of the centre', () => {
  it('are in force once all of a message fits, and told with their revision', async () => {
    shop = openShop(UPLINK);
    const box = new Box();
    await box.send('r7', {
      counting: { visit_gap_seconds: 240, window_minutes: 5 },
      store: { hours: { daily: '10:00-18:00' }, exceptions: { '2026-12-24': 'closed' } },
      sensors: [{ id: 'front', gate_dbm: -72, zone: 'cafe' }],
      log: { level: 'info', modules: { uplink: 'debug' } },
      uplink: { window: 4 },
    });
    const { settings, revision } = load();
    expect(settings).toMatchObject({
      counting: { visitGapSeconds: 240, windowMinutes: 5 },
      sensors: [{ gateDbm: -72, place: 'cafe' }, {}],
      uplink: { window: 4, url: 'mqtt://broker.example' },
      log: { level: 'info', modules: { uplink: 'debug' } },
    });
    expect(settings.store.hours.exceptions).toEqual({ '2026-12-24': [] });
    expect(revision).toBe('r7');
    expect(box.told).toEqual([{ revision: 'r7', state: 'applied', reasons: [], overridden: [], locked: [] }]);
    expect(box.inForce.settings).toEqual(settings);
  });

  it('are durable before they are applied: a crash in between brings the new ones, rightly told', async () => {
    shop = openShop();
    const box = new Box();
    let afterCrash: ReturnType<typeof load> | null = null;
    box.beforeReload = () => {
      afterCrash ??= load();
    };
    await box.send('r1', { log: { level: 'debug' } });
    expect(afterCrash).toMatchObject({
      settings: { log: { level: 'debug' } },
      remote: { revision: 'r1', state: 'applied' },
    });
  });

  it('are rejected as a whole, with every reason, and what was in force goes on', async () => {
    shop = openShop(UPLINK);
    const box = new Box();
    await box.send('r1', { counting: { grace_seconds: 5 } });
    const before = load().settings;
    await box.send('r2', {
      counting: { visit_gap_seconds: 5, grace_second: 5 },
      uplink: { url: 'mqtt://user:hunter2@elsewhere', password: 'hunter2' },
      'log.level': 'debug',
      log: { level: 'debug' },
    });
    expect(load().settings).toEqual(before);
    const outcome = {
      revision: 'r2',
      state: 'rejected',
      reasons: [
        '"counting.grace_second" is no key of these settings; did you mean "counting.grace_seconds"?',
        '"uplink.url" can be set in the settings file only',
        '"uplink.password" is no key of these settings; did you mean "uplink.password_file"?',
        '"log.level" is no key of these settings; nest keys as in the file',
      ],
      overridden: [],
      locked: [],
    };
    expect(box.told.at(-1)).toEqual(outcome);
    // A restart tells the same.
    expect(load()).toMatchObject({ remote: outcome, revision: 'r1' });
    expect(box.logged.join() + readFileSync(join(shop.data, 'remote-settings.json'), 'utf8')).not.toContain('hunter2');
    expect(box.reloads).toBe(1);
  });

  it.each<[string, unknown, string]>([
    ['a value out of range', { counting: { grace_seconds: 61 } }, 'at counting.grace_seconds: expected a whole number'],
    ['a huge number', { counting: { grace_seconds: 1e308 } }, 'at counting.grace_seconds: expected a whole number'],
    ['a value of another type', { counting: { grace_seconds: { a: 1 } } }, 'received a map'],
    ['a null', { counting: { grace_seconds: null } }, 'at counting.grace_seconds: expected'],
    ['a section that is none', { counting: 5 }, 'at counting: expected a map of keys'],
    ['another section', { storage: { directory: '/tmp' } }, '"storage" can be set in the settings file only'],
    ['locks', { locked: [] }, '"locked" can be set in the settings file only'],
    ['the prototype', JSON.parse('{"__proto__": {"a": 1}}'), '"__proto__" is no key'],
    ['a prototype below', JSON.parse('{"counting": {"__proto__": 1}}'), '"counting.__proto__" is no key'],
    ['a constructor', { counting: { constructor: { prototype: 1 } } }, '"counting.constructor" is no key'],
    ['a date that is none', { store: { exceptions: JSON.parse('{"__proto__": "closed"}') } }, 'expected a date'],
    ['a dotted key', { 'counting.grace_seconds': 5 }, 'nest keys as in the file'],
    ['a pattern', { sensors: [{ id: '*', gate_dbm: -60 }] }, 'expected the id of a sensor, one of front, main'],
    ['a sensor by its key', { sensors: { front: { gate_dbm: -60 } } }, 'at sensors: expected a list'],
    ['a sensor twice', { sensors: [{ id: 'front' }, { id: 'front' }] }, 'expected each sensor once'],
    ['a port', { sensors: [{ id: 'front', port: '/dev/x' }] }, '"sensors.front.port" can be set in'],
    [
      'a gate for a door',
      { sensors: [{ id: 'main', gate_dbm: -60 }] },
      '"gate_dbm" has no meaning for driver door-lines',
    ],
    ['hours that miss a day', { store: { hours: { 'mon-sat': '24h' } } }, '"sun" is missing'],
    ['a window of no uplink', { uplink: { window: 4 } }, '"url" is missing'],
  ])('are rejected for %s', async (_, settings, reason) => {
    shop = openShop();
    const box = new Box();
    const before = load().settings;
    await box.send('r1', settings);
    expect(box.told).toEqual([expect.objectContaining({ revision: 'r1', state: 'rejected' })]);
    expect(box.told[0]?.reasons.join('\n')).toContain(reason);
    expect(load().settings).toEqual(before);
  });

  it('are rejected where a message cannot be read, by its revision if it has one', async () => {
    shop = openShop();
    const box = new Box();
    for (const text of [
      'nonsense',
      '7',
      '{"settings": {}}',
      '{"revision": "r1"}',
      '{"revision": "r2", "settings": []}',
    ]) {
      await box.asked.take(bytes(text));
    }
    await box.asked.take(Buffer.concat([bytes({ revision: 'r', settings: {} }), Buffer.alloc(65_536, ' ')]));
    await box.send('a\u001b[2J', {});
    await box.send('r'.repeat(65), {});
    expect(box.told.map((outcome) => [outcome?.state, outcome?.revision])).toEqual([
      ...['', '', '', 'r1', 'r2', '', 'a\u001b[2J', 'r'.repeat(64)].map((revision) => ['rejected', revision]),
    ]);
    expect(load()).toMatchObject({ revision: null, settings: { log: { level: 'warn' } } });
  });

  it('cost nothing when they come again, as after each new connection', async () => {
    shop = openShop();
    const box = new Box();
    await box.send('r1', { log: { level: 'debug' } });
    const { ino } = statSync(join(shop.data, 'remote-settings.json'));
    const again = new Box();
    for (let times = 0; times < 50; times++) await again.send('r1', { log: { level: 'debug' } });
    expect(again).toMatchObject({ writes: 0, reloads: 0, told: [] });
    expect(statSync(join(shop.data, 'remote-settings.json')).ino).toBe(ino);
    await box.send('r2', { log: { level: 'loud' } });
    await box.send('r2', { log: { level: 'loud' } });
    expect(box).toMatchObject({ writes: 2, reloads: 1 });
  });

  it('are rejected where a revision in force asks for something else, and taken back in any order', async () => {
    shop = openShop();
    const box = new Box();
    await box.send('r1', { log: { level: 'debug' } });
    await box.send('r1', { log: { level: 'info' } });
    expect(box.told.at(-1)).toMatchObject({
      revision: 'r1',
      state: 'rejected',
      reasons: [expect.stringMatching(/expected revision r1 to ask/)],
    });
    expect(load().settings.log.level).toBe('debug');
    await box.send('r2', { log: { level: 'info' } });
    await box.send('r1', { log: { level: 'debug' } });
    expect(box.told.at(-1)).toMatchObject({ revision: 'r1', state: 'applied' });
    expect(load().settings.log.level).toBe('debug');
    // One that never was in force may be put right under its name.
    await box.send('r3', { log: { level: 'loud' } });
    await box.send('r3', { log: { level: 'error' } });
    expect(load()).toMatchObject({ revision: 'r3', settings: { log: { level: 'error' } } });
  });

  it('are taken back by an empty message, and not by a topic that was cleared', async () => {
    shop = openShop();
    const box = new Box();
    await box.send('r1', { log: { level: 'debug' } });
    await box.asked.take(new Uint8Array());
    expect(load()).toMatchObject({ revision: 'r1', settings: { log: { level: 'debug' } } });
    await box.send('r2', {});
    expect(load()).toMatchObject({ revision: 'r2', settings: { log: { level: 'warn' } } });
    expect(box.told.at(-1)).toMatchObject({ revision: 'r2', state: 'applied' });
  });

  it('are weighed again when a rejected message comes again and the file has changed', async () => {
    shop = openShop();
    const box = new Box();
    await box.send('r1', { sensors: [{ id: 'side', gate_dbm: -60 }] });
    expect(box.told.at(-1)?.state).toBe('rejected');
    shop.edit('  - { id: main', '  - { id: side, driver: wifi-lines, port: /dev/c, zone: shop }\n  - { id: main');
    await box.send('r1', { sensors: [{ id: 'side', gate_dbm: -60 }] });
    expect(box.told.at(-1)).toMatchObject({ revision: 'r1', state: 'applied' });
    // And the sensor goes again: the revision no longer fits, which is told as it stands.
    shop.edit('  - { id: side, driver: wifi-lines, port: /dev/c, zone: shop }\n', '');
    expect(load().remote).toMatchObject({ revision: 'r1', state: 'rejected' });
  });

  it('are told with the keys that an override outdoes and those that the file locks', async () => {
    shop = openShop('locked: [counting.grace_seconds]\n');
    writeOverrides(shop.data, [{ key: 'log.level', value: 'error', untilMs: NOW + HOUR }]);
    const box = new Box();
    await box.send('r1', { counting: { grace_seconds: 5, passing_seconds: 9 }, log: { level: 'debug' } });
    expect(box.told).toEqual([
      {
        revision: 'r1',
        state: 'applied',
        reasons: [],
        overridden: ['log.level'],
        locked: ['counting.grace_seconds'],
      },
    ]);
    expect(load().settings).toMatchObject({
      counting: { graceSeconds: 10, passingSeconds: 9 },
      log: { level: 'error' },
    });
  });

  it('are not in force, now or after a restart, where they cannot be applied', async () => {
    shop = openShop();
    const box = new Box();
    await box.send('r1', { log: { level: 'info' } });
    box.unreloadable = new AgentError('password_unreadable', 'cannot read the password');
    await box.send('r2', { log: { level: 'debug' } });
    const rejected = { revision: 'r2', state: 'rejected', reasons: ['cannot read the password'] };
    expect(box.told.at(-1)).toMatchObject(rejected);
    expect(load()).toMatchObject({ revision: 'r1', settings: { log: { level: 'info' } }, remote: rejected });
    box.unreloadable = null;
    await box.send('r2', { log: { level: 'debug' } });
    expect(load()).toMatchObject({ revision: 'r2', remote: { state: 'applied' } });
  });

  it('are not applied where they cannot be kept, and that is told until they can', async () => {
    shop = openShop();
    const box = new Box();
    await box.send('r1', { log: { level: 'info' } });
    box.unwritable = new Error('ENOSPC: no space left on device');
    await box.send('r2', { log: { level: 'debug' } });
    expect(box.told.at(-1)).toMatchObject({
      revision: 'r2',
      state: 'rejected',
      reasons: [expect.stringContaining('ENOSPC')],
    });
    expect(box.inForce.settings.log.level).toBe('info');
    // What is kept already needs no room.
    await box.send('r1', { log: { level: 'info' } });
    expect(box.told.at(-1)).toMatchObject({ revision: 'r1', state: 'applied' });
    box.unwritable = null;
    await box.send('r2', { log: { level: 'debug' } });
    expect(box.told.at(-1)).toMatchObject({ revision: 'r2', state: 'applied' });
  });

  it('do not wear the card out: of a flood only the newest counts, one a minute', async () => {
    shop = openShop();
    const box = new Box();
    let last: Promise<void> = Promise.resolve();
    const level = (index: number) => ({ log: { level: index % 2 === 0 ? 'debug' : 'info' } });
    for (let index = 0; index < 10; index++) await box.send(`r${index}`, level(index));
    expect(box.writes).toBe(10);
    for (let index = 10; index < 500; index++) last = box.send(`r${index}`, level(index));
    await box.clock.advanceTo(NOW + MINUTE - 1);
    expect(box.writes).toBe(10);
    await box.clock.advanceTo(NOW + MINUTE);
    await last;
    expect(box.writes).toBe(11);
    expect(load().revision).toBe('r499');
    void box.send('r500', level(0));
    await box.asked.stop();
    await box.send('r501', level(1));
    expect(load().revision).toBe('r499');
  });

  it('can name only so many zones over time: counting keeps a place for each', async () => {
    shop = openShop();
    const box = new Box();
    for (let index = 0; index < 65; index++) {
      await box.clock.advanceTo(NOW + index * MINUTE);
      await box.send(`r${index}`, { sensors: [{ id: 'front', zone: `zone-${index}` }] });
    }
    expect(box.told.slice(0, 64).every((outcome) => outcome?.state === 'applied')).toBe(true);
    expect(box.told[64]).toMatchObject({ state: 'rejected', reasons: [expect.stringContaining('at most 64 zones')] });
    expect(load().settings.sensors[0].place).toBe('zone-63');
    await box.clock.advanceTo(NOW + 66 * MINUTE);
    await box.send('back', { sensors: [{ id: 'front', zone: 'zone-3' }] });
    expect(box.told.at(-1)?.state).toBe('applied');
  });
});
