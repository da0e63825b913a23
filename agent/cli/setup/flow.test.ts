import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../errors.ts';
import { checkSettings, loadSettings } from '../../settings/load.ts';
import { runSetup, type SetupOptions, type World } from './flow.ts';
import { type Line, reached, refused, Script, scriptedWorld } from './script.fixture.ts';

const PASSWORD = 'correct horse battery';

const FLAGS = {
  tenant: 'acme',
  gateway: 'shop-12',
  store: 'shop-12',
  timeZone: 'Europe/Prague',
  hours: ['mon-fri=09:00-20:00', 'sat=09:00-18:00', 'sun=closed'],
  exception: ['2026-12-25=closed'],
  sensor: [
    'id=front,driver=wifi-pcap,port=/dev/ttyUSB0,zone=shop,gate_dbm=-65',
    'id=door,driver=door-lines,port=/dev/ttyUSB1,door=main',
  ],
  broker: 'mqtt://broker.example',
} as const satisfies Record<string, unknown>;

/** Every question of a first run. */
const DIALOGUE: Line[] = [
  ['tenant', 'acme'],
  ['Name of this gateway', ''],
  ['Name of the store', 'old-town'],
  ['Time zone', 'prag'],
  ['When is the store open', 'Monday'],
  ['Monday to Friday', ''],
  ['Saturday', '10:00-16:00'],
  ['Sunday', ''],
  ['dates that differ', true],
  ['Date', '2026-12-24'],
  ['Hours on 2026-12-24', '09:00-14:00'],
  ['Another date', ''],
  ['Which ports', ['ttyUSB0', 'ttyUSB1', 'Another one']],
  ['ttyUSB0: what is it', 'Wi-Fi sniffer, pcap'],
  ['Its name', ''],
  ['wifi: zone', 'window'],
  ['wifi: a phone counts', '-62'],
  ['wifi: bits per second', ''],
  ['ttyUSB1: what is it', 'Door counter, text'],
  ['Its name', 'entrance'],
  ['entrance: door', ''],
  ['entrance: bits per second', '9600'],
  ['Path of the port', '/dev/ttyS4'],
  ['ttyS4: what is it', 'Till'],
  ['Its name', ''],
  ['till: bits per second', ''],
  ['Send the figures', true],
  ['Its address', 'mqtts://broker.example:8883'],
  ['User name', 'shop-12'],
  ['Password', PASSWORD],
  ['certificate', ''],
  ['What should be changed', 'Nothing'],
  ['Write ', true],
];

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'setup-'));
  path = join(directory, 'footfall.yaml');
});
afterEach(() => rmSync(directory, { recursive: true }));

function run(options: Partial<SetupOptions>, world: World = scriptedWorld()) {
  return runSetup({ settings: path, test: true, ...options }, world);
}

function flags(more: Partial<SetupOptions> = {}): Partial<SetupOptions> {
  return {
    ...FLAGS,
    hours: [...FLAGS.hours],
    exception: [...FLAGS.exception],
    sensor: [...FLAGS.sensor],
    yes: true,
    ...more,
  };
}

async function failure(done: Promise<unknown>): Promise<AgentError & { exitCode?: number }> {
  const error = await done.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AgentError) return error;
  throw new Error('expected an AgentError', { cause: error });
}

