/** How answers over HTTP look, whatever the route. */
import type { ServerResponse } from 'node:http';

/** An error as every route tells it: `{error: {code, message, hint}}`. */
export function sendFailure(response: ServerResponse, status: number, code: string, message: string, hint = ''): void {
  sendJson(response, status, { error: { code, message, hint } });
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`);
}

/** Prometheus text, as its exposition format wants it to be called. */
export function sendMetrics(response: ServerResponse, text: string): void {
  sendText(response, 200, 'text/plain; version=0.0.4; charset=utf-8', text);
}

/** A whole answer; the connection is closed behind it, so that nothing is left open to wait for at the end. */
export function sendText(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}
