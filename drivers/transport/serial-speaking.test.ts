/** What is said on a serial line: on real pseudo-terminals, and on a scripted port where order matters. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock, VirtualClock } from '../../agent/platform/clock.ts';
import type { Speaker } from '../driver.ts';
import { Poller } from '../poller.ts';
import { openSerialPort } from './port.ts';
import { cpuShare, HAVE_SOCAT, openTerminals, PtyPair, until } from './ptys.testing.ts';
import { SerialTransport } from './serial.ts';

class Watcher {
  readonly log: string[] = [];
  readonly chunks: Buffer[] = [];
  readonly speaker?: Speaker;
  heard: (chunk: Uint8Array) => void = () => {};

  constructor(speaker?: Speaker) {
    if (speaker !== undefined) this.speaker = speaker;
  }

  bytes = (chunk: Uint8Array) => {
    this.chunks.push(Buffer.from(chunk));
    this.heard(chunk);
  };
  up = () => void this.log.push('up');
  down = (reason: string) => void this.log.push(reason);

  get size(): number {
    return Buffer.concat(this.chunks).length;
  }
}

/** Says a frame of `size` bytes each time it is asked, and wants to be asked at once. */
function babbler(size: number): Speaker & { said: number } {
  return {
    said: 0,
    waiting: false,
    open: () => {},
    speak(now, send) {
      this.said++;
      send(Buffer.alloc(size, 0x55));
      return now;
    },
  };
}

describe.skipIf(!HAVE_SOCAT)('speaking on pseudo-terminals (skipped where socat is missing)', () => {
  let pair: PtyPair;
  let transports: SerialTransport[];

  beforeEach(async () => {
    pair = new PtyPair();
    transports = [];
    await pair.plug();
  });

  afterEach(async () => {
    await Promise.all(transports.map((transport) => transport.stop()));
    await pair.close();
  });

  function open(path: string, watcher: Watcher, pollMs = 5): SerialTransport {
    const transport = new SerialTransport({ path, baudRate: 9_600, clock: realClock(), random: () => 0.2, pollMs });
    transports.push(transport);
    transport.start(watcher);
    return transport;
  }

  it('asks and hears the answers, also after the line was unplugged with a question out', async () => {
    const unanswered: number[] = [];
    const poller = new Poller({
      poll: () => Buffer.from('?'),
      everyMs: 5,
      timeoutMs: 2_000,
      unanswered: () => unanswered.push(1),
    });
    const watcher = new Watcher(poller);
    watcher.heard = () => poller.answered();
    const answer = (): Promise<Watcher> => {
      const unit = new Watcher();
      const transport = new SerialTransport({
        path: pair.far,
        baudRate: 9_600,
        clock: realClock(),
        random: () => 0.2,
        pollMs: 2,
        open: async (path, line) => {
          const port = await openSerialPort(path, line);
          unit.heard = (chunk) => void port.write(Buffer.from('!'.repeat(chunk.length)));
          return port;
        },
      });
      transports.push(transport);
      transport.start(unit);
      return until(() => unit.log.length > 0, 'the unit is there').then(() => unit);
    };
    await answer();
    const near = open(pair.near, watcher);
    await until(() => watcher.size > 20, 'questions are answered');
    for (let round = 1; round <= 3; round++) {
      await pair.unplug();
      await until(() => watcher.log.length === 2 * round, 'it is noticed');
      await Promise.all(transports.filter((transport) => transport !== near).map((transport) => transport.stop()));
      await pair.plug();
      await answer();
      await until(() => watcher.log.length === 2 * round + 1, 'the line is open again');
      const { size } = watcher;
      await until(() => watcher.size > size + 5, 'questions are answered again');
    }
    expect(watcher.log.filter((entry) => entry === 'up')).toHaveLength(4);
    expect(watcher.log.filter((entry) => entry.includes('hung up'))).toHaveLength(3);
    expect(unanswered).toEqual([]);
    expect(Buffer.concat(watcher.chunks).every((byte) => byte === 0x21)).toBe(true);
  });

  it('neither spins nor grows where the line takes no more, and goes on when it does', async () => {
    const speaker = babbler(300);
    const watcher = new Watcher(speaker);
    open(pair.near, watcher);
    await until(() => watcher.log.includes('up'), 'the line is open');
    // Nobody reads the other end: the kernel's buffers are full after some tens of KiB.
    await until(() => speaker.said > 400, 'more was said than any buffer holds');
    expect(await cpuShare()).toBeLessThan(0.3);
    const reader = new Watcher();
    open(pair.far, reader);
    await until(() => reader.size > 10_000, 'what was said arrives');
    const { size } = reader;
    await until(() => reader.size > size + 10_000, 'it goes on');
    expect(Buffer.concat(reader.chunks).every((byte) => byte === 0x55)).toBe(true);
    expect(watcher.log).toEqual(['up']);
  });

  it('leaks no descriptor over fifty openings, closed in the middle of what is said', async () => {
    const before = openTerminals();
    for (let round = 0; round < 50; round++) {
      const watcher = new Watcher(babbler(200));
      const transport = open(pair.near, watcher);
      await until(() => watcher.log.length > 0, 'the line is open');
      expect(watcher.log).toEqual(['up']);
      await transport.stop();
    }
    expect(openTerminals()).toBe(before);
  });

  it('refuses to write to a port that is closed', async () => {
    const port = await openSerialPort(pair.near, { baudRate: 9_600 });
    expect(port.write(Buffer.from('one'))).toBe(3);
    const closed = port.close();
    expect(() => port.write(Buffer.from('two'))).toThrow(/closed/);
    await closed;
    expect(() => port.write(Buffer.from('two'))).toThrow(/closed/);
  });
});

