import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runVerb } from '../verb.fixture.ts';
import { register } from './list.ts';
import { register as registerReset } from './reset.ts';

let directory: string;
let settings: string;
let server: Server | undefined;

const SENSORS = `
  - { id: front, driver: wifi-lines, port: /dev/serial/by-id/usb-front-if00-port0, zone: shop }
  - { id: beam, driver: door-modbus, port: /dev/b, profile: wb-mcm8, unit: 2, in_channel: 1, out_channel: 2, door: main }
  - { id: gone, driver: door-hpc168, port: /dev/does-not-exist, door: back }
  - { id: meter, driver: door-modbus, port: /dev/c, profile: vmu-mc, in_channel: 1, out_channel: 2, door: side }
`;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sensors-'));
  settings = join(directory, 'footfall.yaml');
  const store = 'store: { id: s, time_zone: UTC, hours: { daily: 24h } }';
  writeFileSync(settings, `tenant: a\ngateway: g\n${store}\nruntime_directory: ${directory}\nsensors:${SENSORS}`);
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(directory, { recursive: true });
});

/** A daemon that answers with these sensors. */
async function daemonWith(sensors: object[]): Promise<void> {
  const document = JSON.stringify({ v: 1, at_ms: 1_000_000, sensors });
  server = createServer((_, response) => response.setHeader('content-type', 'application/json').end(document));
  await new Promise<void>((resolve) => server?.listen(join(directory, 'footfall.sock'), resolve));
}

const UP = {
  ...{ id: 'front', driver: 'wifi-lines', port: '/dev/serial/by-id/usb-front-if00-port0', place: 'shop', role: 'zone' },
  ...{ state: 'up', since_ms: 880_000, detail: null, last_frame_ms: 999_000, per_minute: 120, bytes: 9_000 },
  ...{ accepted: 75, rejected: { noise: 20, format: 5 } },
};

describe('sensors list', () => {
  it('shows how each sensor is, by the daemon', async () => {
    await daemonWith([UP, { ...UP, id: 'b', state: 'down', detail: 'no such device', port: '/dev/b' }]);
    const { code, out } = await runVerb(register, ['list', '-s', settings]);
    expect(code).toBe(0);
    expect(out).toMatch(/front +wifi-lines +usb-\S+ +zone shop +up +2 min +120 +25, 25.0 %/);
    expect(out).toContain('b: no such device');
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    const json = JSON.parse((await runVerb(register, ['list', '-s', settings, '--json'])).out);
    expect(json).toMatchObject({
      running: true,
      sensors: [{ id: 'front', status: { rejected: 25, rejected_share: 0.25 } }, { status: { state: 'down' } }],
    });
  });

  it('shows the sensors of the settings while no daemon runs', async () => {
    const { code, out } = await runVerb(register, ['list', '-s', settings]);
    expect(code).toBe(0);
    expect(out).toMatch(/beam +door-modbus +b +door main/);
    expect(out).toContain('daemon not running');
    const json = JSON.parse((await runVerb(register, ['list', '-s', settings, '--json'])).out);
    expect(json).toMatchObject({ running: false, sensors: [{ id: 'front', status: null }, {}, {}, {}] });
  });
});

describe('sensors reset', () => {
  const reset = (...words: string[]) => runVerb(registerReset, ['reset', ...words, '-s', settings]);

  it('does nothing without --yes, and says what it would do', async () => {
    expect(await reset('beam')).toMatchObject({ code: 64, err: expect.stringContaining('every channel of unit 2') });
  });

  it('refuses while the daemon has the line', async () => {
    await daemonWith([{ ...UP, id: 'beam', port: '/dev/b' }]);
    const { code, err } = await reset('beam', '--yes');
    expect({ code, err }).toEqual({ code: 3, err: expect.stringMatching(/beam[\s\S]*systemctl stop footfall/) });
  });

  it('refuses what it does not know how to reset', async () => {
    expect(await reset('front', '--yes')).toMatchObject({ code: 1, err: expect.stringContaining('found wifi-lines') });
    expect(await reset('meter', '--yes')).toMatchObject({ code: 1, err: expect.stringContaining('vmu-mc') });
    expect(await reset('nobody', '--yes')).toMatchObject({ code: 64, err: expect.stringContaining('front, beam') });
  });

  it('tells that a port cannot be opened', async () => {
    expect(await reset('gone', '--yes')).toMatchObject({ code: 2, err: expect.stringContaining('no such device') });
  });
});
