/** The serial transport on real pseudo-terminals, by socat, and on scripted ports where order matters. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock, VirtualClock } from '../../agent/platform/clock.ts';
import { explainOpenFailure, type OpenPort, openSerialPort } from './port.ts';
import { cpuShare, HAVE_SOCAT, openTerminals, PtyPair, until } from './ptys.testing.ts';
import { type SerialOptions, SerialTransport } from './serial.ts';

const clock = realClock();

class Watcher {
  readonly log: string[] = [];
  readonly chunks: Buffer[] = [];
  size = 0;
  bytes = (chunk: Uint8Array) => {
    this.size += chunk.length;
    this.chunks.push(Buffer.from(chunk));
  };
  up = () => void this.log.push('up');
  down = (reason: string) => void this.log.push(reason);
}

describe.skipIf(!HAVE_SOCAT)('SerialTransport on pseudo-terminals (skipped where socat is missing)', () => {
  let pair: PtyPair;
  let children: ChildProcess[];
  let transports: SerialTransport[];

  beforeEach(() => {
    pair = new PtyPair();
    [children, transports] = [[], []];
  });

  afterEach(async () => {
    await Promise.all(transports.map((transport) => transport.stop()));
    for (const child of children) {
      child.kill();
    }
    await pair.close();
  });

  /** Runs a command of the shell with the far end as its output. */
  function send(command: string): ChildProcess {
    const child = spawn('sh', ['-c', `exec >"$0"; ${command}`, pair.far], { stdio: 'ignore', detached: false });
    children.push(child);
    return child;
  }

  function open(options: Partial<SerialOptions> = {}): { transport: SerialTransport; watcher: Watcher } {
    const transport = new SerialTransport({ path: pair.near, baudRate: 115_200, clock, random: () => 0.2, ...options });
    transports.push(transport);
    const watcher = new Watcher();
    transport.start(watcher);
    return { transport, watcher };
  }

  it('delivers bytes whole and in order, and counts them', async () => {
    await pair.plug();
    const { transport, watcher } = open();
    await until(() => watcher.log.includes('up'), 'the line is open');
    send('seq 1 60000');
    const expected = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `${i + 1}\n`).join(''));
    await until(() => watcher.size >= expected.length, 'all bytes are here');
    expect(Buffer.concat(watcher.chunks).equals(expected)).toBe(true);
    expect(transport.delivered).toBe(expected.length);
  });

  it('reads at once when polled', async () => {
    await pair.plug();
    const { transport, watcher } = open({ pollMs: 3_600_000 });
    await until(() => watcher.log.includes('up'), 'the line is open');
    send('printf hello');
    await until(() => {
      transport.poll();
      return watcher.size === 5;
    }, 'the bytes are polled');
  });

  it('notices the hang-up of a saturated stream, opens it again, and leaks no descriptor', async () => {
    await pair.plug();
    const { watcher } = open({ pollMs: 5 });
    await until(() => watcher.log.includes('up'), 'the line is open');
    const before = openTerminals();
    for (let round = 1; round <= 3; round++) {
      const size = watcher.size;
      const writer = send('exec cat /dev/zero');
      await until(() => watcher.size > size + 100_000, 'the stream flows');
      await pair.unplug();
      writer.kill();
      await until(() => watcher.log.filter((entry) => entry.includes('hung up')).length === round, 'it is noticed');
      await pair.plug();
      await until(() => watcher.log.filter((entry) => entry === 'up').length === round + 1, 'it is open again');
    }
    expect(openTerminals()).toBe(before);
  });

  it('does not spin while the line is silent or gone', async () => {
    await pair.plug();
    const { watcher } = open();
    await until(() => watcher.log.includes('up'), 'the line is open');
    expect(await cpuShare()).toBeLessThan(0.3);
    await pair.unplug();
    await until(() => watcher.log.length > 1, 'it is noticed');
    expect(await cpuShare()).toBeLessThan(0.3);
  });

  it('says once that the device is missing, and opens it when it comes', async () => {
    const { watcher } = open();
    await until(() => watcher.log.length > 0, 'the first attempt has failed');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(watcher.log).toEqual(['no such device: it is not plugged in, or has another name']);
    await pair.plug();
    await until(() => watcher.log.includes('up'), 'the line is open');
  });

  it('says that another process holds the line', async () => {
    await pair.plug();
    const { transport, watcher: first } = open();
    await until(() => first.log.includes('up'), 'the line is open');
    const { watcher: second } = open();
    await until(() => second.log.length > 0, 'the second has failed');
    expect(second.log[0]).toContain('locked by another process');
    await transport.stop();
    await until(() => second.log.includes('up'), 'the second has its turn');
  });

  it('stops at any moment, also while opening, and more than once', async () => {
    await pair.plug();
    for (const delay of [0, 0, 1, 2, 5, 20]) {
      const { transport, watcher } = open();
      if (delay > 0) {
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
      await Promise.all([transport.stop(), transport.stop()]);
      const { length } = watcher.log;
      transport.poll();
      await transport.stop();
      expect(watcher.log).toHaveLength(length);
    }
    // Nothing holds the lock any more.
    const port = await openSerialPort(pair.near, { baudRate: 115_200 });
    await port.close();
  });
});