describe('speaking on a scripted port', () => {
  let folder: string;
  let fd: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'speaking-'));
    const path = join(folder, 'fifo');
    spawnSync('mkfifo', [path]);
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  });

  afterEach(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  function start(speaker: Speaker, write: (bytes: Uint8Array) => number) {
    const clock = new VirtualClock(0);
    const transport = new SerialTransport({
      path: 'x',
      baudRate: 9_600,
      clock,
      random: () => 0.5,
      open: () => Promise.resolve({ fd, write, close: () => Promise.resolve() }),
    });
    const watcher = new Watcher(speaker);
    transport.start(watcher);
    return { clock, transport, watcher };
  }

  it('reads every 10 ms while an answer may come, and every 50 ms else', async () => {
    const poller = new Poller({ poll: () => Buffer.from('?'), everyMs: 1_000, timeoutMs: 300, unanswered: () => {} });
    const heard: number[] = [];
    const { clock, watcher, transport } = start(poller, (bytes) => bytes.length);
    watcher.heard = () => {
      heard.push(clock.monotonic());
      poller.answered();
    };
    await until(() => watcher.log.includes('up'), 'the line is open');
    await clock.advanceTo(21);
    writeSync(fd, '!');
    await clock.advanceTo(101);
    writeSync(fd, '!');
    await clock.advanceTo(990);
    // A late answer comes in before the next question goes out.
    writeSync(fd, '!');
    await clock.advanceTo(1_000);
    expect(poller.waiting).toBe(true);
    expect(heard).toEqual([30, 150, 1_000]);
    await transport.stop();
  });

  it('sends the rest of a frame at the next reads, in order', async () => {
    const sent: number[] = [];
    const frames = [Buffer.from('abcdefgh'), Buffer.from('ijkl')];
    const speaker: Speaker = {
      waiting: false,
      open: () => {},
      speak: (now, send) => {
        const frame = frames.shift();
        if (frame !== undefined) send(frame);
        return frames.length > 0 ? now + 5 : Number.POSITIVE_INFINITY;
      },
    };
    const { clock, watcher, transport } = start(speaker, (bytes) => {
      sent.push(...bytes.subarray(0, 3));
      return Math.min(3, bytes.length);
    });
    await until(() => watcher.log.includes('up'), 'the line is open');
    await clock.advanceTo(500);
    expect(Buffer.from(sent).toString()).toBe('abcdefghijkl');
    await transport.stop();
  });

  it('takes a failing write for a hang-up, once, and asks nothing more', async () => {
    let writes = 0;
    const { clock, watcher, transport } = start(babbler(5), () => {
      writes++;
      throw Object.assign(new Error('input/output error'), { code: 'EIO' });
    });
    await until(() => watcher.log.length > 1, 'it is noticed');
    expect(watcher.log).toEqual(['up', 'the line was hung up (EIO)']);
    expect(writes).toBe(1);
    await transport.stop();
    await clock.advanceTo(60_000);
    expect(writes).toBe(1);
  });

  it('says nothing on a line that whoever was told of it has stopped', async () => {
    const speaker = babbler(5);
    const { watcher, transport, clock } = start(speaker, (bytes) => bytes.length);
    watcher.up = () => {
      watcher.log.push('up');
      void transport.stop();
    };
    await until(() => watcher.log.length > 0, 'the line was open');
    await clock.advanceTo(1_000);
    expect(speaker.said).toBe(0);
  });
});
