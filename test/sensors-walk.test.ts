/** `footfall sensors test` and `calibrate` as processes, on lines of their own and through a running daemon. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { doorLine } from '../drivers/simulator/encode/door-line.ts';
import { wifiLine } from '../drivers/simulator/encode/wifi-line.ts';
import { MAIN } from './support/gateway.ts';
import { Child, until } from './support/processes.ts';
import { Pty, SOCAT } from './support/pty.ts';
import { shopSettings } from './support/shop.ts';

const PHONE = Uint8Array.of(0x3c, 0x5a, 0xb4, 0x12, 0x34, 0x56);
const KEEP = 1_000_000;
/** For commands of which several run at once on a busy machine. */
const PATIENCE_MS = 60_000;

const scratch = mkdtempSync(join(tmpdir(), 'footfall-walk-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(SOCAT === null)('a technician at a sensor (needs socat)', () => {
  const settings = join(scratch, 'footfall.yaml');
  let wifi: Pty;
  let door: Pty;
  let children: Child[] = [];
  let totals = { in: 41, out: 40 };
  let seq = 0;

  beforeAll(async () => {
    wifi = await Pty.open(join(scratch, 'wifi'));
    door = await Pty.open(join(scratch, 'door'));
    mkdirSync(join(scratch, 'data'));
    writeFileSync(
      settings,
      shopSettings({
        directory: scratch,
        sensors: [
          { id: 'front', driver: 'wifi-lines', port: wifi.path, place: 'shop' },
          { id: 'main', driver: 'door-lines', port: door.path, place: 'main' },
          { id: 'gone', driver: 'door-lines', port: join(scratch, 'nothing'), place: 'back' },
        ],
      }),
    );
  }, PATIENCE_MS);
  afterEach(async () => {
    await Promise.all(children.map((child) => child.end('SIGKILL')));
    children = [];
  });
  afterAll(async () => {
    await wifi?.close();
    await door?.close();
  });

  /** Standard output apart, as `--json` has a program read it. */
  function run(...words: string[]) {
    const child = new Child('footfall sensors', process.execPath, [MAIN, 'sensors', ...words, '-s', settings], {
      keep: KEEP,
    });
    children.push(child);
    let out = '';
    child.process.stdout?.on('data', (text: string) => {
      out += text;
    });
    const closed = new Promise<number | null>((resolve) => child.process.once('close', (code) => resolve(code)));
    return { child, out: () => out, closed };
  }

  /** The same on a terminal. */
  function runAtTerminal(...words: string[]): Child {
    const env = { ...process.env, COMMAND: [process.execPath, MAIN, 'sensors', ...words, '-s', settings].join(' ') };
    const child = new Child(
      'terminal',
      SOCAT ?? '',
      ['-t1', '-', 'SYSTEM:$COMMAND; echo code $?,pty,setsid,ctty,stderr'],
      {
        env,
        keep: KEEP,
      },
    );
    children.push(child);
    return child;
  }

  /** Writes again and again, as nobody knows when a command has opened the line; until `stop`. */
  function repeat(write: () => Promise<void>, everyMs = 50): () => void {
    const timer = setInterval(() => void write().catch(() => undefined), everyMs);
    return () => clearInterval(timer);
  }

  const pass = (more: { in?: number; out?: number } = {}): Promise<void> => {
    totals = { in: totals.in + (more.in ?? 0), out: totals.out + (more.out ?? 0) };
    return door.write(doorLine({ boot: 7, seq: ++seq, ...totals, ms: seq * 1_000 }));
  };
  const burst = (rssi: number, source = PHONE): Promise<void> =>
    wifi.write(wifiLine({ fields: 6, source, channel: 6, rssi }));

  it(
    'hears a sniffer on its own line, tells its strength, and never its address',
    async () => {
      const stop = repeat(() => burst(-61));
      const { child, out, closed } = run('test', 'front', '--seconds', '2', '--json');
      expect(await closed).toBe(0);
      stop();
      const summary = JSON.parse(out());
      expect(summary).toMatchObject({ sensor: 'front', source: 'line', verdict: 'good', devices: 1, rejected: [] });
      expect(summary.rssi).toMatchObject({ median: -61, above_gate: 1 });
      expect(summary.frames).toBe(summary.readings);
      expect(summary.readings).toBeGreaterThan(3);
      expect(child.output.toLowerCase()).not.toMatch(/3c.?5a.?b4/);
    },
    PATIENCE_MS,
  );

  it(
    'tells what is wrong with a line: nothing, noise, or no line',
    async () => {
      const stop = repeat(() => wifi.write(Buffer.from('\u00f8\u00e0garbage\n', 'latin1')));
      const noisy = run('test', 'front', '--seconds', '2');
      expect(await noisy.closed).toBe(1);
      stop();
      expect(noisy.out()).toContain('MOSTLY REJECTED');
      const [quiet, gone] = [run('test', 'main', '--seconds', '1', '--json'), run('test', 'gone', '--seconds', '1')];
      expect([await quiet.closed, await gone.closed]).toEqual([1, 1]);
      expect(JSON.parse(quiet.out())).toMatchObject({ verdict: 'silent', frames: 0 });
      expect(gone.out()).toMatch(/DOWN[\s\S]*no such device/);
    },
    PATIENCE_MS,
  );

  it(
    'is wrong use for a sensor that is not there, a walk at a sniffer, a gate of a door, no terminal',
    async () => {
      const wrong = [
        ['test', 'nobody'],
        ['test', 'front', '--walk', '--auto-advance'],
        ['calibrate', 'main'],
        ['test', 'main', '--walk'],
        ['calibrate', 'front', '--for', '3d'],
      ].map((words) => run(...words));
      expect(await Promise.all(wrong.map(({ closed }) => closed))).toEqual([64, 64, 64, 64, 64]);
      expect(wrong[0].child.output).toContain('front, main, gone');
      expect(wrong[1].child.output).toContain('calibrate front --walk');
    },
    PATIENCE_MS,
  );

  it(
    'draws a screen on a terminal, ends on q, and leaves the terminal as it was',
    async () => {
      const stop = repeat(() => burst(-50));
      const terminal = runAtTerminal('test', 'front');
      await until('the screen', () => /HEARD.*front[\s\S]*median -50/.test(terminal.output), PATIENCE_MS);
      terminal.process.stdin?.write('q');
      await terminal.ended;
      stop();
      expect(terminal.output).toContain('\u001b[?1049l');
      expect(terminal.output).toMatch(/code 0\s*$/);
    },
    PATIENCE_MS,
  );

  /** Walks as it is told to, each passage counted as `counted` says. */
  async function walk(
    child: Child,
    passages: number,
    counted: (direction: 'in' | 'out') => { in?: number; out?: number },
  ) {
    let seen = 0;
    for (let number = 1; number <= 2 * passages; number++) {
      const direction = number % 2 === 1 ? 'in' : 'out';
      const prompt = `${number} of ${2 * passages}: walk ${direction.toUpperCase()}`;
      const from = seen;
      const find = (): number | null => {
        const at = child.output.indexOf(prompt, from);
        return at < 0 ? null : at;
      };
      seen = await until(prompt, find, PATIENCE_MS);
      await pass(counted(direction));
    }
  }

  it(
    'checks a door by itself: every passage right',
    async () => {
      const stop = repeat(() => pass());
      const { child, out, closed } = run('test', 'main', '--walk', '2', '--auto-advance', '0.4', '--json');
      await walk(child, 2, (direction) => ({ [direction]: 1 }));
      expect(await closed).toBe(0);
      stop();
      expect(JSON.parse(out())).toMatchObject({
        verdict: 'right',
        in: { asked: 2, right: 2, missing: 0, extra: 0 },
        out: { asked: 2, right: 2, missing: 0, extra: 0 },
        suggestion: null,
      });
    },
    PATIENCE_MS,
  );

  it(
    'suggests to swap a door that counts the other way round',
    async () => {
      const stop = repeat(() => pass());
      const { child, out, closed } = run('test', 'main', '--walk', '2', '--auto-advance', '0.4');
      await walk(child, 2, (direction) => ({ [direction === 'in' ? 'out' : 'in']: 1 }));
      expect(await closed).toBe(1);
      stop();
      expect(out()).toContain('IT COUNTS THE OTHER WAY ROUND');
      expect(out()).toContain('swap: true');
    },
    PATIENCE_MS,
  );

  it(
    'goes on at Enter, and repeats a passage that only told where the totals stand',
    async () => {
      const terminal = runAtTerminal('test', 'main', '--walk', '1');
      const asked = (text: string) => until(text, () => terminal.output.includes(text), PATIENCE_MS);
      await asked('1 of 2: walk IN');
      await pass({ in: 1 });
      terminal.process.stdin?.write('\r');
      await asked('told only where its totals stand');
      await until('the question again', () => terminal.output.split('1 of 2: walk IN').length > 2, PATIENCE_MS);
      const before = terminal.output.length;
      await pass({ in: 1 });
      terminal.process.stdin?.write('\r');
      await until('the next', () => terminal.output.indexOf('2 of 2: walk OUT', before) >= 0, PATIENCE_MS);
      await pass({ out: 1 });
      terminal.process.stdin?.write('\r');
      await terminal.ended;
      expect(terminal.output).toMatch(/EVERY PASSAGE WAS COUNTED RIGHT[\s\S]*code 0\s*$/);
    },
    PATIENCE_MS,
  );

  it(
    'ends a walk at Ctrl-C with 130 and no verdict',
    async () => {
      const terminal = runAtTerminal('test', 'main', '--walk');
      await until('the question', () => terminal.output.includes('1 of 10: walk IN'), PATIENCE_MS);
      terminal.process.stdin?.write('\u0003');
      await terminal.ended;
      expect(terminal.output).toMatch(/Ended before it was done[\s\S]*code 130\s*$/);
      expect(terminal.output).not.toMatch(/COUNTED/);
    },
    PATIENCE_MS,
  );

  it(
    'finds a gate by a walk with a phone, and lays it over the settings file',
    async () => {
      const before = readFileSync(settings, 'utf8');
      const words = [
        'calibrate',
        'front',
        '--walk',
        '--seconds',
        '10',
        '--auto-advance',
        '--json',
        '--apply',
        '--for',
        '2h',
      ];
      const { child, out, closed } = run(...words);
      let turn = 0;
      const stop = repeat(() => {
        const levels = { near: -40, inside: -60, outside: -82 };
        const place = child.output.includes('3 of 3') ? 'outside' : child.output.includes('2 of 3') ? 'inside' : 'near';
        // A random address for each burst, as phones have them.
        return burst(levels[place] + (turn++ % 5), Uint8Array.of(0x02, 0, 0, 0, turn >> 8, turn & 0xff));
      }, 200);
      expect(await closed).toBe(0);
      stop();
      const found = JSON.parse(out());
      expect(found).toMatchObject({
        gate_now_dbm: -70,
        evidence: { by: 'walk', strength: 'weak', phone: 'strongest' },
      });
      expect(found.gate_dbm).toBeGreaterThanOrEqual(-78);
      expect(found.gate_dbm).toBeLessThan(-60);
      expect(found.line).toBe(`gate_dbm: ${found.gate_dbm}`);
      expect(readFileSync(settings, 'utf8')).toBe(before);
      const list = new Child('config', process.execPath, [MAIN, 'config', 'override', '-s', settings, '--json']);
      await list.ended;
      expect(JSON.parse(list.output)).toEqual([
        { key: 'sensors.front.gate_dbm', value: found.gate_dbm, until_ms: found.override_until_ms },
      ]);
    },
    2 * PATIENCE_MS,
  );

  it(
    'gives no number without enough bursts',
    async () => {
      const { out, closed } = run('calibrate', 'front', '--minutes', '0.03', '--json', '--apply');
      expect(await closed).toBe(1);
      expect(JSON.parse(out())).toMatchObject({ gate_dbm: null, line: null, override_until_ms: null });
    },
    PATIENCE_MS,
  );

  it(
    'listens through the daemon where one runs, and tells when that has ended',
    async () => {
      const daemon = new Child('footfall run', process.execPath, [MAIN, 'run', '-s', settings], { keep: KEEP });
      children.push(daemon);
      await until('the daemon', () => daemon.output.includes('"msg":"sensor up"'), PATIENCE_MS, 50);
      const stop = repeat(() => Promise.all([burst(-64), pass()]).then(() => undefined));
      const [sniffer, walked] = [
        run('test', 'front', '--seconds', '2', '--json'),
        run('test', 'main', '--walk', '1', '--auto-advance', '0.5', '--json'),
      ];
      await walk(walked.child, 1, (direction) => ({ [direction]: 1 }));
      expect([await sniffer.closed, await walked.closed]).toEqual([0, 0]);
      expect(JSON.parse(sniffer.out())).toMatchObject({ source: 'daemon', verdict: 'good', devices: 1 });
      expect(JSON.parse(walked.out())).toMatchObject({ source: 'daemon', verdict: 'right' });
      const long = run('test', 'front', '--seconds', '60');
      await until('a line', () => /frames [1-9]/.test(long.child.output), PATIENCE_MS);
      await daemon.end('SIGTERM');
      expect(await long.closed).toBe(3);
      stop();
    },
    2 * PATIENCE_MS,
  );
});
