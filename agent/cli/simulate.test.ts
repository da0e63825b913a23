import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReadingSink } from '../../drivers/driver.ts';
import { DRIVERS, driverNamed } from '../../drivers/registry.ts';
import { ADVERTISING_FORMATS, AIR_FORMATS, DOOR_FORMATS } from '../../drivers/simulator/formats.ts';
import { DRIVER_NAMES } from '../settings/sensor-drivers.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
const hour = ['--open', '09:00-10:00'];

afterAll(() => rmSync(folder, { recursive: true }));

function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'simulate', ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, out: stdout, err: stderr };
}

const zeros = (counts: object) => Object.fromEntries(Object.keys(counts).map((name) => [name, 0]));
const inFolder = (name: string): string => join(folder, name);

/** Every driver that can be decoded and has a simulated module. */
const SIMULATED = Object.keys({ ...AIR_FORMATS, ...ADVERTISING_FORMATS, ...DOOR_FORMATS }).filter((name) =>
  DRIVERS.has(name),
);

interface Chunk {
  t: number;
  s: string;
  b: string;
}

function chunksOf(path: string): Chunk[] {
  const [, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Chunk);
}

/** What a driver finds in what one sensor sent, on a line on which it says nothing. */
function decode(driver: string, sensor: string, chunks: readonly Chunk[]) {
  const decoder = driverNamed(driver).createDecoder();
  const found = { sightings: 0, advertisements: 0, entered: 0, left: 0 };
  const sink: ReadingSink = {
    sighting: () => found.sightings++,
    advertisement: () => found.advertisements++,
    crossing: (_time, entered, left) => {
      found.entered += entered;
      found.left += left;
    },
    counter: (_time, entered, left) => Object.assign(found, { entered, left }),
    transaction: () => undefined,
  };
  for (const { t, s, b } of chunks) if (s === sensor) decoder.push(Buffer.from(b, 'base64'), t, sink);
  return { ...found, ...decoder.counts };
}

