/** A capture file cut into chunks with the time each arrived, for a replay; the bytes go through the live decoder. */
import { readFileSync } from 'node:fs';
import { AgentError } from '../../agent/errors.ts';
import {
  GLOBAL_HEADER,
  isGlobalHeader,
  LONGEST_RECORD,
  type PcapFormat,
  RECORD_HEADER,
  type RecordHeader,
  readGlobalHeader,
  readRecordHeader,
} from './pcap-header.ts';

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
  if (bytes.length < GLOBAL_HEADER || !isGlobalHeader(bytes, 0)) {
    throw new AgentError(
      'capture_format',
      `expected a pcap file, found ${bytes.length < GLOBAL_HEADER ? `${bytes.length} bytes` : 'another magic number'}`,
      'Convert a pcapng capture with: editcap -F pcap IN OUT',
    );
  }
  if (bytes.length < GLOBAL_HEADER + RECORD_HEADER) {
    throw new AgentError('capture_format', 'expected at least one record, found none', 'The capture is empty.');
  }
  const format = readGlobalHeader(bytes, 0);
  return { startMs: Math.floor(recordAt(bytes, GLOBAL_HEADER, format).timeMs), chunks: chunksOf(bytes, format) };
}

/** A record's time, and where the next one begins; whether it makes sense is the decoder's to say. */
function recordAt(bytes: Buffer, offset: number, format: PcapFormat): { timeMs: number; next: number } {
  const header: RecordHeader = { seconds: 0, fraction: 0, captured: 0, original: 0 };
  readRecordHeader(bytes, offset, format, LONGEST_RECORD, header);
  return {
    timeMs: header.seconds * 1000 + (header.fraction * 1000) / format.fractions,
    next: offset + RECORD_HEADER + header.captured,
  };
}

/** The file header goes with the first records. Times never go back; a torn tail is left to the decoder. */
function* chunksOf(bytes: Buffer, format: PcapFormat): Generator<{ timeMs: number; bytes: Uint8Array }> {
  let start = 0;
  let first = recordAt(bytes, GLOBAL_HEADER, format).timeMs;
  let latest = first;
  for (let offset = GLOBAL_HEADER; offset + RECORD_HEADER <= bytes.length; ) {
    const { timeMs, next } = recordAt(bytes, offset, format);
    if (timeMs - first > CHUNK_MS) {
      yield { timeMs: Math.ceil(latest), bytes: bytes.subarray(start, offset) };
      start = offset;
      first = timeMs;
    }
    latest = Math.max(latest, timeMs);
    offset = next;
  }
  if (start < bytes.length) yield { timeMs: Math.ceil(latest), bytes: bytes.subarray(start) };
}
