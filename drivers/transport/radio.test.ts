import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import { bytesFrames, stateFrame } from '../radio/frames.ts';
import { RadioServer } from '../radio/server.ts';
import { RadioTransport } from './radio.ts';

let folder: string;
let path: string;
let clock: VirtualClock;
let transport: RadioTransport;
let told: string[];
let helpers: RadioServer[];
let words: (string | number)[];
let servers: Server[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-radio-'));
  path = join(folder, 'run', 'ble.sock');
  clock = new VirtualClock(0);
  told = [];
  words = [];
  helpers = [];
  servers = [];
  transport = new RadioTransport({ socket: path, sensorId: 'ble', clock, random: () => 0.5 });
});

afterEach(async () => {
  await transport.stop();
  for (const helper of helpers) await helper.close();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(): void {
  transport.start({
    bytes: (chunk) => void told.push(Buffer.from(chunk).toString('hex')),
    up: () => void told.push('up'),
    down: (reason) => void told.push(`down: ${reason}`),
  });
}

async function helper(): Promise<RadioServer> {
  const opened = await RadioServer.open(path, {
    connected: (there) => void words.push(there ? 'there' : 'gone'),
    dropped: (bytes) => void words.push(bytes),
  });
  helpers.push(opened);
  return opened;
}

/** Waits for what the kernel passes on. */
async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    if (tries > 2_000) throw new Error(`waited in vain; told: ${told.join(' | ')}; words: ${words.join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Lets the transport's clock run meanwhile. */
function untilInTime(what: () => boolean): Promise<void> {
  const ticking = setInterval(() => void clock.advanceTo(clock.monotonic() + 100), 5);
  return until(what).finally(() => clearInterval(ticking));
}

/** A server that is no radio helper. */
async function stranger(answer: (socket: Socket) => void): Promise<void> {
  path = join(folder, 'strange.sock');
  transport = new RadioTransport({ socket: path, sensorId: 'ble', clock, random: () => 0.5 });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    answer(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

describe('the transport of a radio', () => {
  it('tells to start the helper where there is none, once, and hears it when it comes', async () => {
    start();
    await until(() => told.length === 1);
    expect(told).toEqual(['down: the radio helper does not run; start it: systemctl start footfall-radio@ble']);
    const radio = await helper();
    radio.state('no_adapter', 'no adapter');
    await untilInTime(() => told.length === 2);
    radio.state('listening', 'listening with hci0');
    radio.bytes(Uint8Array.of(1, 2));
    radio.state('listening', 'and more to tell');
    radio.bytes(Uint8Array.of(3));
    radio.state('failed', 'it broke');
    radio.state('failed', 'it broke');
    radio.state('listening', 'again');
    await until(() => told.length === 7);
    expect(told.slice(1)).toEqual(['down: no adapter', 'up', '0102', '03', 'down: it broke', 'up']);
    expect(transport.delivered).toBe(3);
  });

  it('is down when the helper goes, and up when another comes', async () => {
    const first = await helper();
    first.state('listening', 'a');
    start();
    await until(() => told.length === 1);
    await first.close();
    await until(() => told.length === 2);
    expect(told).toEqual(['up', 'down: the radio helper ended the connection']);
    expect(existsSync(path)).toBe(false);
    const second = await helper();
    second.state('listening', 'b');
    await untilInTime(() => told.length === 3);
    expect(told[2]).toBe('up');
  });

  it('waits longer from try to try, and never in step', async () => {
    let tries = 0;
    await stranger((socket) => {
      tries++;
      socket.destroy();
    });
    start();
    await until(() => tries === 1 && told.length === 1);
    for (let second = 1; second <= 600; second++) {
      await clock.advanceTo(second * 1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(60);
    expect(told).toHaveLength(1);
  });

  it('comes back soon to a helper that worked', async () => {
    let tries = 0;
    await stranger((socket) => {
      tries++;
      socket.end(stateFrame('listening', 'x', 1));
    });
    start();
    for (let round = 1; round <= 20; round++) {
      await until(() => tries === round && told.length === 2 * round);
      await clock.advanceTo(clock.monotonic() + 300);
    }
  });

  it.each([
    ['speaks HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /is no radio helper/],
    ['sends bytes first', bytesFrames(Uint8Array.of(1, 2, 3)), /is no radio helper/],
    [
      'is of another release',
      Buffer.concat([stateFrame('listening', 'x', 2), stateFrame('listening', 'y')]),
      /another release.*restart footfall-radio@ble/,
    ],
  ])('closes what %s, and tells', async (_, answer, reason) => {
    let closed = 0;
    await stranger((socket) => {
      socket.on('close', () => closed++);
      socket.write(answer);
    });
    start();
    await until(() => told.length === 1 && closed === 1);
    expect(told).toEqual([expect.stringMatching(reason)]);
  });

  it('does not wait for ever for one that says nothing', async () => {
    let there = 0;
    await stranger(() => there++);
    start();
    await until(() => there === 1);
    await clock.advanceTo(11_000);
    await until(() => told.length === 1);
    expect(told).toEqual(['down: the radio helper does not answer']);
  });

  it('ends a flood of nonsense with bounded memory', async () => {
    let closed = false;
    await stranger((socket) => {
      const flood = Buffer.alloc(65_536, 0x41);
      socket.on('close', () => {
        closed = true;
      });
      const pour = (): void => {
        while (!socket.destroyed && socket.write(flood));
      };
      socket.on('drain', pour);
      pour();
    });
    start();
    await until(() => closed);
    expect([told, transport.delivered]).toEqual([['down: what answers on its socket is no radio helper'], 0]);
  });

  it('is stopped at any time, and started again', async () => {
    const radio = await helper();
    radio.state('listening', 'a');
    start();
    await transport.stop();
    await transport.stop();
    expect(told).toEqual([]);
    start();
    await until(() => told.length === 1);
    await transport.stop();
    radio.bytes(Uint8Array.of(1));
    await until(() => words.at(-1) === 'gone');
    expect(told).toEqual(['up']);
  });
});

describe('the socket of a radio helper', () => {
  it('is for its user and group only, and is replaced where its owner is dead', async () => {
    const first = await helper();
    expect((statSync(path).mode & 0o777).toString(8)).toBe('660');
    await expect(helper()).rejects.toMatchObject({ code: 'radio_already_running' });
    await first.close();
    // What a helper that was killed leaves behind.
    const leave = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(() => execFileSync(process.execPath, ['-e', leave])).toThrow();
    expect(statSync(path).isSocket()).toBe(true);
    await helper();
    expect((statSync(path).mode & 0o777).toString(8)).toBe('660');
  });

  it('does not take the place of another file, nor of what cannot be written to', async () => {
    path = join(folder, 'file');
    writeFileSync(path, '');
    chmodSync(path, 0o600);
    await expect(helper()).rejects.toMatchObject({ code: 'radio_socket_taken' });
    path = join(folder, 'file', 'x.sock');
    await expect(helper()).rejects.toMatchObject({ code: 'radio_socket_unusable' });
  });

  it('serves one daemon at a time', async () => {
    const radio = await helper();
    radio.state('listening', 'a');
    start();
    await until(() => told.length === 1);
    let refusal = '';
    const other = connect(path).on('data', (chunk) => {
      refusal += chunk.toString();
    });
    await new Promise((resolve) => other.once('close', resolve));
    expect(refusal).toContain('another daemon is connected');
    radio.bytes(Uint8Array.of(9));
    await until(() => told.length === 2);
    await transport.stop();
    await until(() => words.at(-1) === 'gone');
    start();
    await until(() => told.length === 3);
    expect(told).toEqual(['up', '09', 'up']);
  });

  it('is gone when it is closed, though one that it refused still holds on', async () => {
    const radio = await helper();
    start();
    await until(() => words.includes('there'));
    const other = connect({ path, allowHalfOpen: true });
    await new Promise((resolve) => other.once('data', resolve));
    await radio.close();
    helpers = [];
    expect(existsSync(path)).toBe(false);
    other.destroy();
  });

  it('drops what the daemon does not read, whole chunks, and tells how much', { timeout: 30_000 }, async () => {
    const radio = await helper();
    radio.state('listening', 'a');
    const slow = connect(path);
    slow.pause();
    await until(() => words.includes('there'));
    const chunk = Buffer.alloc(10_000, 7);
    for (let count = 0; count < 400; count++) radio.bytes(chunk);
    const got: Buffer[] = [];
    slow.on('data', (part) => void got.push(part as Buffer));
    slow.resume();
    await until(() => words.some((word) => typeof word === 'number'));
    const dropped = words.find((word) => typeof word === 'number') as number;
    const frame = chunk.length + 3;
    await until(() => Buffer.concat(got).includes(`${dropped} bytes were dropped`));
    const text = Buffer.concat(got);
    const kept = 4_000_000 - dropped;
    expect(dropped % chunk.length).toBe(0);
    expect(kept).toBeGreaterThanOrEqual(262_144);
    expect(kept).toBeLessThan(2_000_000);
    expect(text.filter((byte) => byte === 7).length).toBeGreaterThanOrEqual(kept);
    expect(text.length).toBeGreaterThan((kept / chunk.length) * frame);
    slow.destroy();
  });
});
