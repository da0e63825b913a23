/** One question to the daemon's local socket. Loads nothing but Node's own HTTP client, so that `status` starts fast. */
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AgentError(
      'answer_invalid',
      `expected JSON from the daemon, received ${text.length} characters of something else`,
      `Check that ${path} is the socket of Footfall.`,
      { cause: error },
    );
  }
  if (status === 200) return value;
  const told = (value as { error?: { code?: string; message?: string; hint?: string } } | null)?.error;
  throw new AgentError(told?.code ?? 'answer_invalid', told?.message ?? `the daemon answered ${status}`, told?.hint);
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
