/** The daemon's end of `GET /record`: the bytes of one sensor as lines, for one reader, who has to keep up. */
import type { ServerResponse } from 'node:http';

/**
 * A line of `GET /record`: the first is the sensor, the last the end, unless the daemon dies. Times are milliseconds UTC on
 * the gateway's timeline. `behind`: the reader did not keep up and was cut off; nothing is left out before that.
 */
export type RecordLine =
  | { kind: 'sensor'; at_ms: number; id: string; driver: string; options: Record<string, unknown>; version: string }
  | { kind: 'bytes'; at_ms: number; base64: string }
  | { kind: 'end'; at_ms: number; reason: 'behind' | 'sensor_stopped' };

/** Bytes waiting for the reader: quarter of a minute of the fastest line. */
const WAITING_LIMIT = 4 * 1_048_576;

/** Streams what `listen` passes to its sink, until the reader goes, falls behind, or the end is passed. */
export function streamRecording(
  response: ServerResponse,
  listen: (sink: (line: RecordLine) => void) => () => void,
): void {
  let over = false;
  const first: RecordLine[] = [];
  let send = (line: RecordLine): void => void first.push(line);
  const stop = listen((line) => {
    if (over) return;
    if (line.kind === 'bytes' && response.writableLength >= WAITING_LIMIT) {
      over = true;
      stop();
      return finish(response, { kind: 'end', at_ms: line.at_ms, reason: 'behind' });
    }
    send(line);
  });
  response.once('close', stop);
  // Not before `listen` has agreed: what it throws is told as a failure.
  response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
  send = (line) => {
    over = line.kind === 'end';
    if (over) finish(response, line);
    else response.write(textOf(line));
  };
  for (const line of first) send(line);
}

function finish(response: ServerResponse, line: RecordLine): void {
  response.end(textOf(line));
}

function textOf(line: RecordLine): string {
  return `${JSON.stringify(line)}\n`;
}
