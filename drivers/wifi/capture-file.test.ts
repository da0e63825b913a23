import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openCapture } from './capture-file.ts';
import { PcapDecoder } from './pcap.ts';
import { decode, type FileFormat, globalHeader, probeRequest, radiotap, record } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'capture-'));
afterAll(() => rmSync(folder, { recursive: true }));

const T = 1_700_000_000_000;

function open(bytes: Uint8Array) {
  const path = join(folder, 'capture.pcap');
  writeFileSync(path, bytes);
  const { startMs, chunks } = openCapture(path);
  return { startMs, chunks: [...chunks] };
}

function capture(times: number[], format: FileFormat = {}): Buffer {
  const frames = times.map((ms, index) => record(ms, radiotap(probeRequest(index + 1)), format));
  return Buffer.concat([globalHeader(format), ...frames]);
}

describe('a capture file', () => {
  it.each([
    { big: false, nano: false },
    { big: true, nano: false },
    { big: false, nano: true },
    { big: true, nano: true },
  ])('is cut at pauses, with the time of the last record of each chunk: %j', (format) => {
    const bytes = capture([T + 0.25, T + 30, T + 50, T + 51, T + 500], format);
    const { startMs, chunks } = open(bytes);
    expect(startMs).toBe(T);
    expect(chunks.map(({ timeMs }) => timeMs)).toEqual([T + 50, T + 51, T + 500]);
    expect(Buffer.concat(chunks.map((chunk) => chunk.bytes)).equals(bytes)).toBe(true);
    const decoder = new PcapDecoder();
    const seen = decode(
      decoder,
      chunks.map((chunk) => chunk.bytes),
    );
    expect(seen).toHaveLength(5);
  });

  it('never goes back in time, though its records do', () => {
    const times = open(capture([T + 1_000, T + 2_000, T, T + 1_500, T + 3_000])).chunks.map(({ timeMs }) => timeMs);
    expect(times).toEqual([...times].sort((one, other) => one - other));
    expect(times.at(-1)).toBe(T + 3_000);
  });

  it('keeps a torn tail for the decoder', () => {
    const whole = capture([T, T + 100]);
    for (const cut of [1, 20, 60]) {
      const torn = whole.subarray(0, whole.length - cut);
      expect(Buffer.concat(open(torn).chunks.map(({ bytes }) => bytes)).equals(torn)).toBe(true);
    }
  });

  it('is not led astray by a length beyond its end', () => {
    const bytes = capture([T, T + 100]);
    bytes.writeUInt32LE(0xffffffff, 24 + 8);
    const { chunks } = open(bytes);
    expect(chunks).toHaveLength(1);
    expect(chunks[0].bytes).toHaveLength(bytes.length);
  });

  it.each([
    ['nothing at all', Buffer.alloc(0), 'found 0 bytes'],
    ['a header cut short', capture([T]).subarray(0, 23), 'found 23 bytes'],
    [
      'a pcapng',
      Buffer.from('0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000', 'hex'),
      'another magic number',
    ],
    ['a header alone', globalHeader(), 'at least one record'],
  ])('is refused where it is %s', (_name, bytes, said) => {
    expect(() => open(bytes)).toThrow(
      expect.objectContaining({ code: 'capture_format', message: expect.stringContaining(said) }),
    );
  });
});
