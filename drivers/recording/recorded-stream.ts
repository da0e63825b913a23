/**
 * The file of a timed recording of sensors: what `footfall simulate --out` and `footfall record` write (the latter
 * encrypted) and `footfall replay` reads.
 *
 * JSON lines. The first is the header `{"footfall":"stream","v":1,"start_ms":..,"sensors":[{"id":..,"driver":..}]}`. A
 * sensor may have `options`, what its decoder is told (options.ts), and the header `expires_ms`, after which the recording
 * may not be read any more, and `version`, the footfall that made it. Each further line is a chunk
 * `{"t":..,"s":..,"b":..}`: UTC milliseconds at which the bytes were read (never before start_ms or the chunk in front),
 * the sensor's id, the bytes in base64. The last may be `{"t":..,"end":..}`: until when it was listened, and why no longer.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AgentError, reasonOf } from '../../agent/errors.ts';
import type { DecoderOptions } from '../driver.ts';
import { optionsFromJson, optionsToJson } from './options.ts';

/** A sensor of a recording. */
export interface RecordedSensor {
  id: string;
  /** As the settings call it. */
  driver: string;
  /** What its decoder was told. */
  options?: DecoderOptions;
}

export interface StreamHeader {
  startMs: number;
  sensors: RecordedSensor[];
  /** UTC milliseconds of the wall clock. */
  expiresMs?: number;
  /** Version of the footfall that made it. */
  version?: string;
}

/** Why a recording ends: as it was meant to, or early. */
export const STREAM_ENDS = ['asked', 'time', 'size', 'behind', 'sensor_stopped', 'daemon_ended'] as const;
export type StreamEndReason = (typeof STREAM_ENDS)[number];

export interface StreamEnd {
  timeMs: number;
  reason: StreamEndReason;
}

export interface StreamChunk {
  timeMs: number;
  sensorId: string;
  bytes: Uint8Array;
}

/** A line longer than this is no chunk: chunks are what one read of a port gives. */
const LONGEST_LINE = 4 * 1024 * 1024;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Writes a recording. `write` never waits; call `ready` from time to time so that memory stays bounded. */
export class StreamWriter {
  readonly #out: Writable;
  #failure: Error | null = null;
  #bytes = 0;

