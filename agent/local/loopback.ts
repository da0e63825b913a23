/** Metrics over TCP, for a Prometheus agent on the box that cannot read a unix socket. Only this machine reaches it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AgentError, reasonOf } from '../errors.ts';
import { sendMetrics, sendText } from './answers.ts';

const ADDRESS = '127.0.0.1';
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 8;
const MAX_HEADER_BYTES = 8_192;
const PLAIN = 'text/plain; charset=utf-8';

export interface LoopbackOptions {
  /** TCP port on 127.0.0.1; 0 for any free one. */
  port: number;
  /** Prometheus text format 0.0.4. */
  metrics(): string | Promise<string>;
}

export interface Loopback {
  port: number;
  stop(): Promise<void>;
}

/** Serves `GET /metrics` and nothing else. Throws `metrics_port_taken` and `metrics_port_unusable`. */
export async function startLoopback({ port, metrics }: LoopbackOptions): Promise<Loopback> {
  const limits = { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES };
  const server = createServer(limits, (request, response) => {
    answer(request, response, metrics).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, port)));
    server.listen(port, ADDRESS, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: LoopbackOptions['metrics'],
): Promise<void> {
  // A page in somebody's browser can reach this port under a name that it had resolved to 127.0.0.1 (DNS rebinding);
  // the header then still holds that name.
  if (!isThisMachine(request.headers.host)) {
    return sendText(response, 403, PLAIN, `expected the host localhost or ${ADDRESS}\n`);
  }
  if (request.url?.split('?', 1)[0] !== '/metrics') {
    return sendText(response, 404, PLAIN, 'expected GET /metrics\n');
  }
  if (request.method !== 'GET') {
    response.setHeader('allow', 'GET');
    return sendText(response, 405, PLAIN, 'expected GET /metrics\n');
  }
  try {
    sendMetrics(response, await metrics());
  } catch {
    sendText(response, 500, PLAIN, 'the metrics could not be made; the log of the daemon says more\n');
  }
}

function isThisMachine(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host);
}

function explain(error: NodeJS.ErrnoException, port: number): AgentError {
  const options = { cause: error };
  if (error.code === 'EADDRINUSE') {
    const message = `expected port ${port} of ${ADDRESS} to be free for metrics, found another program on it`;
    const hint = `See which: ss -ltnp 'sport = :${port}'. Then end it, or set another "metrics.port" in the settings.`;
    return new AgentError('metrics_port_taken', message, hint, options);
  }
  const message = `cannot serve metrics on port ${port} of ${ADDRESS}: ${reasonOf(error)}`;
  return new AgentError('metrics_port_unusable', message, 'Set another "metrics.port" in the settings.', options);
}
