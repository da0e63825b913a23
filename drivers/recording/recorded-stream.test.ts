import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openRecordedStream, type StreamChunk, type StreamHeader, StreamWriter } from './recorded-stream.ts';

const HEADER: StreamHeader = {
  startMs: 1000,
  sensors: [
    { id: 'w', driver: 'wifi-pcap' },
    { id: 'd', driver: 'door-lines' },
  ],
};
const FIRST = '{"footfall":"stream","v":1,"start_ms":1000,"sensors":[{"id":"w","driver":"wifi-pcap"}]}';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

async function write(chunks: StreamChunk[]): Promise<Buffer> {
  const out = new PassThrough();
  const parts: Buffer[] = [];
  out.on('data', (part: Buffer) => parts.push(part));
  const writer = new StreamWriter(out, HEADER);
  for (const chunk of chunks) {
    writer.write(chunk);
    await writer.ready();
  }
  await writer.end();
  return Buffer.concat(parts);
}

async function read(bytes: Uint8Array, size = 64): Promise<{ header: StreamHeader; chunks: StreamChunk[] }> {
  const { header, chunks } = await openRecordedStream(pieces(bytes, size));
  const list: StreamChunk[] = [];
  for await (const chunk of chunks) list.push(chunk);
  return { header, chunks: list };
}

const readText = (text: string) => read(Buffer.from(text));

describe('recorded stream', () => {
  it('reads back what was written, in pieces of any size', async () => {
    const chunk = fc.record({ wait: fc.nat(5_000), second: fc.boolean(), bytes: fc.uint8Array({ maxLength: 80 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 20 }), fc.integer({ min: 1, max: 200 }), async (drawn, size) => {
        let timeMs = HEADER.startMs;
        const chunks = drawn.map(({ wait, second, bytes }) => {
          timeMs += wait;
          return { timeMs, sensorId: second ? 'd' : 'w', bytes };
        });
        const result = await read(await write(chunks), size);
        expect(result.header).toEqual(HEADER);
        expect(result.chunks.map((one) => ({ ...one, bytes: [...one.bytes] }))).toEqual(
          chunks.map((one) => ({ ...one, bytes: [...one.bytes] })),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('says the line and what was expected, and never quotes the line', async () => {
    const good = '{"t":1000,"s":"w","b":"AAEC"}';
    const refusals: [string, RegExp][] = [
      ['', /Line 1 .*"footfall":"stream"/],
      ['{"footfall":"report"}', /Line 1 .*"footfall":"stream"/],
      [FIRST.replace('"v":1', '"v":2'), /Line 1 .*"v":1/],
      [FIRST.replace('1000', '"x"'), /Line 1 .*start_ms/],
      [FIRST.replace('"driver"', '"type"'), /Line 1 .*id and driver/],
      [`${FIRST}\n${good}\n{"t":1000,"s":"w","b":"c2Vjc`, /Line 3 .*cut/],
      [`${FIRST}\n[1]`, /Line 2 .*JSON object/],
      [`${FIRST}\n{"t":1.5,"s":"w","b":""}`, /Line 2 .*milliseconds t/],
      [`${FIRST}\n{"t":1000,"s":"secret","b":""}`, /Line 2 .*the header names/],
      [`${FIRST}\n{"t":1000,"s":"w","b":"c2Vjcm"}`, /Line 2 .*base64/],
      [FIRST.replace('{"id"', '{"options":{"unit":"secret"},"id"'), /Line 1 .*option unit/],
      [FIRST.replace('"v":1', '"v":1,"expires_ms":"secret"'), /Line 1 .*expires_ms/],
      [`${FIRST}\n{"t":1000,"end":"secret"}`, /Line 2 .*an end of asked/],
      [`${FIRST}\n{"t":1000,"end":"time"}\n${good}`, /Line 3 .*nothing behind/],
      [`${FIRST}\n{"t":900,"end":"time"}`, /Line 2 .*1000 or later/],
      [`${FIRST}\n{"t":2000,"s":"w","b":""}\n${good}`, /Line 3 .*2000 or later, found 1000/],
    ];
    for (const [text, message] of refusals) {
      const failure = await readText(text).then(
        () => null,
        (error: unknown) => error,
      );
      expect(failure).toMatchObject({ code: 'stream_format', message: expect.stringMatching(message) });
      expect(String(failure)).not.toMatch(/secret|c2Vj/);
    }
  });

  it('keeps what the decoders were told, when it expires, what made it and how it ended', async () => {
    const header: StreamHeader = {
      startMs: 1000,
      sensors: [{ id: 'd', driver: 'door-hpc168', options: { unit: 4, pollMs: 500 } }],
      expiresMs: 5000,
      version: '1.2.3',
    };
    const out = new PassThrough();
    const writer = new StreamWriter(out, header);
    writer.write({ timeMs: 1500, sensorId: 'd', bytes: Uint8Array.of(1, 2) });
    await writer.end({ timeMs: 2000, reason: 'behind' });
    const bytes = out.read() as Buffer;
    expect(writer.bytes).toBe(bytes.length);
    const stream = await openRecordedStream(pieces(bytes, 7));
    expect(stream.header).toEqual(header);
    expect(stream.end).toBeNull();
    for await (const { timeMs } of stream.chunks) expect(timeMs).toBe(1500);
    expect(stream.end).toEqual({ timeMs: 2000, reason: 'behind' });
  });

  it('refuses a line without end and closes its source', async () => {
    let given = 0;
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          given += 65_536;
          yield new Uint8Array(65_536).fill(0x20);
        }
      } finally {
        closed = true;
      }
    }
    await expect(openRecordedStream(endless())).rejects.toMatchObject({ code: 'stream_format' });
    expect(given).toBeLessThan(5_000_000);
    expect(closed).toBe(true);
  });

  it('waits for a slow reader, and says when the file could not be written', async () => {
    const releases: (() => void)[] = [];
    const slow = new Writable({ highWaterMark: 10, write: (_bytes, _encoding, done) => void releases.push(done) });
    const writer = new StreamWriter(slow, HEADER);
    let ready = false;
    const waiting = writer.ready().then(() => {
      ready = true;
    });
    await new Promise(setImmediate);
    expect(ready).toBe(false);
    releases[0]();
    await waiting;

    const full = new Writable({ write: (_bytes, _encoding, done) => done(new Error('no space left on device')) });
    const failing = new StreamWriter(full, HEADER);
    await new Promise(setImmediate);
    failing.write({ timeMs: 1000, sensorId: 'w', bytes: Uint8Array.of(1) });
    await expect(failing.ready()).rejects.toMatchObject({ code: 'stream_write', message: /no space left/ });
    await expect(failing.end()).rejects.toMatchObject({ code: 'stream_write' });
  });
});