describe('SerialTransport on scripted ports', () => {
  it('closes a port that opens only after the stop, and never has two attempts under way', async () => {
    let opening = 0;
    let most = 0;
    let closed = 0;
    const resolvers: ((port: OpenPort) => void)[] = [];
    const open = () => {
      most = Math.max(most, ++opening);
      return new Promise<OpenPort>((resolve) => {
        resolvers.push((port) => {
          opening--;
          resolve(port);
        });
      });
    };
    const port = { fd: -1, write: () => 0, close: () => Promise.resolve(void closed++) };
    const virtual = new VirtualClock(0);
    const transport = new SerialTransport({ path: 'x', baudRate: 9_600, clock: virtual, random: () => 0, open });
    const [first, second] = [new Watcher(), new Watcher()];
    transport.start(first);
    const stopped = transport.stop();
    transport.start(second);
    resolvers[0](port);
    await until(() => resolvers.length === 2, 'the second attempt is under way');
    expect(closed).toBe(1);
    resolvers[1](port);
    await until(() => second.log.includes('up'), 'it is open');
    await stopped;
    expect(first.log).toEqual([]);
    expect(most).toBe(1);
    await transport.stop();
    expect(closed).toBe(2);
  });

  it('takes a failing read for a hang-up and a failing close for done', async () => {
    const virtual = new VirtualClock(0);
    const close = () => Promise.reject(new Error('bad file descriptor'));
    // No process has a descriptor of this number: reading it fails at once.
    const open = () => Promise.resolve({ fd: 1_000_000, write: () => 0, close });
    const transport = new SerialTransport({ path: 'x', baudRate: 9_600, clock: virtual, random: () => 0.5, open });
    const watcher = new Watcher();
    transport.start(watcher);
    await until(() => watcher.log.length === 1, 'it is open');
    transport.poll();
    expect(watcher.log).toEqual(['up', 'the line was hung up (EBADF)']);
    await virtual.advanceTo(200);
    expect(watcher.log[2]).toBe('up');
    await transport.stop();
  });

  it.each([
    ['Error: Permission denied, cannot open /dev/ttyUSB0', 'dialout'],
    ['Error: No such file or directory, cannot open /dev/ttyUSB0', 'no such device'],
    ['Error Resource temporarily unavailable Cannot lock port', 'locked by another process'],
    ['Error: Inappropriate ioctl for device, cannot open /tmp/x', 'not a serial line'],
    ['Error: something new', 'something new'],
  ])('explains "%s"', (message, expected) => {
    expect(explainOpenFailure(new Error(message))).toContain(expected);
  });
});
