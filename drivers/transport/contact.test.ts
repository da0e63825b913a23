/** The contact transport on scripted modem lines, and on a real pseudo-terminal, which has none. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { realClock, VirtualClock } from '../../agent/platform/clock.ts';
import { doorContact } from '../door/contact.ts';
import { type ContactOptions, ContactTransport, explainReadFailure, type ModemLines } from './contact.ts';

const haveSocat = spawnSync('socat', ['-V']).status === 0;

class Watcher {
  readonly log: string[] = [];
  bytes = (chunk: Uint8Array) => void this.log.push(Buffer.from(chunk).toString('hex'));
  up = () => void this.log.push('up');
  down = (reason: string) => void this.log.push(reason);
}

/** A port whose lines are what the test says. */
class ScriptedLines implements ModemLines {
  cts = false;
  reads = 0;
  closed = 0;
  failure: Error | undefined;

  read() {
    this.reads++;
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve({ cts: this.cts, dsr: !this.cts, dcd: false });
  }

  close() {
    this.closed++;
    return Promise.resolve();
  }
}

function start(options: Partial<ContactOptions> & Pick<ContactOptions, 'open'>) {
  const clock = new VirtualClock(0);
  const transport = new ContactTransport({ path: 'x', line: 'cts', clock, random: () => 0.5, ...options });
  const watcher = new Watcher();
  transport.start(watcher);
  return { clock, transport, watcher };
}

