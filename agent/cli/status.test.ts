import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatusDocument } from '../local/document.ts';
import { type LocalServer, startLocalServer } from '../local/server.ts';
import { degraded, notCounting, well } from './view/samples.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const SETTINGS = (runtime: string) => `
tenant: acme
gateway: gw
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [{ id: a, driver: wifi-lines, port: /dev/a, zone: shop }]
runtime_directory: ${runtime}
`;

let directory: string;
let server: LocalServer | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'status-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(directory, { recursive: true });
});

async function serve(document: StatusDocument): Promise<string> {
  await server?.stop();
  const path = join(directory, 'footfall.sock');
  server = await startLocalServer({ path, routes: { status: () => document } });
  return path;
}

function run(words: string[], nodeOptions: string[] = []) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(process.execPath, [...nodeOptions, MAIN, ...words], (_error, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
}

describe('footfall status', () => {
  it('ends with a code for each verdict, and with 3 when nobody answers', async () => {
    const codes: number[] = [];
    for (const document of [well, degraded, notCounting]) {
      codes.push((await run(['status', '--socket', await serve(document)])).code);
    }
    expect(codes).toEqual([0, 1, 2]);
    const { code, out, err } = await run(['status', '--socket', join(directory, 'none.sock')]);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toContain('no daemon on');
  });

  it('prints the document as it is, or the screen without colour in a pipe', async () => {
    const path = await serve(well);
    expect(JSON.parse((await run(['status', '--socket', path, '--json'])).out)).toEqual(well);
    const { out } = await run(['status', '--socket', path]);
    expect(out).toMatch(/^● COUNTING/);
    expect(out).not.toContain('\u001b');
  });

  it('finds the socket by the settings, and never calls broken settings degraded', async () => {
    await serve(well);
    const file = join(directory, 'settings.yaml');
    writeFileSync(file, SETTINGS(directory));
    expect((await run(['status', '--settings', file])).out).toMatch(/^● COUNTING/);
    writeFileSync(file, SETTINGS('relative'));
    expect(await run(['status', '--settings', file])).toMatchObject({ code: 3, out: '' });
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
    expect(out).toBe(`${file}:6:20: at runtime_directory: ${message}\n1 mistake\n`);
    const json = await run(['config', 'check', file, '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toEqual({
      ok: false,
      mistakes: [{ line: 6, column: 20, path: 'runtime_directory', message }],
    });
  });
});
