/** The daemon's local interface: HTTP with JSON over a unix socket, for the people on the box and for tests. */
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { AgentError, reasonOf } from '../errors.ts';
import { claimSocketPath } from '../socket-path.ts';
import { sendFailure } from './answers.ts';
import { type LocalRoutes, type Route, tableOf } from './routes.ts';
import { TailStreams } from './tail-stream.ts';

export type { HealthEntry, LocalRoutes, TailFilter } from './routes.ts';

/** For the question to arrive; an answer may go on for as long as somebody reads it. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 32;

export interface LocalServer {
  /** Ends open connections and removes the socket. */
  stop(): Promise<void>;
}

/**
 * Serves `routes` on the socket at `path` (mode 0660); agent/local/routes.ts is the table of what can be asked. A socket
 * that nobody answers on is a dead daemon's and is replaced. Throws `daemon_already_running`, `socket_path_taken` and
 * `socket_unusable`.
 */
export async function startLocalServer(options: { path: string; routes: LocalRoutes }): Promise<LocalServer> {
  const { path, routes } = options;
  const streams = new TailStreams();
  const table = tableOf(routes, streams);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request, response, table).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    await makeWay(path);
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
  return {
    stop: () => {
      streams.end();
      return close(server);
    },
  };
}

async function makeWay(path: string): Promise<void> {
  const found = await claimSocketPath(path);
  if (found === 'file') {
    throw new AgentError(
      'socket_path_taken',
      `expected a socket or nothing at ${path}, found another kind of file`,
      'Move that file away, or name another "runtime_directory" in the settings.',
    );
  }
  if (found === 'answered') {
    throw new AgentError(
      'daemon_already_running',
      `another daemon answers on ${path}`,
      'Stop it first, or give this one a "runtime_directory" of its own.',
    );
  }
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

async function answer(request: IncomingMessage, response: ServerResponse, table: Route[]): Promise<void> {
  const [path = '', query = ''] = splitAt(request.url ?? '', '?');
  const here = table.filter((route) => route.path === path);
  const route = here.find(({ method }) => method === request.method);
  try {
    if (route) await route.answer({ query: new URLSearchParams(query), request, response });
    else if (here.length > 0) refuseMethod(response, here.map(({ method }) => method).join(', '));
    else {
      const known = table.map((known) => `${known.method} ${known.path}`).join(', ');
      sendFailure(response, 404, 'route_unknown', `expected one of ${known}; received ${request.method} ${path}`);
    }
  } catch (error) {
    // A failure in our own code is told as one; only what was asked wrongly is the asker's.
    if (error instanceof AgentError) sendFailure(response, 400, error.code, error.message, error.hint);
    else sendFailure(response, 500, 'internal', reasonOf(error), 'The log of the daemon says more.');
  }
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + mark.length)];
}

function refuseMethod(response: ServerResponse, allowed: string): void {
  response.setHeader('allow', allowed);
  sendFailure(response, 405, 'method_unknown', `expected ${allowed} on this route`);
}
