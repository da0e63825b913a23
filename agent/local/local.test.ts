import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { well } from '../cli/view/samples.fixture.ts';
import { AgentError } from '../errors.ts';
import { requestLocal } from './client.ts';
import { type LocalRoutes, type LocalServer, startLocalServer } from './server.ts';

let directory: string;
let path: string;
let running: LocalServer[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-'));
  path = join(directory, 'run', 'footfall.sock');
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  rmSync(directory, { recursive: true });
});

async function start(routes: Partial<LocalRoutes> = {}): Promise<LocalServer> {
  const server = await startLocalServer({ path, routes: { status: () => well, ...routes } });
  running.push(server);
  return server;
}

/** The bare answer, as another client than ours sees it. */
function raw(
  method: string,
  route: string,
  body: string | Buffer[] = '',
): Promise<{ status: number; allow: string; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: path, method, path: route }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, allow: response.headers.allow ?? '', text }),
      );
    });
    asked.on('error', reject);
    for (const part of typeof body === 'string' ? [body] : body) asked.write(part);
    asked.end();
  });
}

describe('the local socket', () => {
  it('answers with the status document, to its group and nobody else', async () => {
    await start();
    expect(await requestLocal(path, 'GET', '/status')).toEqual(well);
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('moves the clock where it is virtual, and has no such route where it is real', async () => {
    const server = await start({ advance: async (body) => ({ moved: body }) });
    expect(await requestLocal(path, 'POST', '/clock/advance', { to_ms: 5 })).toEqual({ moved: { to_ms: 5 } });
    await server.stop();
    await start();
    await expect(requestLocal(path, 'POST', '/clock/advance', {})).rejects.toMatchObject({ code: 'route_unknown' });
  });

  it('passes an error of the daemon on, and tells its own failures from wrong questions', async () => {
    await start({
      status: () => {
        throw new Error('broken inside');
      },
      advance: async () => {
        throw new AgentError('clock_backwards', 'expected a later time', 'Go on.');
      },
    });
    await expect(requestLocal(path, 'POST', '/clock/advance', {})).rejects.toMatchObject({
      code: 'clock_backwards',
      message: 'expected a later time',
      hint: 'Go on.',
    });
    expect((await raw('GET', '/status')).status).toBe(500);
    expect((await raw('POST', '/clock/advance', '{')).status).toBe(400);
  });

  it('refuses unknown routes, methods and large bodies in words', async () => {
    await start({ advance: async () => ({}) });
    expect(await raw('GET', '/nothing')).toMatchObject({ status: 404, text: expect.stringContaining('GET /status') });
    expect(await raw('POST', '/status')).toMatchObject({ status: 405, allow: 'GET' });
    expect(await raw('GET', '/clock/advance')).toMatchObject({ status: 405, allow: 'POST' });
    const megabyte = Array.from({ length: 16 }, () => Buffer.alloc(65_536, 32));
    expect(await raw('POST', '/clock/advance', megabyte)).toMatchObject({ status: 413 });
    expect((await raw('POST', '/clock/advance', `${' '.repeat(65_534)}{}`)).status).toBe(200);
  });

  it('goes away with its socket', async () => {
    const server = await start();
    await server.stop();
    expect(existsSync(path)).toBe(false);
    await server.stop();
  });

  it('stops while a client holds a connection open', async () => {
    const server = await start({ advance: () => new Promise(() => {}) });
    const asked = requestLocal(path, 'POST', '/clock/advance', {});
    const failed = expect(asked).rejects.toMatchObject({ code: 'daemon_unreachable' });
    await raw('GET', '/status');
    await server.stop();
    await failed;
  });
});

describe('a socket that is already there', () => {
  it('is left to a daemon that answers', async () => {
    await start();
    await expect(startLocalServer({ path, routes: { status: () => well } })).rejects.toMatchObject({
      code: 'daemon_already_running',
    });
    expect(await requestLocal(path, 'GET', '/status')).toEqual(well);
  });

  it('is replaced when its daemon is dead', async () => {
    await (await start()).stop();
    const { spawnSync } = await import('node:child_process');
    // A process that binds the socket and is killed leaves the file behind.
    spawnSync(process.execPath, [
      '-e',
      'require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))',
      path,
    ]);
    expect(existsSync(path)).toBe(true);
    await expect(requestLocal(path, 'GET', '/status')).rejects.toMatchObject({ code: 'daemon_not_running' });
    await start();
    expect(await requestLocal(path, 'GET', '/status')).toEqual(well);
  });

  it('is never removed when it is another kind of file', async () => {
    path = join(directory, 'precious');
    writeFileSync(path, 'keep');
    await expect(startLocalServer({ path, routes: { status: () => well } })).rejects.toMatchObject({
      code: 'socket_path_taken',
    });
    expect(statSync(path).size).toBe(4);
  });
});

describe('a question to the socket', () => {
  it('says that no daemon runs', async () => {
    await expect(requestLocal(path, 'GET', '/status')).rejects.toMatchObject({
      code: 'daemon_not_running',
      message: `no daemon on ${path}: there is no such socket`,
      hint: expect.stringContaining('systemctl start footfall'),
    });
  });

  it('names the group that may ask', async () => {
    await start();
    chmodSync(path, 0o000);
    // Root may open everything, so it is nobody for a moment.
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65_534);
    try {
      await expect(requestLocal(path, 'GET', '/status')).rejects.toMatchObject({
        code: 'socket_denied',
        message: expect.stringMatching(/members of the group \S+ may/),
      });
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it('does not wait for ever, and knows an answer that is none', async () => {
    await (await start()).stop();
    const listen = async (answer: string | null): Promise<Server> => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.resume();
        if (answer !== null) socket.end(answer);
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      return server;
    };
    const silent = await listen(null);
    await expect(requestLocal(path, 'GET', '/status', undefined, 50)).rejects.toMatchObject({ code: 'daemon_silent' });
    await new Promise((resolve) => silent.close(resolve));
    const other = await listen('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello');
    await expect(requestLocal(path, 'GET', '/status')).rejects.toMatchObject({ code: 'answer_invalid' });
    await new Promise((resolve) => other.close(resolve));
  });
});
