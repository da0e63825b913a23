import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PCAP_HEADER, record } from './monitor.fixture.ts';
import { LONGEST_FRAME, RecordJoiner } from './monitor-records.ts';

function join(chunks: readonly Uint8Array[]): { given: Buffer[]; joiner: RecordJoiner; well: boolean } {
  const given: Buffer[] = [];
  const joiner = new RecordJoiner((records) => void given.push(Buffer.from(records)));
  const well = chunks.map((chunk) => joiner.push(chunk)).every((each) => each);
  return { given, joiner, well };
}

/** Lengths of what begins where the chunk begins: all of them have to be whole. */
function isWhole(chunk: Buffer): boolean {
  let at = chunk.readUInt32LE(0) === 0xa1b2c3d4 ? 24 : 0;
  while (at < chunk.length) at += 16 + chunk.readUInt32LE(at + 8);
  return at === chunk.length;
}

describe('records of a pcap', () => {
  it('are given whole, however the stream is cut, and nothing is lost', () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(LONGEST_FRAME)), { maxLength: 8 });
    const cuts = fc.array(fc.nat(5_000), { maxLength: 30 });
    fc.assert(
      fc.property(lengths, cuts, (all, at) => {
        const stream = Buffer.concat([PCAP_HEADER, ...all.map((length, index) => record(length, index))]);
        const ends = [...new Set([0, ...at.map((each) => each % (stream.length + 1)), stream.length])].sort(
          (one, other) => one - other,
        );
        const chunks = ends.slice(1).map((end, index) => stream.subarray(ends[index], end));
        const { given, joiner, well } = join(chunks);
        expect(well).toBe(true);
        expect(Buffer.concat(given).equals(stream)).toBe(true);
        expect(given.every(isWhole)).toBe(true);
        expect(joiner.records).toBe(all.length);
      }),
    );
  });

  it('are given byte by byte as well', () => {
    const stream = Buffer.concat([PCAP_HEADER, record(60), record(0), record(90)]);
    const { given, joiner } = join([...stream].map((byte) => Uint8Array.of(byte)));
    expect(given.map((each) => each.length)).toEqual([24, 76, 16, 106]);
    expect([joiner.begun, joiner.records]).toEqual([true, 3]);
  });

  it('are not begun before the header of the file is whole', () => {
    expect(join([PCAP_HEADER.subarray(0, 23)]).joiner.begun).toBe(false);
  });

  it('end where the stream is no pcap: by its header, or by the length of a record', () => {
    const others = [
      Buffer.from('tcpdump: listening on wlan0, whatever'),
      Buffer.from(`0a0d0d0a${'00'.repeat(24)}`, 'hex'),
    ];
    for (const other of others) expect(join([other])).toMatchObject({ given: [], well: false });
    const long = record(LONGEST_FRAME + 1);
    expect(join([PCAP_HEADER, record(5), long])).toMatchObject({ well: false });
    expect(join([PCAP_HEADER, ...[...long].map((byte) => Uint8Array.of(byte))])).toMatchObject({ well: false });
    expect(join([PCAP_HEADER, long, record(5)]).given).toHaveLength(1);
  });
});
