/** The daemon's local interface: HTTP with JSON over a unix socket, for the people on the box and for tests. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { AgentError, reasonOf } from '../errors.ts';
import type { StatusDocument } from './document.ts';

const BODY_LIMIT = 65_536;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 32;

export interface LocalRoutes {
  status(): StatusDocument | Promise<StatusDocument>;
  /** Moves a virtual clock; present only where there is one. The answer is sent as JSON. */
  advance?(body: unknown): Promise<unknown>;
}

export interface LocalServer {
  /** Ends open connections and removes the socket. */
  stop(): Promise<void>;
}

/**
 * Serves `GET /status`, and `POST /clock/advance` where there is a route for it, on the socket at `path` (mode 0660).
 * A socket that nobody answers on is a dead daemon's and is replaced. Throws `daemon_already_running`,
 * `socket_path_taken` and `socket_unusable`.
 */
export async function startLocalServer(options: { path: string; routes: LocalRoutes }): Promise<LocalServer> {
  const { path, routes } = options;
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request, response, routes).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    await removeStale(path);
    await listen(server, path);
    chmodSync(path, 0o660);
  } catch (error) {
    server.close();
    if (error instanceof AgentError) throw error;
    const hint = 'Check "runtime_directory" in the settings, and that this user may write there.';
    throw new AgentError('socket_unusable', `cannot open the socket ${path}: ${reasonOf(error)}`, hint, {
      cause: error,
    });
  }
  return { stop: () => close(server) };
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new AgentError(
      'socket_path_taken',
      `expected a socket or nothing at ${path}, found another kind of file`,
      'Move that file away, or name another "runtime_directory" in the settings.',
    );
  }
  if (await somebodyAnswers(path)) {
    throw new AgentError(
      'daemon_already_running',
      `another daemon answers on ${path}`,
      'Stop it first, or give this one a "runtime_directory" of its own.',
    );
  }
  unlinkSync(path);
}

function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog is a busy daemon, not a dead one.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, routes: LocalRoutes): Promise<void> {
  const route = (request.url ?? '').split('?', 1)[0];
  try {
    if (route === '/status') {
      if (request.method !== 'GET') return refuseMethod(response, 'GET');
      return send(response, 200, await routes.status());
    }
    if (route === '/clock/advance' && routes.advance) {
      if (request.method !== 'POST') return refuseMethod(response, 'POST');
      const body = await readBody(request);
      if (body === null) return refuseLarge(response);
      return send(response, 200, (await routes.advance(parseJson(body))) ?? {});
    }
    const known = routes.advance ? 'GET /status and POST /clock/advance' : 'GET /status';
    send(response, 404, failure('route_unknown', `expected ${known}, received ${request.method} ${route}`));
  } catch (error) {
    // A failure in our own code is told as one; only what was asked wrongly is the asker's.
    if (error instanceof AgentError) send(response, 400, failure(error.code, error.message, error.hint));
    else send(response, 500, failure('internal', reasonOf(error), 'The log of the daemon says more.'));
  }
}

/** The body's text, or null when it is too large; then it is read on but not kept, so that the answer gets through. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= BODY_LIMIT) chunks.push(chunk);
    else chunks = [];
  }
  return length > BODY_LIMIT ? null : Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AgentError('body_invalid', 'expected a body of JSON, received something else', '', { cause: error });
  }
}

function failure(code: string, message: string, hint = '') {
  return { error: { code, message, hint } };
}

function refuseMethod(response: ServerResponse, allowed: string): void {
  response.setHeader('allow', allowed);
  send(response, 405, failure('method_unknown', `expected ${allowed} on this route`));
}

function refuseLarge(response: ServerResponse): void {
  send(response, 413, failure('body_too_large', `expected a body of at most ${BODY_LIMIT} bytes, received more`));
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    // One question a connection: nothing is left open to wait for at the end.
    connection: 'close',
  });
  response.end(body);
}
