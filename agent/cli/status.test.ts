import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Child, findProgram, until } from '../../test/support/processes.ts';
import type { StatusDocument } from '../local/document.ts';
import { statusDocument } from '../local/document-schema.ts';
import type { HealthEntry } from '../local/routes.ts';
import { beginRun, readRunFacts } from '../local/run-record.ts';
import { type LocalServer, startLocalServer } from '../local/server.ts';
import { AT, degraded, notCounting, well } from './view/samples.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const SETTINGS = (runtime: string) => `
tenant: acme
gateway: gw
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [{ id: a, driver: wifi-lines, port: /dev/a, zone: shop }]
storage: { directory: ${directory}/data }
runtime_directory: ${runtime}
`;
const SCHEMA = new URL('../../config/status.schema.json', import.meta.url);
const SCRIPT = findProgram('script');

const CHANGES: HealthEntry[] = [
  { at_ms: AT - 60_000, code: 'sensor_down', subject: 'd', change: 'began', message: 'main-door: no such file.' },
  { at_ms: AT - 600_000, code: 'daemon_started', subject: '', change: 'event', message: 'Started.' },
];

let directory: string;
let server: LocalServer | undefined;
let children: Child[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'status-'));
});
afterEach(async () => {
  for (const child of children) await child.end('SIGKILL');
  children = [];
  await server?.stop();
  server = undefined;
  rmSync(directory, { recursive: true });
});

async function serve(document: StatusDocument): Promise<string> {
  await server?.stop();
  const path = join(directory, 'footfall.sock');
  server = await startLocalServer({
    path,
    routes: { status: () => document, health: async (limit) => CHANGES.slice(0, limit) },
  });
  return path;
}

function run(words: string[], nodeOptions: string[] = []) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [...nodeOptions, MAIN, ...words],
      { env: { ...process.env, STATE_DIRECTORY: join(directory, 'data') } },
      (_error, out, err) => {
        resolve({ code: child.exitCode ?? -1, out, err });
      },
    );
  });
}

describe('footfall status', () => {
  it('ends with a code for each verdict', async () => {
    const codes: number[] = [];
    for (const document of [well, degraded, notCounting]) {
      codes.push((await run(['status', '--socket', await serve(document)])).code);
    }
    expect(codes).toEqual([0, 1, 2]);
  });

  it('prints the document as it is, or the screen without colour in a pipe', async () => {
    const path = await serve(well);
    expect(JSON.parse((await run(['status', '--socket', path, '--json'])).out)).toEqual(well);
    const { out } = await run(['status', '--socket', path]);
    expect(out).toMatch(/^● COUNTING/);
    expect(out).not.toContain('\u001b');
  });

  it('shows what the settings lead to while nothing answers, and their mistakes', async () => {
    const file = join(directory, 'settings.yaml');
    writeFileSync(file, SETTINGS(directory));
    const found = await run(['status', '--settings', file]);
    expect(found).toMatchObject({ code: 3, err: '' });
    expect(found.out).toMatch(/^○ FIRST START: nothing has run here yet/);
    expect(found.out).toContain(`no daemon on ${directory}/footfall.sock`);
    await serve(well);
    expect((await run(['status', '--settings', file])).out).toMatch(/^● COUNTING/);
    writeFileSync(file, SETTINGS('relative'));
    const broken = await run(['status', '--settings', file, '--socket', join(directory, 'none.sock')]);
    expect(broken.code).toBe(3);
    expect(broken.out.replace(/\s+/g, ' ')).toContain('expected the absolute path of a directory, received "relative"');
    const missing = await run(['status', '--settings', `${file}.not`, '--socket', join(directory, 'none.sock')]);
    expect(missing.out).toContain(`there is no ${file}.not yet`);
  });

  it('keeps stdout JSON while nothing answers, whatever the reason', async () => {
    const none = await run(['status', '--json', '--socket', join(directory, 'none.sock')]);
    expect(none.code).toBe(3);
    expect(JSON.parse(none.out)).toMatchObject({
      v: 1,
      running: false,
      error: { code: 'daemon_not_running' },
      end: null,
      database: null,
    });
    const path = await serve({ ...well, v: 2 } as unknown as StatusDocument);
    const other = await run(['status', '--json', '--socket', path]);
    expect(other.code).toBe(3);
    expect(JSON.parse(other.out)).toMatchObject({ v: 1, running: null, error: { code: 'status_version' } });
    expect(other.err).toContain('expected status document version 1, received 2');
  });

  it('tells how the last run ended, and what the database of a daemon that was killed holds', async () => {
    const file = join(directory, 'settings.yaml');
    writeFileSync(file, SETTINGS(directory));
    const places = { directory: join(directory, 'data'), runtimeDirectory: directory };
    mkdirSync(places.directory);
    const start = { pid: 1, bootId: 'another', startedMs: well.at_ms, version: '0.1.0', settingsPath: file };
    beginRun(places, start, readRunFacts());
    const { out, code } = await run(['status', '--settings', file]);
    expect(code).toBe(3);
    expect(out).toMatch(/^○ NOT RUNNING {2}lost its power/);
    const told = JSON.parse((await run(['status', '--settings', file, '--json'])).out);
    expect(told).toMatchObject({ running: false, started_ms: well.at_ms, end: { how: 'power' } });
  });

  it('says of a daemon that takes the question and gives no answer that it hangs, and which process it is', async () => {
    const file = join(directory, 'settings.yaml');
    writeFileSync(file, SETTINGS(directory));
    const places = { directory: join(directory, 'data'), runtimeDirectory: directory };
    mkdirSync(places.directory);
    const facts = readRunFacts();
    const start = { pid: process.pid, bootId: facts.bootId, startedMs: well.at_ms, version: '0', settingsPath: file };
    beginRun(places, start, facts);
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(join(directory, 'footfall.sock'), resolve));
    const { out, code } = await run(['status', '--settings', file]);
    mute.close();
    expect(code).toBe(3);
    expect(out).toMatch(/^○ NOT ANSWERING/);
    expect(out).toContain(`process ${process.pid}) hangs`);
  });

  it('shows the newest changes of health', async () => {
    const path = await serve(well);
    expect(await run(['status', '--history', '1', '--socket', path])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^TIME .*\n13:11 {2}began .* so far {2}main-door: no such file\.\n$/),
    });
    const json = await run(['status', '--history', '--json', '--socket', path]);
    expect(JSON.parse(json.out).changes).toHaveLength(2);
    expect((await run(['status', '--history', '0'])).code).toBe(64);
  });

  it('refuses to watch without a terminal', async () => {
    const { code, err } = await run(['status', '--watch', '--socket', await serve(well)]);
    expect(code).toBe(64);
    expect(err).toContain('watch(1)');
    expect((await run(['status', '--watch', '--json'])).code).toBe(64);
    expect((await run(['status', '--watch', '0.1'])).code).toBe(64);
  });

  it('loads no heavy library when the socket is known', async () => {
    const trace = join(directory, 'loaded.mjs');
    // Tells each package that is loaded, at the end of the process.
    writeFileSync(
      trace,
      `import { registerHooks } from 'node:module';
       const loaded = new Set();
       registerHooks({ load(url, context, next) {
         const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
         if (name) loaded.add(name);
         return next(url, context);
       } });
       process.on('exit', () => process.stderr.write('packages: ' + [...loaded].join(' ')));`,
    );
    const { err } = await run(['status', '--socket', await serve(well)], ['--import', trace]);
    expect(err).toBe('packages: commander');
  });
});

describe('footfall status of a real daemon', () => {
  it('prints what the schema describes, and after a kill how it ended and what was wrong', async () => {
    const file = join(directory, 'settings.yaml');
    writeFileSync(file, SETTINGS(directory));
    const daemon = new Child('daemon', process.execPath, [MAIN, 'run', '--settings', file]);
    children.push(daemon);
    const printed = await until('the daemon', async () => {
      const { code, out } = await run(['status', '--json', '--settings', file]);
      return code === 2 ? out : null;
    });
    const document = JSON.parse(printed);
    const schema = JSON.parse(readFileSync(SCHEMA, 'utf8'));
    const validate = new Ajv2020({ allErrors: true, validateFormats: false }).compile(schema);
    expect([validate(document), validate.errors]).toEqual([true, null]);
    expect(Object.keys(document).sort()).toEqual(Object.keys(statusDocument.shape).sort());
    // The port is no device: the reason is written down before the kill.
    await until('the history', async () => {
      const { out } = await run(['status', '--history', '--settings', file]);
      return /began .* a: /.test(out);
    });
    await daemon.end('SIGKILL');
    const { code, out } = await run(['status', '--settings', file]);
    expect(code).toBe(3);
    expect(out).toMatch(/^○ NOT RUNNING {2}killed after \d\d:\d\d/);
    expect(out).toContain('nothing held · sealed through 0');
    expect(out).toMatch(/WRONG WHEN IT ENDED\n[\s\S]* {2}a: no such device/);
  });
});

describe.skipIf(SCRIPT === null)('footfall status --watch (skipped without script(1))', () => {
  /** On a terminal of 80 columns and `rows`; what it prints gathers in `output`. */
  function open(rows: number, words: string[]): Child {
    const command = ['stty', 'rows', rows, 'cols', '80', '&&', 'exec', process.execPath, MAIN, 'status', ...words];
    const env = { ...process.env, TERM: 'xterm', NO_COLOR: '1' };
    const child = new Child('status', SCRIPT!, ['-qec', command.join(' '), '/dev/null'], { env, keep: 200_000 });
    children.push(child);
    return child;
  }
  const shows = (child: Child, text: string) => until(text, () => child.output.includes(text));
  const ENTER = '\u001b[?1049h';
  const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';

  it('outlives the daemon, shows the next one by itself, and leaves the terminal as it was', async () => {
    const path = await serve(well);
    const child = open(40, ['--watch', '0.5', '--socket', path]);
    await shows(child, '● COUNTING');
    await serve(degraded);
    await shows(child, '◐ DEGRADED');
    await server?.stop();
    await shows(child, 'FIRST START');
    await serve(well);
    child.output = '';
    await shows(child, '● COUNTING');
    child.process.stdin?.write('q');
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.output.endsWith(LEAVE)).toBe(true);
  });

  it('cuts what a small terminal has no rows for, and ends on Ctrl-C', async () => {
    const child = open(10, ['--watch', '--socket', await serve(well)]);
    await shows(child, '... 15 more lines');
    expect(child.output).toContain(ENTER);
    expect(child.output).not.toContain('WINDOW');
    child.process.stdin?.write('\u0003');
    expect((await child.ended).code).toBe(0);
    expect(child.output.endsWith(LEAVE)).toBe(true);
  });

  it('restores the terminal on SIGTERM', async () => {
    const child = open(40, ['--watch', '--socket', await serve(well)]);
    await shows(child, 'q to end');
    const pid = await until('the process', () => childOf(child.pid));
    process.kill(pid, 'SIGTERM');
    expect((await child.ended).code).toBe(0);
    expect(child.output.endsWith(LEAVE)).toBe(true);
  });
});

/** The first child of a process, from proc(5). */
function childOf(pid: number): number | null {
  const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return first ? Number(first) : null;
}

describe('footfall config check', () => {
  it('says that a file is good, and what it says', async () => {
    const file = join(directory, 'settings.yaml');
    writeFileSync(file, SETTINGS('/run/footfall'));
    const { code, out } = await run(['config', 'check', file]);
    expect(code).toBe(0);
    expect(out).toBe(
      `${file}: no mistakes
  gateway acme/gw, store shop (UTC), windows of 15 min
  a: wifi-lines, zone shop
  no uplink: nothing is sent
`,
    );
    expect(JSON.parse((await run(['config', 'check', file, '--json'])).out)).toEqual({
      ok: true,
      mistakes: [],
    });
  });

  it('tells the mistakes, as lines and as JSON', async () => {
    const file = join(directory, 'settings.yaml');
    writeFileSync(file, SETTINGS('relative'));
    const { code, out } = await run(['config', 'check', file]);
    expect(code).toBe(1);
    const message = 'expected the absolute path of a directory, received "relative"';
    expect(out).toBe(`${file}:7:20: at runtime_directory: ${message}\n1 mistake\n`);
    const json = await run(['config', 'check', file, '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toEqual({
      ok: false,
      mistakes: [{ line: 7, column: 20, path: 'runtime_directory', message }],
    });
  });
});
