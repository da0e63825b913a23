/** The way of Bluetooth from noble in its process to the daemon's transport, without an adapter. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock, VirtualClock } from '../agent/platform/clock.ts';
import { NO_RSSI, type RawAdvertisement } from '../agent/raw.ts';
import { bleHci } from '../drivers/ble/hci.ts';
import type { ReadingSink } from '../drivers/driver.ts';
import { HEARD } from '../drivers/radio/bindings.fixture.ts';
import { BluetoothSource } from '../drivers/radio/bluetooth.ts';
import { RadioHelper } from '../drivers/radio/helper.ts';
import { type ListeningOpener, nobleOpener } from '../drivers/radio/noble-process.ts';
import { HelperProcess } from '../drivers/radio/spawn.ts';
import { ScriptedSysfs } from '../drivers/radio/sysfs.fixture.ts';
import { RadioTransport } from '../drivers/transport/radio.ts';
import { until } from './support/processes.ts';

const BINDINGS = new URL('../drivers/radio/bindings.fixture.ts', import.meta.url).href;
const MAIN = fileURLToPath(new URL('../agent/main.ts', import.meta.url));
const SECRETS = HEARD.map(([id]) => id);

let folder: string;
let socket: string;
let clock: VirtualClock;
let states: string[];
let lines: string[];
let got: Buffer[];
let started: number;
let stops: (() => Promise<void>)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-bluetooth-'));
  socket = join(folder, 'ble.sock');
  clock = new VirtualClock(0);
  states = [];
  lines = [];
  got = [];
  started = 0;
  stops = [];
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  expect(childrenOf(process.pid)).toEqual([]);
  const printed = [...states, ...lines].join('\n').replaceAll(':', '');
  expect(SECRETS.filter((secret) => printed.includes(secret))).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
});

/** Processes of noble whose parent is `pid`, dead ones that nobody asked after included. */
function childrenOf(pid: number): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      const called = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
      return Number(stat[1]) === pid && (stat[0] === 'Z' || called.includes('noble-child'));
    } catch {
      return false;
    }
  });
}

/** Bluetooth with the real process, whose bindings behave so, and the time of the test; null: the machine's. */
function bluetooth(behaviour: string | null): BluetoothSource {
  const sysfs = new ScriptedSysfs();
  sysfs.plugIn('hci0', '/usb/1-1');
  const opener = nobleOpener(realClock(), behaviour === null ? undefined : `${BINDINGS}?${behaviour}`);
  const open: ListeningOpener = (task, events) => {
    started++;
    return opener(task, events);
  };
  const files = behaviour === null ? {} : { files: sysfs };
  return new BluetoothSource({ adapter: 'auto', clock, random: () => 0.5, open, ...files });
}

function listen(source: BluetoothSource): void {
  stops.push(() => source.stop());
  source.start({
    bytes: (chunk) => void got.push(Buffer.from(chunk)),
    state: (state, detail) => void states.push(`${state}: ${detail}`),
  });
}

function attach(): void {
  const transport = new RadioTransport({ socket, sensorId: 'ble', clock: realClock(), random: () => 0.5 });
  stops.push(() => transport.stop());
  transport.start({
    bytes: (chunk) => void got.push(Buffer.from(chunk)),
    up: () => void states.push('up'),
    down: (reason) => void states.push(`down: ${reason}`),
  });
}

const pass = (ms: number): Promise<void> => clock.advanceTo(clock.monotonic() + ms);

/** The state that came last, once it begins so. */
const state = (begins: string): Promise<string> =>
  until(`the state ${begins}`, () => (states.at(-1)?.startsWith(begins) ? states.at(-1) : null));

