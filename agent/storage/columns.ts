/**
 * The journal's blob: a run of input rows as columns, 31 bytes a row. Little-endian, as every supported processor is.
 *
 * | offset   | bytes    | what                                                                              |
 * |----------|----------|-----------------------------------------------------------------------------------|
 * | 0        | 1        | version, 1                                                                        |
 * | 1        | 1        | 1 when the times are wide                                                         |
 * | 2        | 2        | 0                                                                                 |
 * | 4        | 4        | rows                                                                              |
 * | 8        | 8        | ordinal of the first row (f64)                                                    |
 * | 16       | 8        | base time, UTC milliseconds (f64)                                                 |
 * | 24       | 4        | bytes of the payload trailer                                                      |
 * | 28       | 4        | 0                                                                                 |
 * | 32       | 8 a row  | narrow: `at` as u32 after the base, `time` as i32 after `at`; wide: 16, both f64  |
 * |          | 16 a row | a, b, c, d (u32)                                                                  |
 * |          | 2 a row  | sequence (u16)                                                                    |
 * |          | 5 a row  | kind, sensor, flags, channel (u8), rssi (i8)                                      |
 * |          |          | payload trailer: JSON, [[row, payload], ...], absent without payloads             |
 * | last 4   | 4        | CRC-32 of all before                                                              |
 *
 * Times are wide only where a narrow one would not be exact: a fraction of a millisecond, or a jump of over 49 days.
 */
import { crc32 } from 'node:zlib';
import { AgentError } from '../errors.ts';
import { InputBatch } from '../readings.ts';

const VERSION = 1;
const WIDE_TIMES = 1;
const HEADER_BYTES = 32;
const CRC_BYTES = 4;
/** Bytes of a row without its two times. */
const FIXED_BYTES = 23;

/** Encodes rows `from` (inclusive) to `to` (exclusive) of a batch, in a buffer of their own. */
export function encodeRows(batch: InputBatch, from: number, to: number): Uint8Array {
  const rows = to - from;
  const payloads = [...batch.payloads].filter(([row]) => row >= from && row < to);
  const trailer =
    payloads.length === 0 ? null : Buffer.from(JSON.stringify(payloads.map(([row, text]) => [row - from, text])));
  const wide = !timesFit(batch, from, to);
  const base = rows === 0 ? 0 : batch.at[from];

  const body = new Uint8Array(sizeOf(rows, wide, trailer?.length ?? 0));
  const view = new DataView(body.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, wide ? WIDE_TIMES : 0);
  view.setUint32(4, rows, true);
  view.setFloat64(8, batch.firstOrdinal + from, true);
  view.setFloat64(16, base, true);
  view.setUint32(24, trailer?.length ?? 0, true);

  const columns = columnsOf(body, rows, wide);
  if (columns.wide !== null) {
    columns.wide.at.set(batch.at.subarray(from, to));
    columns.wide.time.set(batch.time.subarray(from, to));
  } else {
    const { at, time } = columns.narrow;
    for (let row = 0; row < rows; row++) {
      at[row] = batch.at[from + row] - base;
      time[row] = batch.time[from + row] - batch.at[from + row];
    }
  }
  columns.a.set(batch.a.subarray(from, to));
  columns.b.set(batch.b.subarray(from, to));
  columns.c.set(batch.c.subarray(from, to));
  columns.d.set(batch.d.subarray(from, to));
  columns.sequence.set(batch.sequence.subarray(from, to));
  columns.kind.set(batch.kind.subarray(from, to));
  columns.sensor.set(batch.sensor.subarray(from, to));
  columns.flags.set(batch.flags.subarray(from, to));
  columns.channel.set(batch.channel.subarray(from, to));
  columns.rssi.set(batch.rssi.subarray(from, to));
  if (trailer !== null) body.set(trailer, columns.end);
  view.setUint32(body.length - CRC_BYTES, crc32(body.subarray(0, -CRC_BYTES)), true);
  return body;
}

/**
 * Decodes a blob into a full batch. A blob may begin before the snapshot it is replayed on: the reader skips the rows
 * up to the snapshot's ordinal.
 * @throws AgentError `journal_damaged` for bytes that are no whole blob, `journal_version` for a newer format.
 */