  /** Writes the header at once. The caller owns `out` and may not write to it besides. */
  constructor(out: Writable, header: StreamHeader) {
    this.#out = out;
    out.on('error', (error) => {
      this.#failure = error;
    });
    const { startMs, expiresMs, version } = header;
    this.#line({
      footfall: 'stream',
      v: 1,
      start_ms: startMs,
      sensors: header.sensors.map(({ id, driver, options }) => ({
        id,
        driver,
        ...(options && { options: optionsToJson(options) }),
      })),
      ...(expiresMs !== undefined && { expires_ms: expiresMs }),
      ...(version !== undefined && { version }),
    });
  }

  /** Length of the file so far. */
  get bytes(): number {
    return this.#bytes;
  }

  write(chunk: StreamChunk): void {
    const { buffer, byteOffset, byteLength } = chunk.bytes;
    const body = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
    this.#line({ t: chunk.timeMs, s: chunk.sensorId, b: body });
  }

  /** Resolves once the stream takes more. @throws AgentError('stream_write') when it failed. */
  async ready(): Promise<void> {
    try {
      this.#check();
      if (this.#out.writableNeedDrain) await once(this.#out, 'drain');
      this.#check();
    } catch (error) {
      throw writeError(error);
    }
  }

  /** Ends the stream and resolves when everything is written. @throws AgentError('stream_write') when it failed. */
  async end(end?: StreamEnd): Promise<void> {
    try {
      this.#check();
      if (end !== undefined) this.#line({ t: end.timeMs, end: end.reason });
      this.#out.end();
      await finished(this.#out, { readable: false });
    } catch (error) {
      throw writeError(error);
    }
  }

  #line(value: object): void {
    if (this.#failure !== null) return;
    const line = `${JSON.stringify(value)}\n`;
    this.#bytes += Buffer.byteLength(line);
    this.#out.write(line);
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#out.destroyed) throw new Error('it was closed');
  }
}

function writeError(error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  const message = `The recording could not be written: ${reasonOf(error)}`;
  return new AgentError('stream_write', message, 'Check the space and the permissions of its folder.', {
    cause: error,
  });
}

/** A recording opened for reading: its header, and its chunks in order, which can be read once. */
export interface RecordedStream {
  readonly header: StreamHeader;
  readonly chunks: AsyncGenerator<StreamChunk, void, undefined>;
  /** How it ends, once all chunks were read; null before, and where it does not say. */
  readonly end: StreamEnd | null;
}

/**
 * Opens a recording given as pieces of a file, such as a ReadStream; holds one piece and one line at a time.
 * @throws AgentError('stream_format'), here or from `chunks`, naming the line and what was expected, never its content.
 */
export async function openRecordedStream(source: AsyncIterable<Uint8Array>): Promise<RecordedStream> {
  const lines = splitLines(source);
  try {
    const first = await lines.next();
    const header = parseHeader(first.done === true ? null : first.value);
    const stream: { -readonly [Key in keyof RecordedStream]: RecordedStream[Key] } = {
      header,
      chunks: readChunks(lines, header, (end) => {
        stream.end = end;
      }),
      end: null,
    };
    return stream;
  } catch (error) {
    // Closes the source, which nobody else can any more.
    await lines.return(undefined);
    throw error;
  }
}

async function* readChunks(
  lines: AsyncGenerator<string>,
  header: StreamHeader,
  ended: (end: StreamEnd) => void,
): AsyncGenerator<StreamChunk, void> {
  const ids = new Set(header.sensors.map((sensor) => sensor.id));
  let number = 1;
  let previousMs = header.startMs;
  let over = false;
  for await (const line of lines) {
    number++;
    if (over) throw formatError(number, 'nothing behind the line that ends the recording');
    const value = parseObject(line, number);
    const timeMs = parseTime(value.t, number, previousMs);
    previousMs = timeMs;
    if ('end' in value) {
      ended({ timeMs, reason: parseReason(value.end, number) });
      over = true;
    } else yield { timeMs, ...parseChunk(value, number, ids) };
  }
}

function parseHeader(line: string | null): StreamHeader {
  const value = line === null ? null : parseObject(line, 1);
  if (value?.footfall !== 'stream') throw formatError(1, 'a header with "footfall":"stream"', 'Is it a recording?');
  if (value.v !== 1) throw formatError(1, '"v":1', 'It was written by another version of footfall.');
  if (!Number.isSafeInteger(value.start_ms)) throw formatError(1, 'a whole number of milliseconds start_ms');
  if (!Array.isArray(value.sensors)) throw formatError(1, 'a list of sensors');
  const { expires_ms, version } = value;
  if (expires_ms !== undefined && !Number.isSafeInteger(expires_ms)) {
    throw formatError(1, 'a whole number of milliseconds expires_ms');
  }
  return {
    startMs: value.start_ms as number,
    sensors: value.sensors.map(parseSensor),
    ...(expires_ms !== undefined && { expiresMs: expires_ms as number }),
    ...(typeof version === 'string' && { version }),
  };
}

function parseSensor(sensor: unknown): RecordedSensor {
  const { id, driver, options } = (sensor ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' || typeof driver !== 'string') throw formatError(1, 'sensors with id and driver');
  if (options === undefined) return { id, driver };
  return {
    id,
    driver,
    options: optionsFromJson(options, (expected) => {
      throw formatError(1, expected);
    }),
  };
}

function parseTime(t: unknown, number: number, previousMs: number): number {
  if (!Number.isSafeInteger(t)) throw formatError(number, 'a whole number of milliseconds t');
  if ((t as number) < previousMs) throw formatError(number, `a time t of ${previousMs} or later, found ${t}`);
  return t as number;
}

function parseReason(end: unknown, number: number): StreamEndReason {
  const reason = STREAM_ENDS.find((known) => known === end);
  if (reason === undefined) throw formatError(number, `an end of ${STREAM_ENDS.join(', ')}`);
  return reason;
}

function parseChunk(
  { s, b }: Record<string, unknown>,
  number: number,
  ids: ReadonlySet<string>,
): { sensorId: string; bytes: Uint8Array } {
  if (typeof s !== 'string' || !ids.has(s)) throw formatError(number, 'a sensor s that the header names');
  if (typeof b !== 'string' || !BASE64.test(b)) throw formatError(number, 'bytes b in base64');
  return { sensorId: s, bytes: Buffer.from(b, 'base64') };
}

function parseObject(line: string, number: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // The parser's own message quotes the line, which may hold addresses.
    throw formatError(number, 'a JSON object, found a line that is cut or is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw formatError(number, 'a JSON object');
  return value as Record<string, unknown>;
}

async function* splitLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let number = 1;
  for await (const piece of source) {
    let start = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, start)) {
      held.push(piece.subarray(start, end));
      yield Buffer.concat(held).toString('utf8');
      number++;
      held = [];
      heldBytes = 0;
      start = end + 1;
    }
    if (start === piece.length) continue;
    heldBytes += piece.length - start;
    if (heldBytes > LONGEST_LINE) throw formatError(number, `a line of at most ${LONGEST_LINE} bytes`);
    held.push(piece.slice(start));
  }
  if (heldBytes > 0) yield Buffer.concat(held).toString('utf8');
}

function formatError(line: number, expected: string, hint = 'The file is damaged or was edited; record it again.') {
  return new AgentError('stream_format', `Line ${line} of the recording: expected ${expected}`, hint);
}
