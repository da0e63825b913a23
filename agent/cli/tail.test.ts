import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalServer, startLocalServer, type TailFilter } from '../local/server.ts';
import type { TailEvent } from '../local/tail.ts';
import { Tap } from '../tap.ts';
import { well } from './view/samples.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const AT = Date.UTC(2026, 2, 2, 12, 12, 7, 42);

let directory: string;
let path: string;
let tap: Tap;
let filters: TailFilter[];
let server: LocalServer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tail-'));
  path = join(directory, 'footfall.sock');
  tap = new Tap(() => AT);
  filters = [];
  server = await startLocalServer({
    path,
    routes: {
      status: () => well,
      tail: (filter, sink) => {
        filters.push(filter);
        return tap.listen(filter, sink);
      },
    },
  });
});
afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

interface Run {
  child: ChildProcessByStdio<null, Readable, Readable>;
  ended: Promise<{ code: number | null; out: string; err: string }>;
  out: () => string;
}

function run(...words: string[]): Run {
  const child = spawn(process.execPath, [MAIN, 'tail', '--socket', path, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended, out: () => out };
}

async function waitFor(what: string, probe: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!probe()) {
    if (performance.now() > deadline) throw new Error(`waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const listening = (): Promise<void> => waitFor('the tail', () => tap.listening);

function tellMessage(sequence: number): void {
  tap.message({ direction: 'out', what: 'batch', sequences: [sequence], bytes: 512 });
}

describe('footfall tail', () => {
  it('prints a line an event in the time of the store, and ends at Ctrl-C with 0', async () => {
    const { child, ended, out } = run();
    await listening();
    tellMessage(7);
    tap.health({ atMs: AT, code: 'sensor_down', subject: 'main-door', change: 'began', message: 'unplugged' });
    await waitFor('two lines', () => out().split('\n').length === 3);
    child.kill('SIGINT');
    expect(await ended).toEqual({
      code: 0,
      err: '',
      out:
        '13:12:07.042  message   sent  batch 7  512 B\n' +
        '13:12:07.042  health    main-door   began  sensor_down: unplugged\n',
    });
    await waitFor('the daemon to let go', () => !tap.listening);
  });

  it('asks for what is named, and prints JSON lines as they came', async () => {
    const { ended } = run('main-door', 'till', '--kind', 'door,health', '-k', 'message', '--json', '--limit', '2');
    await listening();
    expect(filters).toEqual([{ sensors: ['main-door', 'till'], kinds: ['door', 'health', 'message'] }]);
    for (const sequence of [1, 2, 3]) tellMessage(sequence);
    const { code, out } = await ended;
    expect(code).toBe(0);
    const events = out
      .trimEnd()
      .split('\n')
      .map((line): TailEvent => JSON.parse(line));
    expect(events).toEqual(
      [1, 2].map((sequence) => ({
        kind: 'message',
        at_ms: AT,
        direction: 'out',
        what: 'batch',
        sequences: [sequence],
        bytes: 512,
      })),
    );
  });

  it('ends by itself when its time is over', async () => {
    expect(await run('--for', '0.2').ended).toEqual({ code: 0, out: '', err: '' });
  });

  it('tells the sensors there are for one that is not, and the kinds for one that is none', async () => {
    const unknown = await run('front-wifi', 'frontdoor').ended;
    expect(unknown).toMatchObject({ code: 64, out: '' });
    expect(unknown.err).toContain('received "frontdoor"');
    expect(unknown.err).toContain('There are: front-wifi, main-door, till');
    const wrong = await run('--kind', 'door,noise').ended;
    expect(wrong).toMatchObject({ code: 64, out: '', err: expect.stringContaining('received "noise"') });
    expect((await run('--limit', '0').ended).code).toBe(64);
    expect(filters).toEqual([]);
  });

  it('says so when the daemon ends, and when there is none', async () => {
    const { ended } = run();
    await listening();
    tellMessage(7);
    await server.stop();
    const { code, out, err } = await ended;
    expect([code, out.split('\n').length]).toEqual([3, 2]);
    expect(err).toContain(`the daemon on ${path} ended`);
    const none = await run().ended;
    expect(none).toMatchObject({ code: 3, out: '', err: expect.stringContaining('no daemon on') });
  });

  it('ends in silence when its reader has seen enough', async () => {
    const words = [MAIN, 'tail', '--json', '--socket', path].map((word) => `'${word}'`).join(' ');
    const shell = spawn('sh', ['-c', `{ '${process.execPath}' ${words}; echo "code $?" >&2; } | head -1`]);
    let printed = '';
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    }
    const closed = new Promise<void>((resolve) => shell.once('close', () => resolve()));
    await listening();
    let sequence = 0;
    await waitFor('the end', () => {
      tellMessage(++sequence);
      return printed.includes('code');
    });
    await closed;
    expect(printed.split('\n')).toEqual([expect.stringContaining('"sequences":[1]'), 'code 0', '']);
  });

  it('says that its output cannot be written', async () => {
    const shell = spawn('sh', ['-c', `'${process.execPath}' '${MAIN}' tail --socket '${path}' > /dev/full`]);
    let err = '';
    shell.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const closed = new Promise<number | null>((resolve) => shell.once('close', resolve));
    await listening();
    tellMessage(1);
    expect(await closed).toBe(1);
    expect(err).toContain('cannot write the output');
  });

  it('is quick to help, with its exit codes and examples', () => {
    const help = execFileSync(process.execPath, [MAIN, 'tail', '--help'], { encoding: 'utf8' });
    expect(help).toContain('Exit codes: 0 ended as asked');
    expect(help).toContain('Examples:');
  });
});
