/** A capture file cut into chunks with the time each arrived, for a replay; the bytes go through the live decoder. */
import { readFileSync } from 'node:fs';
import { AgentError } from '../../agent/errors.ts';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** Records of one chunk span at most this long: a serial port is read about as often. */
const CHUNK_MS = 50;

export interface CaptureFile {
  /** UTC milliseconds of the first record, whole. */
  startMs: number;
  chunks: Iterable<{ timeMs: number; bytes: Uint8Array }>;
}

/**
 * Opens a pcap file (either byte order, micro- or nanoseconds).
 * @throws AgentError `capture_format` when it is none, or holds no record.
 */
export function openCapture(path: string): CaptureFile {
  const bytes = readFileSync(path);
  const layout = bytes.length >= FILE_HEADER ? layoutOf(bytes.readUInt32LE(0)) : null;
  if (layout === null) {
    throw new AgentError(
      'capture_format',
      `expected a pcap file, found ${bytes.length < FILE_HEADER ? `${bytes.length} bytes` : 'another magic number'}`,
      'Convert a pcapng capture with: editcap -F pcap IN OUT',
    );
  }
  if (bytes.length < FILE_HEADER + RECORD_HEADER) {
    throw new AgentError('capture_format', 'expected at least one record, found none', 'The capture is empty.');
  }
  return { startMs: Math.floor(layout.timeMs(bytes, FILE_HEADER)), chunks: chunksOf(bytes, layout) };
}

interface Layout {
  timeMs(bytes: Buffer, offset: number): number;
  length(bytes: Buffer, offset: number): number;
}

/** By magic number as read little-endian (draft-ietf-opsawg-pcap). */
function layoutOf(magic: number): Layout | null {
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!little && magic !== 0xd4c3b2a1 && magic !== 0x4d3cb2a1) return null;
  const perMs = magic === 0xa1b23c4d || magic === 0x4d3cb2a1 ? 1e6 : 1e3;
  const read = (bytes: Buffer, offset: number): number =>
    little ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
  return {
    timeMs: (bytes, offset) => read(bytes, offset) * 1000 + read(bytes, offset + 4) / perMs,
    length: (bytes, offset) => read(bytes, offset + 8),
  };
}

/** The file header goes with the first records. Times never go back; a torn tail is left to the decoder. */
function* chunksOf(bytes: Buffer, layout: Layout): Generator<{ timeMs: number; bytes: Uint8Array }> {
  let start = 0;
  let first = layout.timeMs(bytes, FILE_HEADER);
  let latest = first;
  let offset = FILE_HEADER;
  while (offset + RECORD_HEADER <= bytes.length) {
    const time = layout.timeMs(bytes, offset);
    if (time - first > CHUNK_MS) {
      yield { timeMs: Math.ceil(latest), bytes: bytes.subarray(start, offset) };
      start = offset;
      first = time;
    }
    latest = Math.max(latest, time);
    offset += RECORD_HEADER + layout.length(bytes, offset);
  }
  if (start < bytes.length) yield { timeMs: Math.ceil(latest), bytes: bytes.subarray(start) };
}
