/** Opening what was recorded: a recording, encrypted or not, or the bare bytes of one port. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { AgentError, reasonOf } from '../../agent/errors.ts';
import { openRecordedStream, type RecordedSensor, type RecordedStream, type StreamChunk } from './recorded-stream.ts';
import { isSealed, type Keys, unseal, wantsPassphrase } from './sealed.ts';

/** What a file is by its first bytes. `other` may be a capture, or no recording at all. */
export type FileKind = 'plain' | 'passphrase' | 'identity' | 'other';

/** Enough for the first stanza of an age file. */
const HEAD = 64;
const BITS_A_BYTE = 10;
/** As often a serial port is read, milliseconds. */
const CHUNK_MS = 50;
/** Bits per second of a line that has none of its own, such as a radio's. */
const USUAL_BAUD = 1_000_000;

export interface OpenOptions extends Keys {
  /** The wall clock, UTC milliseconds: a recording that has expired is not opened. */
  nowMs: number;
}

/** @throws AgentError `recording_unreadable`. */
export async function kindOf(path: string): Promise<FileKind> {
  const head = Buffer.alloc(HEAD);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    await handle.read(head, 0, HEAD, 0);
  } catch (error) {
    throw unreadable(error);
  } finally {
    await handle?.close();
  }
  if (isSealed(head)) return wantsPassphrase(head) ? 'passphrase' : 'identity';
  return head[0] === 0x7b ? 'plain' : 'other';
}

/**
 * Opens a recording, encrypted or not.
 * @throws AgentError `recording_unreadable`, `recording_locked` (also without a key), `recording_damaged`,
 *   `recording_expired`, `stream_format`, `identity_invalid`; the chunks may throw `recording_damaged` and
 *   `stream_format`. None quotes what is recorded.
 */
export async function openRecording(path: string, { nowMs, ...keys }: OpenOptions): Promise<RecordedStream> {
  const kind = await kindOf(path);
  if (kind === 'passphrase' && keys.passphrase === undefined) throw keyMissing('its passphrase');
  if (kind === 'identity' && keys.identity === undefined) throw keyMissing('an identity that it was made for');
  const source = createReadStream(path);
  // Whoever reads from it is told; one that is left alone may still fail to open.
  source.on('error', () => undefined);
  const sealed = kind === 'passphrase' || kind === 'identity';
  const stream = await openRecordedStream(sealed ? await unseal(source, keys) : source);
  const { expiresMs } = stream.header;
  if (expiresMs === undefined || nowMs < expiresMs) return stream;
  await stream.chunks.return();
  source.destroy();
  throw new AgentError(
    'recording_expired',
    `expected a recording that has not expired; this one did at ${new Date(expiresMs).toISOString()}`,
    'What it holds may be kept no longer: delete the file, and its copies. Then record again.',
  );
}

/**
 * Opens the bytes of one port, as they were read and without their times, such as of `cat /dev/ttyUSB0`. They are spread
 * over the time that a line of this speed needs for them, which ends when the file was last written.
 * @throws AgentError `recording_unreadable`.
 */
export async function openRaw(path: string, sensor: RecordedSensor, baud: number): Promise<RecordedStream> {
  const bytesASecond = (baud || USUAL_BAUD) / BITS_A_BYTE;
  let startMs: number;
  try {
    const { size, mtimeMs } = await stat(path);
    startMs = Math.floor(mtimeMs - (size / bytesASecond) * 1_000);
  } catch (error) {
    throw unreadable(error);
  }
  const header = { startMs, sensors: [sensor] };
  return { header, chunks: spread(path, sensor.id, startMs, bytesASecond), end: null };
}

async function* spread(
  path: string,
  sensorId: string,
  startMs: number,
  bytesASecond: number,
): AsyncGenerator<StreamChunk, void> {
  const size = Math.max(1, Math.round((bytesASecond * CHUNK_MS) / 1_000));
  let read = 0;
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: size }) as AsyncIterable<Buffer>) {
      read += bytes.length;
      yield { timeMs: startMs + Math.ceil((read / bytesASecond) * 1_000), sensorId, bytes };
    }
  } catch (error) {
    throw unreadable(error);
  }
}

function keyMissing(what: string): AgentError {
  return new AgentError(
    'recording_locked',
    `expected ${what} for an encrypted recording, received none`,
    'Whoever made the recording has it.',
  );
}

function unreadable(error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError('recording_unreadable', `cannot read the recording: ${reasonOf(error)}`, 'Check the path.');
}