export function decodeRows(blob: Uint8Array): InputBatch {
  if (blob.length < HEADER_BYTES + CRC_BYTES) throw damaged(`${blob.length} bytes`);
  // Columns are read in place, which needs the blob to begin on a multiple of 8.
  const body = blob.byteOffset % 8 === 0 ? blob : Uint8Array.from(blob);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  if (view.getUint32(body.length - CRC_BYTES, true) !== crc32(body.subarray(0, -CRC_BYTES))) {
    throw damaged('a checksum that does not match');
  }
  if (view.getUint8(0) !== VERSION) {
    throw new AgentError(
      'journal_version',
      `expected a journal blob of version ${VERSION}, found version ${view.getUint8(0)}`,
      'A newer release wrote it: install that release again.',
    );
  }
  const rows = view.getUint32(4, true);
  const wide = view.getUint8(1) === WIDE_TIMES;
  const trailerBytes = view.getUint32(24, true);
  if (body.length !== sizeOf(rows, wide, trailerBytes)) throw damaged(`${body.length} bytes for ${rows} rows`);

  const batch = new InputBatch(rows, view.getFloat64(8, true));
  batch.length = rows;
  const columns = columnsOf(body, rows, wide);
  if (columns.wide !== null) {
    batch.at.set(columns.wide.at);
    batch.time.set(columns.wide.time);
  } else {
    const base = view.getFloat64(16, true);
    const { at, time } = columns.narrow;
    for (let row = 0; row < rows; row++) {
      batch.at[row] = base + at[row];
      batch.time[row] = batch.at[row] + time[row];
    }
  }
  batch.a.set(columns.a);
  batch.b.set(columns.b);
  batch.c.set(columns.c);
  batch.d.set(columns.d);
  batch.sequence.set(columns.sequence);
  batch.kind.set(columns.kind);
  batch.sensor.set(columns.sensor);
  batch.flags.set(columns.flags);
  batch.channel.set(columns.channel);
  batch.rssi.set(columns.rssi);
  if (trailerBytes > 0) {
    const trailer = Buffer.from(body.buffer, body.byteOffset + columns.end, trailerBytes).toString();
    for (const [row, text] of JSON.parse(trailer) as [number, string][]) batch.payloads.set(row, text);
  }
  return batch;
}

/** True when narrow times give back exactly what went in. */
function timesFit(batch: InputBatch, from: number, to: number): boolean {
  const base = batch.at[from];
  for (let row = from; row < to; row++) {
    const at = batch.at[row];
    const after = (at - base) >>> 0;
    const before = (batch.time[row] - at) | 0;
    if (base + after !== at || at + before !== batch.time[row]) return false;
  }
  return true;
}

function sizeOf(rows: number, wide: boolean, trailerBytes: number): number {
  return HEADER_BYTES + rows * (FIXED_BYTES + (wide ? 16 : 8)) + trailerBytes + CRC_BYTES;
}

/** The columns of a blob in place, widest first so that each is aligned. */
function columnsOf(body: Uint8Array, rows: number, wide: boolean) {
  const { buffer } = body;
  let end = HEADER_BYTES;
  const next = (bytes: number): number => {
    const offset = body.byteOffset + end;
    end += bytes * rows;
    return offset;
  };
  const times = wide
    ? { wide: { at: new Float64Array(buffer, next(8), rows), time: new Float64Array(buffer, next(8), rows) } }
    : {
        wide: null,
        narrow: { at: new Uint32Array(buffer, next(4), rows), time: new Int32Array(buffer, next(4), rows) },
      };
  const fixed = {
    a: new Uint32Array(buffer, next(4), rows),
    b: new Uint32Array(buffer, next(4), rows),
    c: new Uint32Array(buffer, next(4), rows),
    d: new Uint32Array(buffer, next(4), rows),
    sequence: new Uint16Array(buffer, next(2), rows),
    kind: new Uint8Array(buffer, next(1), rows),
    sensor: new Uint8Array(buffer, next(1), rows),
    flags: new Uint8Array(buffer, next(1), rows),
    channel: new Uint8Array(buffer, next(1), rows),
    rssi: new Int8Array(buffer, next(1), rows),
  };
  return { ...times, ...fixed, end: end };
}

function damaged(found: string): AgentError {
  return new AgentError(
    'journal_damaged',
    `expected a whole journal blob, found ${found}`,
    'The storage medium is failing: check it and the kernel log.',
  );
}