describe('a set-up by flags', () => {
  it('writes a file that the daemon takes, with all that was said', async () => {
    const outcome = await run(flags());
    expect(outcome).toMatchObject({ written: true, changed: true, backup: null, broker: { reached: true } });
    const settings = loadSettings(path);
    expect(settings).toMatchObject({
      tenant: 'acme',
      gateway: 'shop-12',
      store: { id: 'shop-12', timeZone: 'Europe/Prague' },
      uplink: { url: 'mqtt://broker.example' },
    });
    expect(settings.sensors.map(({ id, place, gateDbm }) => [id, place, gateDbm])).toEqual([
      ['front', 'shop', -65],
      ['door', 'main', -70],
    ]);
    expect(settings.store.hours.exceptions['2026-12-25']).toEqual([]);
    const text = readFileSync(path, 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./footfall.schema.json');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory)).toEqual(['footfall.yaml']);
  });

  it('says which flags are missing, and that somebody must say yes', async () => {
    const error = await failure(run({ yes: true, tenant: 'acme', hours: ['daily=24h'] }));
    expect(error).toMatchObject({ code: 'setup_incomplete', exitCode: 64 });
    expect(error.message).toContain('--gateway, --store, --time-zone, --sensor, --broker or --no-broker');
    expect(await failure(run(flags({ yes: false })))).toMatchObject({ code: 'setup_unconfirmed', exitCode: 64 });
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['--tenant', { tenant: 'Acme Inc' }, 'lower-case'],
    ['--time-zone', { timeZone: 'Europe/Pragu' }, 'did you mean Europe/Prague'],
    ['--hours', { hours: ['daily=9-18'] }, 'opening hours such as'],
    ['--hours', { hours: ['mon=09:00-18:00'] }, '"tue" is missing'],
    ['--exception', { exception: ['2026-02-30=closed'] }, 'a date such as'],
    ['--sensor', { sensor: ['id=a,driver=wifi-pcap,port=/dev/a'] }, '"zone" is missing'],
    ['--sensor', { sensor: ['id=a,colour=red'] }, 'colour=red'],
    ['--sensor', { sensor: ['id=a,driver=door-lines,port=/dev/a,door=d,gate_dbm=-60'] }, 'no meaning for driver'],
    ['--remove-sensor', { removeSensor: ['none'] }, 'the id of a sensor'],
    ['--broker', { broker: 'http://broker' }, 'an address such as mqtts://'],
    ['--broker', { username: 'me' }, 'expected --broker URL'],
    ['--ca-file', { broker: 'mqtt://b', caFile: 'ca.pem' }, 'ca_file needs an encrypted connection'],
    ['--runtime-directory', { runtimeDirectory: `/${'long/'.repeat(40)}` }, 'at most'],
  ])('refuses a %s that cannot be: %j', async (_flag, wrong, said) => {
    const error = await failure(run({ yes: true, ...wrong }));
    expect(error).toMatchObject({ code: 'setup_flag', exitCode: 64 });
    expect(error.message).toContain(said);
  });

  it('tells what only shows in the whole, and writes nothing', async () => {
    const sensor = ['id=a,driver=door-lines,port=/dev/a,door=d', 'id=b,driver=door-lines,port=/dev/a,door=d'];
    const error = await failure(run(flags({ sensor })));
    expect(error.code).toBe('setup_invalid');
    expect(error.message).toContain('"/dev/a" is already the port of a; give b a port of its own');
    expect(readdirSync(directory)).toEqual([]);
  });

  it('writes nothing in a dry run, and shows all of it', async () => {
    const world = scriptedWorld();
    const outcome = await run(flags({ dryRun: true, yes: false }), world);
    expect(outcome).toMatchObject({ written: false, changed: true, broker: null });
    expect('settings' in checkSettings(outcome.difference)).toBe(true);
    expect(world.said.join('\n')).toBe(outcome.difference);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a second run', () => {
  const handmade = `# Ours.
tenant:   acme   # the owner
gateway: 'shop-12'


store: { id: shop-12, time_zone: Europe/Prague,
    hours: { mon-sat: "09:00-20:00", sun: closed } }
counting: { window_minutes: 5 } # short
sensors:
- id: front # above the door
  driver: wifi-pcap
  port:  /dev/ttyUSB0
  zone: shop
  gate_dbm: -65   # measured
- {id: door, driver: door-lines, port: /dev/ttyUSB1, door: main}
`;

  it('changes one line for one change, whatever the file looks like', async () => {
    writeFileSync(path, handmade);
    const outcome = await run({ yes: true, sensor: ['id=front,gate_dbm=-70'] });
    expect(outcome).toMatchObject({ written: true, backup: `${path}.bak`, broker: null });
    expect(readFileSync(path, 'utf8')).toBe(handmade.replace('-65 ', '-70 '));
    expect(readFileSync(`${path}.bak`, 'utf8')).toBe(handmade);
    expect(outcome.difference).toContain('\n-  gate_dbm: -65   # measured\n+  gate_dbm: -70   # measured\n');
  });

  it('keeps comments and what it does not ask about when more than a value changes', async () => {
    writeFileSync(path, handmade);
    const changes = {
      sensor: ['id=till,driver=door-lines,port=/dev/ttyUSB2,role=transactions'],
      removeSensor: ['door'],
    };
    await run({ yes: true, ...changes, broker: 'mqtts://b.example', hours: ['sun=10:00-16:00'] });
    const text = readFileSync(path, 'utf8');
    for (const comment of ['# Ours.', '# the owner', '# short', '# above the door', '# measured']) {
      expect(text).toContain(comment);
    }
    const settings = loadSettings(path);
    expect(settings.sensors.map(({ id, role }) => `${id} ${role}`)).toEqual(['front zone', 'till transactions']);
    expect(settings).toMatchObject({ counting: { windowMinutes: 5 }, uplink: { url: 'mqtts://b.example' } });
    expect(settings.store.hours.week[6]).toEqual([[600, 960]]);
  });

  it('says so when there is nothing to change', async () => {
    writeFileSync(path, handmade);
    const world = scriptedWorld();
    expect(await run({ yes: true, tenant: 'acme' }, world)).toMatchObject({ changed: false, written: false });
    expect(world.said).toEqual([`Nothing to change: ${path} says all of this already.`]);
    expect(readFileSync(path, 'utf8')).toBe(handmade);
    expect(readdirSync(directory)).toEqual(['footfall.yaml']);
  });

  it('tells the mistakes of a broken file and leaves it, or replaces it by force and keeps a copy', async () => {
    const broken = handmade.replace('wifi-pcap', 'wifi-pcab');
    writeFileSync(path, broken);
    const error = await failure(run(flags()));
    expect(error.message).toContain(`${path}:11:11: at sensors[0].driver`);
    expect(readFileSync(path, 'utf8')).toBe(broken);
    const outcome = await run(flags({ force: true }));
    expect(outcome.backup).toBe(`${path}.broken-20261122T072100Z`);
    expect(readFileSync(outcome.backup ?? '', 'utf8')).toBe(broken);
    expect(loadSettings(path).sensors[0].driver).toBe('wifi-pcap');
  });

  it('reloads the daemon that runs with the file, and no other', async () => {
    writeFileSync(path, handmade);
    const asked: string[] = [];
    const daemon = (settings: string) =>
      scriptedWorld({
        request: async (_socket, method, route) => {
          asked.push(`${method} ${route}`);
          return route === '/status'
            ? { v: 1, settings: { path: settings } }
            : { state: 'restart_needed', restart: ['tenant'] };
        },
      });
    const world = daemon(path);
    expect(await run({ yes: true, tenant: 'umbrella' }, world)).toMatchObject({ daemon: 'restart_needed' });
    expect(asked).toEqual(['GET /status', 'POST /reload']);
    expect(world.said.join('\n')).toContain('a restart is needed for: tenant. Stop it');
    expect(await run({ yes: true, tenant: 'acme' }, daemon('/other.yaml'))).toMatchObject({ daemon: 'not_reloaded' });
    expect(asked).toHaveLength(3);
  });
});

describe('the dialogue', () => {
  it('asks everything of a first run, and writes it', async () => {
    const asker = new Script(DIALOGUE);
    const world = scriptedWorld({ asker });
    const outcome = await run({}, world);
    expect(asker.left).toBe(0);
    const { tenant, gateway, store, sensors, uplink } = loadSettings(path);
    expect({ tenant, gateway, store: store.id, zone: store.timeZone }).toEqual({
      ...{ tenant: 'acme', gateway: 'shop-12', store: 'old-town', zone: 'Europe/Prague' },
    });
    expect(store.hours.week.slice(4)).toEqual([[[540, 1200]], [[600, 960]], []]);
    expect(store.hours.exceptions).toEqual({ '2026-12-24': [[540, 840]] });
    expect(sensors.map(({ id, port, role, place, baud, gateDbm }) => [id, port, role, place, baud, gateDbm])).toEqual([
      ['wifi', '/dev/serial/by-id/usb-sniffer', 'zone', 'window', 921_600, -62],
      ['entrance', '/dev/ttyUSB1', 'door', 'main', 9_600, -70],
      ['till', '/dev/ttyS4', 'transactions', 'till', 115_200, -70],
    ]);
    const secret = join(directory, 'broker-password');
    expect(uplink).toMatchObject({ username: 'shop-12', passwordFile: secret });
    expect(readFileSync(secret, 'utf8')).toBe(`${PASSWORD}\n`);
    expect(statSync(secret).mode & 0o007).toBe(0);
    const seen = [...world.said, ...asker.notes, ...asker.asked, JSON.stringify(outcome), readFileSync(path, 'utf8')];
    expect(seen.join('\n')).not.toContain(PASSWORD);
  });

  it('leaves no file behind, whichever question is ended with Ctrl-C', async () => {
    for (let question = 0; question < DIALOGUE.length; question++) {
      const asker = new Script(DIALOGUE, question);
      expect(await failure(run({}, scriptedWorld({ asker })))).toMatchObject({
        code: 'setup_interrupted',
        exitCode: 130,
      });
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it('asks only what the flags leave open', async () => {
    const asker = new Script([
      ['When is the store open', 'Always'],
      ['dates that differ', ''],
      ['What should be changed', ''],
      ['Write ', true],
    ]);
    const { hours: _hours, exception: _exception, ...rest } = flags({ yes: false });
    await run(rest, scriptedWorld({ asker }));
    expect(asker.left).toBe(0);
    expect(loadSettings(path).store.hours.week[0]).toEqual([[0, 1440]]);
  });

  it('changes what is picked of a present file', async () => {
    await run(flags());
    const asker = new Script([
      ['What should be changed', 'Sensors'],
      ['What of the sensors', 'Change front'],
      ['front: at which port', 'Another'],
      ['Path', '/dev/ttyACM0'],
      ['front: what is it', 'Door counter, text'],
      ['front: door', 'back'],
      ['front: bits', ''],
      ['What of the sensors', 'Remove door'],
      ['What of the sensors', ''],
      ['What should be changed', 'Broker'],
      ['Send the figures', false],
      ['What should be changed', ''],
      ['Write these changes', true],
    ]);
    await run({}, scriptedWorld({ asker }));
    const { sensors, uplink } = loadSettings(path);
    expect(uplink).toBeUndefined();
    expect(sensors).toMatchObject([{ id: 'front', driver: 'door-lines', place: 'back', port: '/dev/ttyACM0' }]);
  });

  it('writes nothing when the changes are not wanted', async () => {
    const asker = new Script([
      ['What should be changed', ''],
      ['Write ', false],
    ]);
    expect(await failure(run(flags({ yes: false }), scriptedWorld({ asker })))).toMatchObject({
      code: 'setup_interrupted',
    });
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('the test of the broker', () => {
  const silent: World['check'] = async function* () {
    yield reached;
    yield refused;
  };

  it('does not forbid writing, unless it is required', async () => {
    const strict = await failure(run(flags({ requireBroker: true }), scriptedWorld({ check: silent })));
    expect(strict.code).toBe('setup_broker');
    expect(readdirSync(directory)).toEqual([]);
    const world = scriptedWorld({ check: silent });
    expect(await run(flags(), world)).toMatchObject({ written: true, broker: { reached: false } });
    expect(world.said.join('\n')).toContain('connection refused');
  });

  it('lets the person mend it, with the password that was typed', async () => {
    const tried: unknown[] = [];
    const check: World['check'] = async function* (target) {
      tried.push([target.url, target.username, target.password]);
      yield tried.length === 1 ? refused : reached;
    };
    const asker = new Script([
      ...DIALOGUE.slice(0, -1),
      ['did not answer', 'Change'],
      ['Send', true],
      ['Its address', 'mqtts://other.example'],
      ['User name', ''],
      ['Password', 'Keep'],
      ['certificate', ''],
      ['Write ', true],
    ]);
    await run({}, scriptedWorld({ asker, check }));
    expect(tried).toEqual([
      ['mqtts://broker.example:8883', 'shop-12', PASSWORD],
      ['mqtts://other.example', 'shop-12', PASSWORD],
    ]);
    expect(readFileSync(join(directory, 'broker-password'), 'utf8')).toBe(`${PASSWORD}\n`);
  });

  it('reads the password file as the daemon would, and tells when it cannot', async () => {
    const secret = join(directory, 'secret');
    writeFileSync(secret, `${PASSWORD}\n`);
    chmodSync(secret, 0o644);
    const world = scriptedWorld();
    const outcome = await run(flags({ username: 'me', passwordFile: secret }), world);
    expect(outcome.broker?.findings).toMatchObject([{ check: 'password_exposed', outcome: 'error' }]);
    expect(world.said.join('\n')).not.toContain(PASSWORD);
    chmodSync(secret, 0o600);
    expect(await run(flags({ gateway: 'other' }))).toMatchObject({ broker: { reached: true } });
  });

  it('is left out where nothing of it changed, or by flag', async () => {
    expect(await run(flags({ test: false }))).toMatchObject({ written: true, broker: null });
    expect(await run({ yes: true, hours: ['daily=24h'] })).toMatchObject({ written: true, broker: null });
    expect(await run({ yes: true, gateway: 'other' })).toMatchObject({ broker: { reached: true } });
  });
});