describe('Bluetooth through noble', () => {
  it('reaches the daemon as the events of the adapter', async () => {
    const helper = await RadioHelper.start({
      socket,
      source: bluetooth('heard'),
      tell: (word) => void lines.push(JSON.stringify(word)),
    });
    stops.push(() => helper.stop());
    attach();
    await state('up');
    // What was heard before somebody listened is gone: a scan that is started anew hears it again.
    await until('events', () => pass(10_000).then(() => got.length > 0));
    const events = [
      '043e17020100013412bcabcd5b0b0aff4c001005031c839096bd',
      '043e1502010301010000eeffc0090302edfe04085461677f',
      '043e0c0201020055443322110000a6',
    ];
    expect(Buffer.concat(got).toString('hex')).toMatch(new RegExp(`^(${events.join('')})+$`));
    const heard: unknown[] = [];
    const sink = new Proxy({} as ReadingSink, {
      get: (_, kind) => (reading: RawAdvertisement) =>
        heard.push([kind, reading.advertiser, reading.rssi, reading.random]),
    });
    const decoder = bleHci.createDecoder();
    for (const chunk of got) decoder.push(chunk, 0, sink);
    expect(decoder.counts.accepted).toBe((3 * Buffer.concat(got).length) / (events.join('').length / 2));
    expect(heard.slice(0, 3)).toEqual([
      ['advertisement', 'phone', -67, true],
      ['advertisement', 'fixture', NO_RSSI, true],
      ['advertisement', 'fixture', -90, false],
    ]);
  });

  it.each([
    ['off', 'adapter_down: hci0 is down'],
    ['forbidden', 'no_permission: no permission to use hci0'],
    ['old', 'failed: hci0 has no Bluetooth Low Energy'],
    ['none', 'no_adapter: hci0 went away'],
    ['broken', 'failed: listening with hci0 failed (Error)'],
    ['crash', 'failed: listening with hci0 failed (EALREADY)'],
  ])('tells of an adapter that is %s', async (behaviour, expected) => {
    listen(bluetooth(behaviour));
    expect(await state(expected.split(':')[0])).toContain(expected);
    await until('its end', () => childrenOf(process.pid).length === 0);
    // And it is tried again.
    await until('another', () => pass(2_000).then(() => started > 1));
  });

  it('replaces a process that leaks, and goes on', { timeout: 60_000 }, async () => {
    listen(bluetooth('flood'));
    await state('listening');
    await until('another process', () => pass(10_000).then(() => started === 2), 50_000, 100);
    const before = got.length;
    await until('more events', () => got.length > before);
    expect(states).toHaveLength(2);
    // Whole events only, over the change from one process to the next.
    for (const chunk of got) {
      let at = 0;
      while (at < chunk.length && chunk.readUInt16BE(at) === 0x043e) at += 3 + chunk[at + 2];
      expect(at).toBe(chunk.length);
    }
  });

  it('ends a process that hangs, by force', async () => {
    listen(bluetooth('hang'));
    await until('a process', () => childrenOf(process.pid).length === 1);
    await clock.advanceTo(30_000);
    expect(await state('failed')).toContain('does not begin to scan');
    await until('its end', () => childrenOf(process.pid).length === 0);
  });

  it('tells of a process that is killed, and starts another', async () => {
    listen(bluetooth('heard'));
    await state('listening');
    process.kill(Number(childrenOf(process.pid)[0]), 'SIGKILL');
    expect(await state('failed')).toContain('SIGKILL');
    await until('another', () => pass(2_000).then(() => started === 2));
    await state('listening');
  });
});

describe.skipIf(existsSync('/sys/class/bluetooth/hci0'))('a machine without an adapter', () => {
  it('is told what it lacks, and nothing crashes or spins', async () => {
    const helper = new HelperProcess({
      main: MAIN,
      sensorId: 'ble',
      settings: join(folder, 'shop.yaml'),
      socket,
      clock: realClock(),
      random: Math.random,
      log: (line) => void lines.push(line),
    });
    writeFileSync(
      join(folder, 'shop.yaml'),
      `tenant: lab
gateway: shop-1
store: { id: shop, time_zone: Europe/Prague, hours: { daily: 24h } }
sensors: [{ id: ble, driver: ble-hci, adapter: auto, zone: main, gate_dbm: -70 }]
storage: { directory: ${folder} }
runtime_directory: ${folder}
`,
    );
    helper.start();
    stops.push(() => helper.stop());
    attach();
    // By the kernel: no Bluetooth at all, or only no adapter; by the installation: no native module.
    const told = await until('its word', () =>
      states.find((each) => /kernel has no|native module|found none/.test(each)),
    );
    expect(told).toMatch(/^down: /);
    await helper.stop();
    expect(lines.filter((line) => line.includes('"state"')).length).toBeLessThan(5);
    expect(existsSync(socket)).toBe(false);
  });
});
