import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Child, until } from '../../test/support/processes.ts';
import { register } from './radio.ts';
import { runVerb } from './verb.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

let folder: string;
let settings: string;
let child: Child | undefined;

const text = (adapter: string): string => `tenant: lab
gateway: shop-1
store: { id: shop, time_zone: Europe/Prague, hours: { daily: 24h } }
sensors:
  - { id: ble, driver: ble-hci, adapter: ${adapter}, zone: main, gate_dbm: -70 }
  - { id: entrance, driver: door-lines, port: /dev/none, door: main }
storage: { directory: ${join(folder, 'data')} }
runtime_directory: ${join(folder, 'run')}
clock: { source: host }
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-radio-'));
  settings = join(folder, 'shop.yaml');
  writeFileSync(settings, text('hci7'));
});

afterEach(async () => {
  await child?.end('SIGKILL');
  child = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const radio = (...words: string[]) => runVerb(register, ['radio', ...words]);

/** What it logged, a line each. */
function logged(): { msg: string; state?: string; level: number; sensor: string }[] {
  return (child?.output ?? '')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as ReturnType<typeof logged>[number]);
}

describe('footfall radio', () => {
  it('refuses a sensor that the settings do not have, and one without a radio', async () => {
    const unknown = await radio('front', '--settings', settings);
    expect(unknown.code).toBe(64);
    expect(unknown.err).toContain('expected the id of a sensor with a radio, received "front": the settings have: ble');
    const door = await radio('entrance', '--settings', settings);
    expect(door.code).toBe(64);
    expect(door.err).toContain('"entrance" with the driver door-lines, which needs no radio helper');
  });

  it('tells what is wrong with the settings and the socket', async () => {
    expect(await radio('ble', '--settings', join(folder, 'none.yaml'))).toMatchObject({ code: 1 });
    writeFileSync(join(folder, 'file'), '');
    const taken = await radio('ble', '--settings', settings, '--socket', join(folder, 'file'));
    expect(taken).toMatchObject({ code: 1, err: expect.stringContaining('another kind of file') as string });
  });

  it('serves its socket, takes over changed settings, and ends orderly', async () => {
    child = new Child('radio', process.execPath, [MAIN, 'radio', 'ble', '--settings', settings], {
      env: { ...process.env, STATE_DIRECTORY: folder },
    });
    const socket = join(folder, 'run-radio/ble.sock');
    // Whether or not this machine has Bluetooth, it has no such adapter.
    await until('a state', () => logged().some(({ state }) => state === 'no_adapter' || state === 'no_module'));
    expect((statSync(socket).mode & 0o777).toString(8)).toBe('660');
    expect(logged()[0]).toMatchObject({ level: 30, sensor: 'ble', state: 'starting' });
    expect(readFileSync(join(folder, 'last-good.yaml'), 'utf8')).toContain('hci7');
    writeFileSync(settings, text('hci8'));
    child.process.kill('SIGHUP');
    await until('the new settings', () => logged().some(({ msg }) => msg.includes('in force')));
    writeFileSync(settings, 'sensors: [');
    child.process.kill('SIGHUP');
    await until('the last good settings', () => logged().some(({ msg }) => msg.includes('last good')));
    child.process.kill('SIGTERM');
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(socket)).toBe(false);
  });
});