describe('footfall simulate', () => {
  it('writes the same bytes for the same seed, and others for another', () => {
    for (const [name, seed] of [
      ['a', '5'],
      ['b', '5'],
      ['c', '6'],
    ]) {
      expect(run('--out', inFolder(name), '--seed', seed, ...hour).code).toBe(0);
    }
    const [a, b, c] = ['a', 'b', 'c'].map((name) => readFileSync(inFolder(name)));
    expect(a.equals(b)).toBe(true);
    expect(a.equals(c)).toBe(false);
  });

  it('begins a quarter of an hour before opening, in the time zone it is told, and names its sensors', () => {
    run('--out', inFolder('zone'), '--date', '2026-07-01', '--time-zone', 'Asia/Tokyo', ...hour);
    const header = JSON.parse(readFileSync(inFolder('zone'), 'utf8').split('\n')[0]);
    expect(header).toMatchObject({
      footfall: 'stream',
      start_ms: Date.UTC(2026, 5, 30, 23, 45),
      sensors: [{ id: 'shop-wifi' }, { id: 'main-door' }],
    });
  });

  it('takes the sensors it is told, each with its module', () => {
    const sensors = ['--sensor', 'hall=wifi-lines:9', '--sensor', 'gate=door-lines'];
    expect(run('--out', inFolder('sensors'), ...sensors, ...hour).code).toBe(0);
    const header = JSON.parse(readFileSync(inFolder('sensors'), 'utf8').split('\n')[0]);
    expect(header.sensors).toEqual([
      { id: 'hall', driver: 'wifi-lines' },
      { id: 'gate', driver: 'door-lines' },
    ]);
    const hall = chunksOf(inFolder('sensors')).filter(({ s }) => s === 'hall');
    const lines = hall
      .map(({ b }) => Buffer.from(b, 'base64').toString('latin1'))
      .join('')
      .split('\r\n');
    const probes = lines.filter((line) => line.includes('|00|04|'));
    expect(probes.length).toBeGreaterThan(50);
    for (const line of probes) expect(line.split('|')).toHaveLength(9);
  });

  it('records what every driver decodes, those that have to be asked included', { timeout: 90_000 }, () => {
    const sensors = SIMULATED.flatMap((driver) => ['--sensor', `s-${driver}=${driver}`]);
    const traffic = ['--passers', '100', '--enters', '60', '--door-miss', '0'];
    const { code, out, err } = run('--out', inFolder('every'), '--json', ...traffic, ...sensors, ...hour);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const truth: Record<string, { sightings: number; advertisements: number; in: number; out: number }> =
      JSON.parse(out).sensors;
    const chunks = chunksOf(inFolder('every'));
    for (const driver of SIMULATED) {
      const found = decode(driver, `s-${driver}`, chunks);
      const told = truth[`s-${driver}`];
      // Boot text is noise.
      expect({ driver, ...found.rejected, noise: 0 }).toEqual({ driver, ...zeros(found.rejected) });
      expect(found.accepted, driver).toBeGreaterThan(10);
      expect([found.sightings, found.advertisements], driver).toEqual([told.sightings, told.advertisements]);
      expect(found.entered, driver).toBe(told.in);
      // A contact knows one way only.
      if (driver !== 'door-contact') expect(found.left, driver).toBe(told.out);
    }
  });

  it('names every driver in its help, and has a module for each', () => {
    const { out } = run('--help');
    expect(SIMULATED.sort()).toEqual([...DRIVER_NAMES].sort());
    for (const driver of DRIVER_NAMES) expect(out).toMatch(new RegExp(`^  ${driver}( +:|$)`, 'm'));
  });

  it('tells one truth, in the file and as JSON', () => {
    const truth = inFolder('truth.json');
    const { code, out } = run(
      '--out',
      inFolder('d'),
      '--truth',
      truth,
      '--json',
      '--passers',
      '600',
      '--enters',
      '30',
      ...hour,
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(JSON.parse(readFileSync(truth, 'utf8')));
    const { passers, entered, left, hours } = JSON.parse(out);
    expect(entered).toBeGreaterThan(20);
    expect(passers).toBeGreaterThan(entered);
    expect(left).toBe(entered);
    expect(hours.reduce((sum: number, { entered: part }: { entered: number }) => sum + part, 0)).toBe(entered);
  });

  it.each([
    [1, ['--date', '2026-02-31'], '2026-02-31'],
    [64, ['--time-zone', 'Nowhere/X'], 'Nowhere/X'],
    [1, ['--open', '19:00-09:00'], 'later than openMs'],
    [1, ['--enters', '300'], 'between 0 and 1'],
    [64, ['--seed', '1.5'], 'expected a whole number'],
    [64, ['--open', 'nine'], 'expected hours such as'],
    [64, ['--passers', '-4'], 'at least 0'],
    [64, ['--sensor', 'gate'], 'expected a sensor such as gate=door-modbus'],
    [64, ['--sensor', 'gate=door-laser'], 'expected one of wifi-lines'],
    [64, ['--sensor', 'gate=wifi-lines:7'], 'expected wifi-lines:6, :9, :10, received "7"'],
    [64, ['--sensor', 'gate=door-radar:big'], 'expected no variant of door-radar'],
    [64, ['--sensor', 'a=door-lines', '--sensor', 'a=wifi-pcap'], 'an id that no other sensor has'],
  ])('ends with %i for %j, says why and writes nothing', (expected, words, said) => {
    const { code, out, err } = run('--out', inFolder('never'), ...words);
    expect({ code, out }).toEqual({ code: expected, out: '' });
    expect(err).toContain(said);
    expect(existsSync(inFolder('never'))).toBe(false);
  });

  it.each([
    [64, [], "expected '--out <FILE>', or '--fleet <N>'"],
    [64, ['--windows', '3', '--out', 'x'], "option '--windows' is of a fleet"],
    [64, ['--fleet', '3', '--out', 'x'], 'cannot be used with option'],
    [64, ['--fleet', '3', '--sensor', 'gate=door-lines'], 'cannot be used with option'],
    [64, ['--fleet', '0'], 'expected a whole number of at least 1, received "0"'],
    [64, ['--fleet', '3', '--every', '0'], 'expected seconds above 0, received "0"'],
    [64, ['--fleet', '3', '--stagger', '99999'], 'expected seconds from 0 to 86400'],
    [1, ['--fleet', '3', '--tenant', 'No Such'], 'expected the tenant to be'],
    [1, ['--fleet', '3', '--broker', 'http://x'], 'hint: '],
    [1, ['--fleet', '3', '--broker', 'mqtt://127.0.0.1:1'], 'hint: Start the broker'],
    [1, ['--fleet', '3', '--ca-file', 'no/such.pem', '--broker', 'mqtts://127.0.0.1:1'], 'no/such.pem'],
    [1, ['--fleet', '3', '--password-file', 'no/such'], 'expected a readable password file'],
  ])('ends with %i for a fleet by %j, and says why', (expected, words, said) => {
    const { code, out, err } = run(...words);
    expect({ code, out }).toEqual({ code: expected, out: '' });
    expect(err).toContain(said);
    expect(err).not.toContain('    at ');
  });

  it('ends with 1 where the recording cannot be written', () => {
    const { code, err } = run('--out', inFolder('no/such/folder'), ...hour);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: The recording could not be written: ENOENT.*\nhint: .+\n$/);
  });

  it('ends with 1 and no stack trace where the truth cannot be written', () => {
    const { code, err } = run('--out', inFolder('e'), '--truth', inFolder('no/such/truth.json'), ...hour);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*\nhint: .+\n$/);
  });

  it('removes the unfinished file when it is stopped by Ctrl-C', async () => {
    const out = inFolder('stopped');
    const child: ChildProcess = spawn(
      process.execPath,
      [MAIN, 'simulate', '--out', out, '--open', '00:30-23:00', '--passers', '1500'],
      { stdio: 'ignore' },
    );
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    while (child.exitCode === null && !(existsSync(out) && readFileSync(out).length > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(existsSync(out)).toBe(false);
  });
});
