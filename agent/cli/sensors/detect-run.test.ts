import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, benchWith } from '../../../drivers/detect/devices.testing.ts';
import { passTime } from '../../../drivers/detect/uart.testing.ts';
import { filesUnder } from '../../doctor/machine.ts';
import { AgentError } from '../../errors.ts';
import type { SensorStatus } from '../../local/document.ts';
import { renderPort, renderRadio } from '../view/sensors-detect.ts';
import { Detector, type DetectWorld, targetsOf } from './detect-run.ts';

const BY_ID = '/dev/serial/by-id/usb-Silicon_Labs_CP2102N_a1-if00-port0';
const TERMINAL = { width: 80, colour: false };
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'detect-'));
  const usb = 'sys/devices/usb1/1-1';
  for (const [file, text] of Object.entries({ idVendor: '10c4', idProduct: 'ea60', serial: 'a1', product: 'CP2102N' }))
    put(`${usb}/${file}`, `${text}\n`);
  mkdirSync(join(root, `${usb}/1-1:1.0/ttyUSB0`), { recursive: true });
  link('sys/class/tty/ttyUSB0/device', '../../../devices/usb1/1-1/1-1:1.0/ttyUSB0');
  put('dev/ttyUSB0', '');
  link(BY_ID, '../../ttyUSB0');
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

function worldOf(bench: Bench, more: Partial<DetectWorld> = {}): DetectWorld {
  return {
    machine: filesUnder(root),
    clock: bench.clock,
    lineAt: () => bench.line,
    sensors: [],
    listenMs: undefined,
    progress: () => undefined,
    signal: new AbortController().signal,
    ...more,
  };
}

async function lookAt(world: DetectWorld, bench: Bench, named?: string) {
  const targets = await targetsOf(world.machine, named);
  expect(targets).toHaveLength(1);
  // Files are read in real time, and the line in the bench's.
  return passTime(bench.agenda, new Detector(world).look(targets[0]));
}

function sensor(more: Partial<SensorStatus>): SensorStatus {
  return { id: 'front', driver: 'wifi-lines', port: BY_ID, state: 'up', per_minute: 1_234, ...more } as SensorStatus;
}

describe('sensors detect', () => {
  it('finds a sensor, and names its port by-id however it was named', async () => {
    const device = { driver: 'wifi-lines', line: { baudRate: 115_200 } };
    for (const named of [undefined, '/dev/ttyUSB0', BY_ID]) {
      const bench = benchWith(device);
      const report = await lookAt(worldOf(bench), bench, named);
      expect(report).toMatchObject({ port: BY_ID, state: 'found', found: [{ driver: 'wifi-lines' }] });
      const text = renderPort(report, TERMINAL);
      expect(text).toMatch(/wifi-lines, 6 fields, at 115200 8N1: certain/);
      expect(text).toMatch(/heard +\d+ probe requests in 5 s, -\d+ to -\d+ dBm,\s+channel 6/);
      expect(text).toMatch(/- id: wifi-1\n +driver: wifi-lines\n +port: \S+CP2102N_a1-if00-port0\n +zone: shop/);
    }
  });

  it('leaves a port alone that the daemon has open, and tells its sensors', async () => {
    const bench = new Bench({ baudRate: 115_200 });
    const sensors = [sensor({}), sensor({ id: 'other', port: '/dev/ttyUSB9' })];
    const report = await lookAt(worldOf(bench, { sensors }), bench, '/dev/ttyUSB0');
    expect(report).toMatchObject({ state: 'in_use', sensors: [{ id: 'front' }] });
    expect(bench.line.openings).toEqual([]);
    expect(renderPort(report, TERMINAL)).toContain(
      'in use by the daemon: front (wifi-lines), up, 1,234 frames a minute',
    );
  });

  it('looks into the port of a sensor that is down', async () => {
    const bench = benchWith({ driver: 'wifi-lines', line: { baudRate: 115_200 } });
    const report = await lookAt(worldOf(bench, { sensors: [sensor({ state: 'down' })] }), bench);
    expect(report).toMatchObject({ state: 'found' });
  });

  it('does not open a console of the kernel', async () => {
    put('sys/class/tty/console/active', 'tty0 ttyUSB0\n');
    const bench = new Bench({ baudRate: 115_200 });
    expect(await lookAt(worldOf(bench), bench)).toMatchObject({ state: 'failed', error: { code: 'port_console' } });
    expect(bench.line.openings).toEqual([]);
  });

  it('tells why a port cannot be opened, and goes on', async () => {
    const bench = new Bench({ baudRate: 115_200 });
    const refused = new AgentError('port_unopenable', 'permission denied: join the group dialout', 'Join it.');
    const lineAt = () => ({ open: () => Promise.reject(refused) });
    const report = await lookAt(worldOf(bench, { lineAt }), bench);
    expect(report).toMatchObject({ state: 'failed', error: { code: 'port_unopenable', hint: 'Join it.' } });
    expect(renderPort(report, TERMINAL)).toContain('permission denied');
  });

  it('says of a silent port what to look at', async () => {
    const bench = new Bench({ baudRate: 115_200 });
    const report = await lookAt(worldOf(bench), bench);
    expect(report).toMatchObject({ state: 'unknown', asked: true });
    const text = renderPort(report, TERMINAL);
    expect(text).toContain('nothing known: silence at every speed');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('never shows text of a line that is not known', async () => {
    const bench = new Bench({ baudRate: 115_200 });
    bench.every(100, () => bench.line.wire(Buffer.from('station 5b:cd:ab:bc:12:34 joined "My Home"\r\n')));
    const report = await lookAt(worldOf(bench), bench);
    expect(renderPort(report, TERMINAL)).toContain('readable text at 115200');
    expect(renderPort(report, TERMINAL) + JSON.stringify(report)).not.toMatch(/5b:cd|My Home/);
  });

  it('offers radios, but not the one that connects the box', async () => {
    mkdirSync(join(root, 'sys/class/bluetooth/hci0'), { recursive: true });
    for (const [name, state] of [
      ['wlan0', 'up'],
      ['wlan1', 'down'],
    ]) {
      mkdirSync(join(root, `sys/class/ieee80211/phy-${name}`), { recursive: true });
      put(`sys/class/net/${name}/operstate`, `${state}\n`);
      link(`sys/class/net/${name}/phy80211`, `../../ieee80211/phy-${name}`);
    }
    const radios = await new Detector(worldOf(new Bench({ baudRate: 1 }))).radios();
    expect(radios.map(({ adapter, driver }) => [adapter, driver])).toEqual([
      ['hci0', 'ble-hci'],
      ['wlan0', null],
      ['wlan1', 'wifi-monitor'],
    ]);
    expect(renderRadio(radios[2], TERMINAL)).toContain('adapter: wlan1');
  });
});
