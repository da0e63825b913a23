import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { type Loopback, startLoopback } from './loopback.ts';

const TEXT = '# HELP footfall_up The daemon answers.\n# TYPE footfall_up gauge\nfootfall_up 1\n';
let running: Loopback[] = [];

afterEach(async () => {
  await Promise.all(running.map((loopback) => loopback.stop()));
  running = [];
});

async function start(metrics: () => string | Promise<string> = () => TEXT): Promise<Loopback> {
  const loopback = await startLoopback({ port: 0, metrics });
  running.push(loopback);
  return loopback;
}

interface Answer {
  status: number;
  type: string;
  allow: string;
  text: string;
}

function ask(port: number, path: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', host = `127.0.0.1:${port}` } = options;
    const asked = request({ port, host: '127.0.0.1', path, method, headers: { host } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      const { 'content-type': type = '', allow = '' } = response.headers;
      response.on('end', () => resolve({ status: response.statusCode ?? 0, type, allow, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('metrics on the loopback', () => {
  it('are given as Prometheus asks for them, and nothing else is', async () => {
    const { port } = await start();
    expect(await ask(port, '/metrics')).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      allow: '',
      text: TEXT,
    });
    expect((await ask(port, '/metrics?name[]=footfall_up')).status).toBe(200);
    expect(await ask(port, '/metrics', { method: 'POST' })).toMatchObject({ status: 405, allow: 'GET' });
    for (const path of ['/', '/status', '/tail', '/metrics/']) expect((await ask(port, path)).status).toBe(404);
  });

  it('are refused to a page that came by a name of its own (DNS rebinding)', async () => {
    const { port } = await start();
    for (const host of ['localhost', `localhost:${port}`, 'LOCALHOST:9000', '127.0.0.1', '[::1]:9000']) {
      expect((await ask(port, '/metrics', { host })).status, host).toBe(200);
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.nip.io',
      '10.0.0.1',
    ]) {
      expect((await ask(port, '/metrics', { host })).status, host).toBe(403);
    }
  });

  it('are on the loopback address only', async () => {
    const { port } = await start();
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of others) {
      const reached = await new Promise((resolve) => {
        const socket = connect(port, address);
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('close', () => socket.destroy());
      });
      expect(reached, address).toBe(false);
    }
    // 127.0.0.2 is this machine too, and not bound either: not every address was taken.
    const second = connect(port, '127.0.0.2');
    await expect(
      new Promise((resolve, reject) => second.once('connect', resolve).once('error', reject)),
    ).rejects.toThrow();
  });

  it('tell a failure without its details', async () => {
    const { port } = await start(() => Promise.reject(new Error('inside')));
    expect(await ask(port, '/metrics')).toMatchObject({ status: 500, text: expect.not.stringContaining('inside') });
  });

  it('say in words that the port is taken', async () => {
    const { port } = await start();
    await expect(startLoopback({ port, metrics: () => TEXT })).rejects.toMatchObject({
      code: 'metrics_port_taken',
      message: `expected port ${port} of 127.0.0.1 to be free for metrics, found another program on it`,
      hint: expect.stringContaining('metrics.port'),
    });
  });

  it('let the port go when they stop, whoever holds a connection open', async () => {
    const first = await start(() => new Promise(() => {}));
    const failed = expect(ask(first.port, '/metrics')).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await first.stop();
    await failed;
    const again = await startLoopback({ port: first.port, metrics: () => TEXT });
    running.push(again);
    expect((await ask(again.port, '/metrics')).status).toBe(200);
  });
});
