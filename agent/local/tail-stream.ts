/** The daemon's end of `GET /tail`: events as lines, with a bound on what a slow reader can make the daemon hold. */
import type { ServerResponse } from 'node:http';
import { AgentError } from '../errors.ts';
import type { TailEvent } from './tail.ts';

const MOST_STREAMS = 8;
/** Bytes waiting for one reader. Beyond it events are left out and counted. */
const WAITING_LIMIT = 1_048_576;

export class TailStreams {
  readonly #streams = new Set<TailStream>();

  /**
   * Streams on `response` what `listen` passes to its sink, until the reader goes or `end` is called. Throws
   * `tails_too_many`, and what `listen` throws, before anything is sent.
   */
  open(response: ServerResponse, listen: (sink: (event: TailEvent) => void) => () => void): void {
    if (this.#streams.size >= MOST_STREAMS) {
      throw new AgentError(
        'tails_too_many',
        `expected at most ${MOST_STREAMS} tails at a time, found as many open`,
        'End one of them (Ctrl-C in its terminal) and try again.',
      );
    }
    const stream = new TailStream(response);
    const stop = listen((event) => stream.take(event));
    this.#streams.add(stream);
    response.once('close', () => {
      stop();
      this.#streams.delete(stream);
    });
    response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
    // The reader should know at once that it is connected, however long the first event takes.
    response.flushHeaders();
  }

  /** Ends every stream in order. Does not wait for readers that are behind. */
  end(): void {
    for (const stream of this.#streams) stream.end();
  }
}

class TailStream {
  readonly #response: ServerResponse;
  /** Lines of this turn of the event loop: one write for all of them. */
  #lines: string[] = [];
  #bytes = 0;
  #dropped = 0;
  #droppedAt = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('drain', () => this.#tellDropped());
  }

  take(event: TailEvent): void {
    // Once behind, nothing is taken before all of it is read: one gap told once, not a torn stream of small ones.
    if (this.#dropped > 0 || this.#response.writableLength + this.#bytes >= WAITING_LIMIT) {
      this.#dropped++;
      this.#droppedAt = event.at_ms;
      return;
    }
    this.#append(event);
  }

  end(): void {
    this.#flush();
    this.#response.end();
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.#append({ kind: 'dropped', at_ms: this.#droppedAt, count });
  }

  #append(event: TailEvent): void {
    const line = `${JSON.stringify(event)}\n`;
    if (this.#lines.length === 0) queueMicrotask(() => this.#flush());
    this.#lines.push(line);
    this.#bytes += Buffer.byteLength(line);
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#bytes = 0;
    if (!this.#response.writableEnded && !this.#response.destroyed) this.#response.write(text);
  }
}
