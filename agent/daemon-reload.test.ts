import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryTransport } from '../drivers/transport/stream.ts';
import { SILENT_BOX } from './box.ts';
import { Daemon } from './daemon.ts';
import { requestLocal } from './local/client.ts';
import type { ReloadOutcome } from './local/document.ts';
import { createLogging } from './logging.ts';
import { realClock, VirtualClock } from './platform/clock.ts';
import { keepLastGood, loadEffective } from './settings/effective.ts';
import { openStorageClient } from './storage/client.ts';
import { freePort } from './uplink/brokers.ts';

const START = Date.UTC(2026, 2, 2, 9);
const MINUTE = 60_000;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-reload-'));
  path = join(directory, 'shop.yaml');
  mkdirSync(join(directory, 'data'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const DOOR = '{ id: front, driver: door-lines, port: /dev/front, door: front }';
const SIDE = '{ id: side, driver: door-lines, port: /dev/side, door: side }';

interface Text {
  sensors?: string[];
  gateway?: string;
  windowMinutes?: number;
  rest?: string;
}

function write({ sensors = [DOOR], gateway = 'one', windowMinutes = 15, rest = '' }: Text = {}): void {
  writeFileSync(
    path,
    `tenant: lab
gateway: ${gateway}
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [${sensors.join(', ')}]
counting: { window_minutes: ${windowMinutes} }
storage: { directory: ${join(directory, 'data')} }
runtime_directory: ${join(directory, 'run')}
log: { level: silent }
${rest}`,
  );
}

/** A daemon of the settings file on a virtual clock, its sensors' lines in memory. */
async function start(atMs = START) {
  const clock = new VirtualClock(atMs);
  const lines = new Map<string, MemoryTransport>();
  const opened: string[] = [];
  const load = () => loadEffective({ path, nowMs: clock.wall(), environment: {} });
  const { notes: _notes, ...effective } = load();
  const printed: string[] = [];
  const daemon = await Daemon.start({
    settings: effective.settings,
    source: {
      effective,
      from: { load, password: () => undefined, keepLastGood: (settings) => keepLastGood(settings, {}) },
    },
    password: undefined,
    clock,
    networkClock: realClock(),
    storage: openStorageClient({ path: join(directory, 'data', 'footfall.db'), machineId: 'lab' }),
    box: SILENT_BOX,
    transport: ({ id }) => {
      const line = new MemoryTransport();
      lines.set(id, line);
      opened.push(id);
      return line;
    },
    random: () => 0.5,
    logging: createLogging({
      log: effective.settings.log,
      output: { write: (line) => void printed.push(line) },
      journal: false,
    }),
  });
  keepLastGood(effective, {});
  const send = (sensor: string, text: string): void => {
    lines.get(sensor)?.push(Buffer.from(text));
  };
  return { daemon, clock, send, opened, printed };
}

describe('a reload', () => {
  it('opens new sensors and closes those that are gone, with the others counting on', async () => {
    write();
    const { daemon, clock, send, opened } = await start();
    send('front', '+++\n');
    write({ sensors: [DOOR, SIDE] });
    expect(await daemon.reload()).toEqual({
      state: 'current',
      applied: ['sensors.side'],
      restart: [],
      mistakes: [],
      notes: [],
    });
    expect(opened).toEqual(['front', 'side']);
    send('front', '+\n');
    send('side', '++\n');
    await clock.advanceTo(START + MINUTE);
    expect(daemon.status()).toMatchObject({ today: { entries: 6 }, sensors: [{ id: 'front' }, { id: 'side' }] });
    write({ sensors: [SIDE] });
    expect((await daemon.reload()).applied).toEqual(['sensors.front']);
    send('front', '+++++\n');
    send('side', '+\n');
    await clock.advanceTo(START + 2 * MINUTE);
    expect(daemon.status()).toMatchObject({ today: { entries: 7 }, sensors: [{ id: 'side' }] });
    await daemon.stop();
  });

  it('opens a line anew where its port changed, and leaves it open where only its meaning did', async () => {
    write();
    const { daemon, clock, send, opened } = await start();
    write({ sensors: [DOOR.replace('door: front', 'door: front, swap: true')] });
    expect((await daemon.reload()).applied).toEqual(['sensors.front.swap']);
    expect(opened).toEqual(['front']);
    send('front', '+++-\n');
    await clock.advanceTo(START + MINUTE);
    expect(daemon.status().today).toMatchObject({ entries: 1, exits: 3 });
    write({ sensors: [DOOR.replace('/dev/front', '/dev/other')] });
    expect((await daemon.reload()).applied.sort()).toEqual(['sensors.front.port', 'sensors.front.swap']);
    expect(opened).toEqual(['front', 'front']);
    await daemon.stop();
  });

  it('counts with new parameters from the next window on, and says what waits for a restart', async () => {
    write();
    const { daemon, clock } = await start();
    write({ windowMinutes: 5, gateway: 'two' });
    const answer = (await requestLocal(daemon.socketPath, 'POST', '/reload')) as ReloadOutcome;
    expect(answer).toMatchObject({
      state: 'restart_needed',
      applied: ['counting.window_minutes'],
      restart: ['gateway'],
    });
    const { verdict, settings, gateway } = daemon.status();
    expect(gateway).toBe('one');
    expect(settings).toMatchObject({ path, state: 'restart_needed', restart_keys: ['gateway'] });
    expect(verdict.reasons.map(({ code }) => code)).toContain('settings_restart');
    await clock.advanceTo(START + 17 * MINUTE);
    expect(daemon.status().window).toMatchObject({ start_ms: START + 15 * MINUTE, end_ms: START + 20 * MINUTE });
    write({ windowMinutes: 5 });
    expect((await daemon.reload()).state).toBe('current');
    expect(daemon.status().settings).toMatchObject({ state: 'current', restart_keys: [] });
    await daemon.stop();
  });

  it('keeps what holds when the file is broken, says so, and starts with it again', async () => {
    write({ windowMinutes: 5 });
    const { daemon } = await start();
    write({ windowMinutes: 7 });
    const { state, mistakes, applied } = await daemon.reload();
    expect({ state, applied }).toEqual({ state: 'last_good', applied: [] });
    expect(mistakes).toEqual([expect.stringMatching(/shop\.yaml:5:\d+: at counting\.window_minutes: .* received 7$/)]);
    const told = daemon.status();
    expect(told.settings).toMatchObject({ state: 'last_good', mistakes });
    expect(told.verdict.reasons.map(({ code }) => code)).toContain('settings_broken');
    await daemon.stop();
    const again = await start(START + 20 * MINUTE);
    const { settings, verdict, window } = again.daemon.status();
    expect(settings).toMatchObject({ state: 'last_good', mistakes });
    expect(window.end_ms - window.start_ms).toBe(5 * MINUTE);
    const since = verdict.reasons.find(({ code }) => code === 'settings_broken')?.since_ms;
    expect(since).toBe(told.verdict.reasons.find(({ code }) => code === 'settings_broken')?.since_ms);
    write({ windowMinutes: 10 });
    expect((await again.daemon.reload()).state).toBe('current');
    expect(again.daemon.status().verdict.reasons.map(({ code }) => code)).not.toContain('settings_broken');
    await again.daemon.stop();
  });

  it('goes on where there is neither a file nor a copy of it any more', async () => {
    write();
    const { daemon, clock, send } = await start();
    for (const gone of [path, join(directory, 'data', 'last-good.yaml')]) rmSync(gone);
    const { state, mistakes } = await daemon.reload();
    expect({ state, mistakes }).toEqual({ state: 'last_good', mistakes: [expect.stringContaining('cannot read')] });
    send('front', '+\n');
    await clock.advanceTo(START + MINUTE);
    expect(daemon.status()).toMatchObject({ today: { entries: 1 }, settings: { state: 'last_good' } });
    await daemon.stop();
  });

  it('lets an override end by itself', async () => {
    write();
    writeFileSync(
      join(directory, 'data', 'overrides.json'),
      JSON.stringify([{ key: 'log.level', value: 'info', untilMs: START + 5 * MINUTE }]),
    );
    const { daemon, clock, printed } = await start();
    expect(printed.some((line) => line.includes('"counting"'))).toBe(true);
    // That the file is broken meanwhile must not keep it for ever.
    write({ windowMinutes: 7 });
    expect(daemon.status().settings.overrides).toEqual([{ key: 'log.level', until_ms: START + 5 * MINUTE }]);
    await clock.advanceTo(START + 4 * MINUTE);
    expect(daemon.status().settings.overrides).toHaveLength(1);
    await clock.advanceTo(START + 5 * MINUTE + 5_000);
    expect(daemon.status().settings.overrides).toEqual([]);
    await daemon.stop();
  });

  it('opens, moves and closes the port for Prometheus, and counts on where it is taken', async () => {
    const [first, second] = [await freePort(), await freePort()];
    write({ rest: `metrics: { port: ${first} }` });
    const { daemon } = await start();
    const metrics = (port: number): Promise<string> =>
      fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text());
    expect(await metrics(first)).toContain('footfall_up 1');
    write({ rest: `metrics: { port: ${second} }` });
    expect((await daemon.reload()).applied).toEqual(['metrics.port']);
    expect(await metrics(second)).toContain('footfall_up 1');
    await expect(metrics(first)).rejects.toThrow();
    write();
    await daemon.reload();
    await expect(metrics(second)).rejects.toThrow();
    await daemon.stop();
  });

  it('is done one at a time', async () => {
    write();
    const { daemon, opened } = await start();
    write({ sensors: [DOOR, SIDE] });
    const outcomes = await Promise.all([daemon.reload(), daemon.reload(), daemon.reload()]);
    expect(outcomes.map(({ applied }) => applied)).toEqual([['sensors.side'], [], []]);
    expect(opened).toEqual(['front', 'side']);
    await daemon.stop();
  });
});
