/** Questions to the daemon's local socket. Loads nothing but Node's own HTTP client, so that `status` starts fast. */
import { readFileSync, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { AgentError, reasonOf } from '../errors.ts';

const TIMEOUT_MS = 5_000;
const ANSWER_LIMIT = 8 * 1024 * 1024;

/**
 * The daemon's answer to `method route`, as parsed JSON. Throws `daemon_not_running`, `socket_denied`, `daemon_silent`
 * after `timeoutMs`, `answer_invalid`, and whatever error the daemon answered with.
 */
export async function requestLocal(
  path: string,
  method: 'GET' | 'POST',
  route: string,
  body?: unknown,
  timeoutMs: number = TIMEOUT_MS,
): Promise<unknown> {
  const { status, text } = await exchange(path, method, route, body, timeoutMs);
  const value = parse(text, path);
  if (status === 200) return value;
  throw errorOf(status, value);
}

/**
 * Streams the lines that `route` answers with, one call of `onLine` each, the next only when what it returned has
 * resolved: whoever is slow makes the daemon leave events out, not this process grow. Resolves when the daemon ends the
 * stream in order, or `signal` asked for the end; a line cut short by the end is left out. Throws what `requestLocal`
 * throws (`timeoutMs` holds for the beginning of the answer), and `daemon_unreachable` for a stream that breaks off.
 */
export async function streamLocal(
  path: string,
  route: string,
  onLine: (line: string) => void | Promise<void>,
  signal: AbortSignal,
  timeoutMs: number = TIMEOUT_MS,
): Promise<void> {
  if (signal.aborted) return;
  try {
    const response = await open(path, route, signal, timeoutMs);
    if (response.statusCode !== 200) {
      const value = parse(await readAnswer(response), path);
      throw errorOf(response.statusCode ?? 0, value);
    }
    let rest = '';
    for await (const text of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > ANSWER_LIMIT) throw new Error('the answer is too long');
      for (const line of lines) {
        if (signal.aborted) return;
        await onLine(line);
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof AgentError ? error : explain(error as NodeJS.ErrnoException, path, timeoutMs);
  }
}

/** The answer's head has to come in time; what follows may take as long as it likes. */
function open(path: string, route: string, signal: AbortSignal, timeout: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = process.getBuiltinModule('node:http');
    const options = { socketPath: path, path: route, agent: false as const, signal, timeout };
    const asked = request(options, (response) => {
      response.socket.setTimeout(0);
      resolve(response);
    });
    asked.once('timeout', () => asked.destroy(Object.assign(new Error('no answer'), { name: 'TimeoutError' })));
    asked.on('error', reject);
    asked.end();
  });
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AgentError(
      'answer_invalid',
      `expected JSON from the daemon, received ${text.length} characters of something else`,
      `Check that ${path} is the socket of Footfall.`,
      { cause: error },
    );
  }
}

/** What the daemon said was wrong. */
function errorOf(status: number, value: unknown): AgentError {
  const told = (value as { error?: { code?: string; message?: string; hint?: string } } | null)?.error;
  return new AgentError(told?.code ?? 'answer_invalid', told?.message ?? `the daemon answered ${status}`, told?.hint);
}

function exchange(path: string, method: string, route: string, body: unknown, timeoutMs: number) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const content = body === undefined ? '' : JSON.stringify(body);
    const fail = (error: Error) => reject(explain(error, path, timeoutMs));
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) };
    // An import statement would touch every export of node:http, and with them load all of fetch: a fifth of the run.
    const { request } = process.getBuiltinModule('node:http');
    const asked = request(
      { socketPath: path, method, path: route, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        readAnswer(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), fail);
      },
    );
    asked.once('error', fail);
    asked.end(content);
  });
}

async function readAnswer(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_LIMIT) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function explain(error: NodeJS.ErrnoException, path: string, timeoutMs: number): AgentError {
  const options = { cause: error };
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    const found = error.code === 'ENOENT' ? 'there is no such socket' : 'nobody answers';
    const hint =
      'Start it: systemctl start footfall, or footfall run --settings FILE. Is the socket elsewhere? --socket PATH';
    return new AgentError('daemon_not_running', `no daemon on ${path}: ${found}`, hint, options);
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    const group = groupOf(path);
    const hint = `Join the group: sudo usermod -aG ${group} "$USER", then log in again. Or run this with sudo.`;
    const message = `this user may not open ${path}; members of the group ${group} may`;
    return new AgentError('socket_denied', message, hint, options);
  }
  if (error.name === 'AbortError' || error.name === 'TimeoutError') {
    const hint = 'Its process may be stuck or the box overloaded; its log says more: journalctl -u footfall';
    return new AgentError(
      'daemon_silent',
      `the daemon on ${path} gave no answer within ${timeoutMs} ms`,
      hint,
      options,
    );
  }
  const hint = 'Is the daemon being restarted? Try again.';
  return new AgentError(
    'daemon_unreachable',
    `cannot talk to the daemon on ${path}: ${reasonOf(error)}`,
    hint,
    options,
  );
}

/** The name of the group that the socket, or else its directory, belongs to. */
function groupOf(path: string): string {
  for (const place of [path, dirname(path)]) {
    try {
      const { gid } = statSync(place);
      const line = readFileSync('/etc/group', 'utf8')
        .split('\n')
        .find((entry) => entry.split(':')[2] === String(gid));
      return line?.split(':')[0] ?? String(gid);
    } catch {
      // A directory that cannot be searched hides the socket; the directory itself may still tell.
    }
  }
  return 'footfall';
}
