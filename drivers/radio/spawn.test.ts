import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import { HelperProcess } from './spawn.ts';

let folder: string;
let lines: string[];
let clock: VirtualClock;
let helper: HelperProcess;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-spawn-'));
  lines = [];
  clock = new VirtualClock(0);
});

afterEach(async () => {
  await helper.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A program in the helper's place, and its start. */
function start(program: string): void {
  const main = join(folder, 'main.mjs');
  writeFileSync(main, program);
  helper = new HelperProcess({
    main,
    sensorId: 'ble',
    settings: 'shop.yaml',
    socket: 'ble.sock',
    clock,
    random: () => 0.5,
    log: (line) => void lines.push(line),
    environment: { ...process.env, NOTIFY_SOCKET: '/none', WATCHDOG_USEC: '1' },
  });
  helper.start();
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    if (tries > 2_000) throw new Error(`waited in vain; lines: ${lines.join(' | ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');

describe('a helper that the daemon starts itself', () => {
  it('is told its sensor, and ends when it is told to', async () => {
    start(`
      process.on('SIGTERM', () => { console.error('ending'); process.exit(0); });
      console.log(JSON.stringify(process.argv.slice(2)), process.env.NOTIFY_SOCKET, process.pid);
      setInterval(() => {}, 1000);`);
    await until(() => lines.length === 1);
    expect(lines[0]).toMatch(/^\["radio","ble","--settings","shop.yaml","--socket","ble.sock"\] undefined \d+$/);
    helper.start();
    await helper.stop();
    expect(lines.slice(1)).toEqual(['ending']);
    expect(isAlive(Number(lines[0].split(' ').at(-1)))).toBe(false);
    await clock.advanceTo(100_000);
    expect(lines).toHaveLength(2);
  });

  it('is started again, later each time', async () => {
    start('process.exit(7);');
    const ends = (): number => lines.filter((line) => line.includes('it is started again')).length;
    await until(() => ends() === 1);
    expect(lines[0]).toBe('the radio helper of ble ended (exit code 7); it is started again');
    await clock.advanceTo(200);
    await until(() => ends() === 2);
    await clock.advanceTo(400);
    expect(ends()).toBe(2);
    await clock.advanceTo(1_000);
    await until(() => ends() === 3);
  });

  it('is ended by force where it does not go', async () => {
    start("process.on('SIGTERM', () => console.log('no')); console.log(process.pid); setInterval(() => {}, 1000);");
    await until(() => lines.length === 1);
    const stopped = helper.stop();
    await until(() => lines.length === 2);
    expect(isAlive(Number(lines[0]))).toBe(true);
    await clock.advanceTo(5_000);
    await stopped;
    expect(isAlive(Number(lines[0]))).toBe(false);
  });
});