/** Lets promises that are under way settle. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('ContactTransport on scripted lines', () => {
  it('tells the state at the opening, at each change, when that has lasted, and each second', async () => {
    const lines = new ScriptedLines();
    const { clock, transport, watcher } = start({ open: () => Promise.resolve(lines) });
    await settle();
    const told: [number, string][] = [];
    let seen = 0;
    for (let at = 0; at <= 3_000; at += 20) {
      if (at === 500) lines.cts = true;
      if (at === 800) lines.cts = false;
      await clock.advanceTo(at);
      for (; seen < watcher.log.length; seen++) told.push([at, watcher.log[seen]]);
    }
    expect(told).toEqual([
      [0, 'up'],
      [0, 'a2'],
      [500, 'a1'],
      [560, 'a1'],
      [800, 'a0'],
      [860, 'a0'],
      [1_860, 'a0'],
      [2_860, 'a0'],
    ]);
    expect(transport.delivered).toBe(7);
    await transport.stop();
    expect(lines.closed).toBe(1);
  });

  it('reads the line it is told, as often as it is told', async () => {
    const lines = new ScriptedLines();
    const { clock, transport, watcher } = start({ open: () => Promise.resolve(lines), line: 'dsr', pollMs: 10 });
    await settle();
    await clock.advanceTo(1_000);
    expect(watcher.log.slice(0, 2)).toEqual(['up', 'a3']);
    expect(lines.reads).toBe(101);
    await transport.stop();
  });

  it('feeds the decoder: closures with bounce are people', async () => {
    const lines = new ScriptedLines();
    const clock = new VirtualClock(0);
    const decoder = doorContact.createDecoder();
    let people = 0;
    const unexpected = () => {
      throw new Error('a contact gave a reading of another kind');
    };
    const sink = {
      sighting: unexpected,
      advertisement: unexpected,
      counter: unexpected,
      transaction: unexpected,
      crossing: (_time: number, entered: number) => {
        people += entered;
      },
    };
    const open = () => Promise.resolve(lines);
    const transport = new ContactTransport({ path: 'x', line: 'cts', clock, random: () => 0.5, open });
    transport.start({
      bytes: (chunk) => decoder.push(chunk, clock.wall(), sink),
      up: () => undefined,
      down: () => undefined,
    });
    await settle();
    for (let person = 0; person < 20; person++) {
      const from = 1_000 * person + 100;
      for (const at of [0, 22, 41, 300, 319, 343]) {
        await clock.advanceTo(from + at);
        lines.cts = !lines.cts;
      }
      await clock.advanceTo(from + 700);
      expect(people).toBe(person + 1);
    }
    await transport.stop();
  });

  it('takes a failing read for a hang-up, and opens the port again after a while', async () => {
    const ports = [new ScriptedLines(), new ScriptedLines()];
    let opened = 0;
    const { clock, transport, watcher } = start({ open: () => Promise.resolve(ports[opened++]) });
    await settle();
    await clock.advanceTo(100);
    ports[1].cts = true;
    ports[0].failure = new Error('Error: Input/output error, cannot get');
    await clock.advanceTo(120);
    expect(watcher.log.at(-1)).toBe('the line was hung up: the device does not answer (input/output error)');
    expect(ports[0].closed).toBe(1);
    await clock.advanceTo(244);
    expect(opened).toBe(1);
    await clock.advanceTo(246);
    // What the contact did meanwhile is not known.
    expect(watcher.log.slice(-2)).toEqual(['up', 'a3']);
    await transport.stop();
    expect(ports[1].closed).toBe(1);
  });

  it('says once why it cannot be opened or read, and goes on trying', async () => {
    const lines = new ScriptedLines();
    const failures = [
      new Error('Error: No such file or directory, cannot open /dev/ttyUSB0'),
      new Error('Error: No such file or directory, cannot open /dev/ttyUSB0'),
    ];
    lines.failure = new Error('Error: Inappropriate ioctl for device, cannot get');
    const open = () => {
      const failure = failures.shift();
      return failure ? Promise.reject(failure) : Promise.resolve(lines);
    };
    const { clock, transport, watcher } = start({ open });
    await settle();
    await clock.advanceTo(10_000);
    expect(watcher.log).toEqual([
      'no such device: it is not plugged in, or has another name',
      'has no modem lines: use a serial port or USB adapter that has CTS, DSR or DCD',
    ]);
    expect(lines.closed).toBe(lines.reads);
    expect(lines.reads).toBeGreaterThan(3);
    await transport.stop();
    const { reads } = lines;
    await clock.advanceTo(100_000);
    expect(lines.reads).toBe(reads);
  });

  it('closes a port that opens only after the stop, and can be started again', async () => {
    const resolvers: ((lines: ModemLines) => void)[] = [];
    const open = () => new Promise<ModemLines>((resolve) => void resolvers.push(resolve));
    const { transport, watcher } = start({ open });
    await settle();
    const stopped = transport.stop();
    const second = new Watcher();
    transport.start(second);
    const late = new ScriptedLines();
    resolvers[0](late);
    await stopped;
    expect(late.closed).toBe(1);
    await settle();
    resolvers[1](new ScriptedLines());
    await settle();
    expect(watcher.log).toEqual([]);
    expect(second.log).toEqual(['up', 'a2']);
    await transport.stop();
    await transport.stop();
  });

  it('tells nothing of a read that answers after the stop', async () => {
    const lines = new ScriptedLines();
    const { transport, watcher } = start({ open: () => Promise.resolve(lines) });
    await settle();
    lines.cts = true;
    transport.poll();
    transport.poll();
    expect(lines.reads).toBe(2);
    await transport.stop();
    await settle();
    expect(watcher.log).toEqual(['up', 'a2']);
  });

  it.each(['Inappropriate ioctl for device', 'ENOTTY', 'Invalid argument'])('explains "%s"', (reason) => {
    expect(explainReadFailure(new Error(`Error: ${reason}, cannot get`))).toContain('has no modem lines');
  });
});

describe.skipIf(!haveSocat)('ContactTransport on a pseudo-terminal (skipped where socat is missing)', () => {
  it('says that there are no modem lines, and holds no lock', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'contact-test-'));
    const [far, near] = [join(folder, 'far'), join(folder, 'near')];
    const socat = spawn('socat', [`pty,raw,echo=0,link=${far}`, `pty,raw,echo=0,link=${near}`], { stdio: 'ignore' });
    const until = async (condition: () => boolean) => {
      for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    try {
      await until(() => existsSync(near));
      const watcher = new Watcher();
      const options = { path: near, line: 'cts', clock: realClock(), random: () => 0.5 } as const;
      const transport = new ContactTransport(options);
      transport.start(watcher);
      await until(() => watcher.log.length > 0);
      await transport.stop();
      expect(watcher.log).toEqual(['has no modem lines: use a serial port or USB adapter that has CTS, DSR or DCD']);
      const other = new ContactTransport(options);
      const second = new Watcher();
      other.start(second);
      await until(() => second.log.length > 0);
      await other.stop();
      expect(second.log).toEqual(watcher.log);
    } finally {
      socat.kill();
      rmSync(folder, { recursive: true });
    }
  });
});
