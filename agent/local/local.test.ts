import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { well } from '../cli/view/samples.fixture.ts';
import { AgentError } from '../errors.ts';
import { requestLocal, streamLocal } from './client.ts';
import { type LocalRoutes, type LocalServer, startLocalServer, type TailFilter } from './server.ts';
import type { TailEvent } from './tail.ts';

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
): Promise<{ status: number; allow: string; type: string; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: path, method, path: route }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          allow: response.headers.allow ?? '',
          type: response.headers['content-type'] ?? '',
          text,
        }),
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

  it('takes no question about dead letters that is not well-formed', async () => {
    const asked: unknown[] = [];
    const note = async (what: unknown) => {
      asked.push(what);
      return [];
    };
    await start({ deadLetters: { list: note, body: async () => null, resend: note, drop: note } });
    for (const route of [
      '?limit=0',
      '?limit=1001',
      '?after=-1',
      '?after=x',
      '/body?sequence=1',
      '/body?sequence=1e3',
    ]) {
      await expect(requestLocal(path, 'GET', `/dead-letters${route}`)).rejects.toThrow(/^expected /);
    }
    const tooMany = Array.from({ length: 4_001 }, (_, index) => index + 1);
    for (const sequences of [undefined, '1', [0], [1.5], ['1'], [null], tooMany]) {
      const question = requestLocal(path, 'POST', '/dead-letters/drop', { sequences });
      await expect(question).rejects.toMatchObject({ code: 'sequences_invalid' });
    }
    expect(asked).toEqual([]);
    expect(await requestLocal(path, 'GET', '/dead-letters?after=7&limit=9')).toEqual({ dead_letters: [] });
    expect(await requestLocal(path, 'POST', '/dead-letters/resend', { sequences: [1, 2] })).toEqual({ resent: [] });
    expect(asked).toEqual([{ after: 7, limit: 9 }, [1, 2]]);
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

describe('the routes that a daemon may have', () => {
  it('are told to whoever asks for another one, and are not there where the daemon has none', async () => {
    await start();
    for (const route of ['/health', '/log', '/metrics', '/tail']) {
      await expect(requestLocal(path, 'GET', route)).rejects.toMatchObject({ code: 'route_unknown' });
    }
    const bare = await raw('POST', '/reload');
    expect(bare).toMatchObject({ status: 404, text: expect.not.stringContaining('/clock/advance') });
  });

  it('reload the settings, tell the log and the newest changes of health', async () => {
    const change = { at_ms: 5, code: 'sensor_down', subject: 'a', change: 'began' as const, message: 'closed' };
    const limits: number[] = [];
    await start({
      reload: async () => ({ changed: ['log.level'] }),
      log: () => ['first', 'second'],
      health: async (limit) => {
        limits.push(limit);
        return [change];
      },
    });
    expect(await requestLocal(path, 'POST', '/reload')).toEqual({ changed: ['log.level'] });
    expect(await requestLocal(path, 'GET', '/log')).toEqual({ lines: ['first', 'second'] });
    expect(await requestLocal(path, 'GET', '/health')).toEqual({ changes: [change] });
    await requestLocal(path, 'GET', '/health?limit=20');
    expect(limits).toEqual([100, 20]);
    for (const limit of ['0', '-1', '1.5', 'x', '', '10001']) {
      await expect(requestLocal(path, 'GET', `/health?limit=${limit}`)).rejects.toMatchObject({
        code: 'limit_invalid',
      });
    }
    expect(await raw('GET', '/reload')).toMatchObject({ status: 405, allow: 'POST' });
  });

  it('give metrics as text', async () => {
    await start({ metrics: () => 'footfall_up 1\n' });
    expect(await raw('GET', '/metrics')).toMatchObject({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      text: 'footfall_up 1\n',
    });
  });
});

describe('a tail', () => {
  const sighting = (at_ms: number): TailEvent => ({
    kind: 'sighting',
    at_ms,
    sensor: 'front',
    device: '0123abcd',
    random: true,
    fingerprint: null,
    rssi: -60,
    channel: 6,
  });

  /** A server whose tails take what `tell` is given; and how many listen. */
  async function startTail() {
    const sinks = new Map<(event: TailEvent) => void, TailFilter>();
    const server = await start({
      tail: (filter, sink) => {
        if (filter.sensors.includes('refused')) throw new AgentError('sensor_unknown', 'there is no such sensor');
        sinks.set(sink, filter);
        return () => sinks.delete(sink);
      },
    });
    return { server, sinks, tell: (event: TailEvent) => [...sinks.keys()].forEach((sink) => void sink(event)) };
  }

  async function waitFor(probe: () => boolean): Promise<void> {
    while (!probe()) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  it('passes the filter on and streams each event as a line until the server stops', async () => {
    const { server, sinks, tell } = await startTail();
    const lines: string[] = [];
    const route = '/tail?sensor=front&sensor=back%20door&kind=sighting&kind=door';
    const ended = streamLocal(path, route, (line) => void lines.push(line), new AbortController().signal);
    await waitFor(() => sinks.size === 1);
    expect([...sinks.values()]).toEqual([{ sensors: ['front', 'back door'], kinds: ['sighting', 'door'] }]);
    tell(sighting(1));
    tell(sighting(2));
    await waitFor(() => lines.length === 2);
    // What is told in the very turn of the end still arrives.
    tell(sighting(3));
    await server.stop();
    await ended;
    expect(lines.map((line) => JSON.parse(line))).toEqual([sighting(1), sighting(2), sighting(3)]);
    expect(sinks.size).toBe(0);
  });

  it('is let go of when its reader goes, and ends at a signal without an error', async () => {
    const { sinks, tell } = await startTail();
    const stop = new AbortController();
    const lines: string[] = [];
    const ended = streamLocal(
      path,
      '/tail',
      (line) => {
        lines.push(line);
        stop.abort();
      },
      stop.signal,
    );
    await waitFor(() => sinks.size === 1);
    tell(sighting(1));
    tell(sighting(2));
    await ended;
    expect(lines).toHaveLength(1);
    await waitFor(() => sinks.size === 0);
  });

  it('refuses in words: an unknown kind, what the daemon refuses, and one tail too many', async () => {
    const { sinks } = await startTail();
    const stop = new AbortController();
    const stream = (route: string) => streamLocal(path, route, () => {}, stop.signal);
    await expect(stream('/tail?kind=noise')).rejects.toMatchObject({
      code: 'tail_kind_unknown',
      message: expect.stringContaining('sighting, ble, door'),
    });
    await expect(stream('/tail?sensor=refused')).rejects.toMatchObject({ code: 'sensor_unknown' });
    const tails = Array.from({ length: 8 }, () => stream('/tail'));
    await waitFor(() => sinks.size === 8);
    await expect(stream('/tail')).rejects.toMatchObject({ code: 'tails_too_many' });
    stop.abort();
    await Promise.all(tails);
    await waitFor(() => sinks.size === 0);
  });

  it('leaves events out for a reader that is behind, tells how many, and holds no other one up', async () => {
    const { sinks, tell } = await startTail();
    const stop = new AbortController();
    const TOTAL = 120_000;
    const slow: TailEvent[] = [];
    let quick = 0;
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const readSlowly = async (line: string): Promise<void> => {
      await gate;
      slow.push(JSON.parse(line));
    };
    const tails = [
      streamLocal(path, '/tail', readSlowly, stop.signal),
      streamLocal(path, '/tail', () => void quick++, stop.signal),
    ];
    await waitFor(() => sinks.size === 2);
    for (let at = 0; at < TOTAL; at++) {
      tell(sighting(at));
      // As much in a turn as a sensor at its fastest tells; the quick reader keeps up.
      if (at % 500 === 499) await waitFor(() => quick === at + 1);
    }
    open();
    const dropped = () => slow.reduce((sum, event) => sum + (event.kind === 'dropped' ? event.count : 0), 0);
    await waitFor(() => slow.length > 0 && slow.filter(({ kind }) => kind !== 'dropped').length + dropped() === TOTAL);
    const gap = slow.findIndex(({ kind }) => kind === 'dropped');
    const bytesBefore = slow.slice(0, gap).reduce((sum, event) => sum + JSON.stringify(event).length + 1, 0);
    // What the daemon holds, and what the kernel and the client hold of a socket.
    expect(bytesBefore).toBeLessThan(1_048_576 + 1_048_576);
    expect(bytesBefore).toBeGreaterThan(1_048_576 / 2);
    expect(dropped()).toBeGreaterThan(TOTAL / 2);
    // It goes on from there.
    tell(sighting(TOTAL));
    await waitFor(() => slow.at(-1)?.at_ms === TOTAL);
    stop.abort();
    await Promise.all(tails);
  });

  it('says that the daemon was killed', async () => {
    const { spawn } = await import('node:child_process');
    await (await start()).stop();
    const daemon = spawn(process.execPath, [
      '-e',
      `require("node:http").createServer((q, r) => { r.writeHead(200); r.write("one\\ntw"); })
        .listen(process.argv[1], () => console.log("up"))`,
      path,
    ]);
    await new Promise((resolve) => daemon.stdout.once('data', resolve));
    const lines: string[] = [];
    const tail = streamLocal(path, '/tail', (line) => void lines.push(line), new AbortController().signal);
    const failed = expect(tail).rejects.toMatchObject({ code: 'daemon_unreachable' });
    await waitFor(() => lines.length === 1);
    const dead = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGKILL');
    await failed;
    expect(lines).toEqual(['one']);
    // The kernel closes a dead process's sockets one after the other.
    await dead;
    await expect(streamLocal(path, '/tail', () => {}, new AbortController().signal)).rejects.toMatchObject({
      code: 'daemon_not_running',
    });
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
    const tail = streamLocal(path, '/tail', () => {}, new AbortController().signal, 50);
    await expect(tail).rejects.toMatchObject({ code: 'daemon_silent' });
    await new Promise((resolve) => silent.close(resolve));
    const other = await listen('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello');
    await expect(requestLocal(path, 'GET', '/status')).rejects.toMatchObject({ code: 'answer_invalid' });
    await new Promise((resolve) => other.close(resolve));
  });
});
