import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { channelOfFrequency } from './channel.ts';
import { PcapDecoder } from './pcap.ts';
import { type CaptureInfo, readRadiotap } from './radiotap.ts';
import { decode, hex } from './testing.ts';

const VECTORS = new URL('../../../shared/data/radiotap-vectors/', import.meta.url);
const haveVectors = existsSync(VECTORS);

function read(header: Uint8Array, before = 0): { verdict: string; info: CaptureInfo } {
  const info: CaptureInfo = { headerLength: 0, signal: Number.NaN, channel: 0, hasFcs: false };
  const bytes = Buffer.concat([Buffer.alloc(before, 0xee), header]);
  return { verdict: readRadiotap(bytes, before, bytes.length, info), info };
}

/** The headers of the records of a little-endian capture file. */
function bodies(name: string): Buffer[] {
  const file = readFileSync(new URL(name, VECTORS));
  const found: Buffer[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    found.push(file.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return found;
}

describe('readRadiotap', () => {
  it('aligns fields to the start of the header, wherever that lies', () => {
    // TSFT, flags, rate, channel, signal.
    const header = hex('00 00 18 00 2f 00 00 00 1122334455667788 10 02 6c09 a000 b8 00');
    for (const before of [0, 1, 3, 7]) {
      const { verdict, info } = read(header, before);
      expect(verdict).toBe('');
      expect(info).toEqual({ headerLength: 24, signal: -72, channel: 1, hasFcs: true });
    }
  });

  it('finds a signal that only a later word has, behind a vendor namespace', () => {
    // Word 1: rate, vendor namespace next; word 2: vendor's, radiotap next; word 3: signal, antenna.
    const header = hex('00 00 20 00 040000c0 010000a0 20080000 02 00 001122 00 0300 aabbcc c3 01 0000000000');
    const { verdict, info } = read(header);
    expect(verdict).toBe('');
    expect(info.signal).toBe(-61);
  });

  it('says why a header is no use', () => {
    expect(read(hex('00 00 08 00')).verdict).toBe('truncated');
    expect(read(hex('01 00 08 00 00000000')).verdict).toBe('unsupported');
    expect(read(hex('00 00 07 00 00000000')).verdict).toBe('format');
    expect(read(hex('00 00 40 00 00000000')).verdict).toBe('truncated');
    expect(read(hex('00 00 08 00 00000080')).verdict).toBe('truncated');
    expect(read(hex('00 00 09 00 20000000 b0')).info.signal).toBe(-80);
    expect(read(hex('00 00 08 00 20000000')).verdict).toBe('truncated');
    expect(read(hex('00 00 09 00 02000000 40')).verdict).toBe('checksum');
  });

  it('never throws, whatever is flipped or cut', () => {
    const header = hex('00 00 20 00 040000c0 010000a0 20080000 02 00 001122 00 0300 aabbcc c3 01 0000000000');
    for (let at = 0; at < header.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(header);
        flipped[at] ^= 1 << bit;
        for (let length = 0; length <= flipped.length; length++) {
          expect(() => read(flipped.subarray(0, length))).not.toThrow();
        }
      }
    }
  });
});

describe.skipIf(!haveVectors)(
  'published radiotap vectors (skipped where shared/data/radiotap-vectors is absent)',
  () => {
    it('takes the first of several antenna signals: -38 of -38, -38, -44', () => {
      const [, second] = bodies('ieee802.11_meshid.pcap');
      const { verdict, info } = read(second);
      expect(verdict).toBe('');
      expect(info).toEqual({ headerLength: 0x38, signal: -38, channel: 149, hasFcs: true });
      // The octets of the other two, at their antennas, for the vector itself.
      expect([second.readInt8(52), second.readInt8(54)]).toEqual([-38, -44]);
    });

    it('reads the headers of the radiotap library', () => {
      const names = ['0', '00', '0fcs', '0v0', '0v0-2', '0v0-3', '0v0-4', '1'];
      for (const name of names) {
        const file = readFileSync(new URL(`radiotap-lib_${name}.bin`, VECTORS));
        const { verdict, info } = read(file);
        expect([name, verdict, info.headerLength]).toEqual([name, '', file.readUInt16LE(2)]);
        expect(info.signal).toBeNaN();
      }
      const unparsed = read(readFileSync(new URL('radiotap-lib_unparsed-vendor.bin', VECTORS)));
      expect(unparsed.verdict).toBe('');
      expect(unparsed.info).toMatchObject({ signal: -29, channel: 11 });
      expect(() => read(readFileSync(new URL('radiotap-lib_malformed-vendor.bin', VECTORS)))).not.toThrow();
    });

    it('gets through the captures that once broke other parsers', () => {
      const names = ['exthdr', 'meshhdr-oobr', 'parse_elements_oobr', 'rates_oobr', 'tim_ie_oobr'];
      for (const name of [...names.map((part) => `ieee802.11_${part}.pcap`), 'radiotap-heapoverflow.pcap']) {
        const file = readFileSync(new URL(name, VECTORS));
        const decoder = new PcapDecoder();
        decode(decoder, [file]);
        const rejected = Object.values(decoder.counts.rejected).reduce((sum, count) => sum + count, 0);
        expect(decoder.counts.accepted + rejected).toBeGreaterThan(0);
      }
    });
  },
);

describe('channelOfFrequency', () => {
  it.each([
    [2412, 1],
    [2472, 13],
    [2484, 14],
    [4920, 184],
    [5180, 36],
    [5745, 149],
    [5885, 177],
    [5935, 2],
    [5955, 1],
    [7115, 233],
    [2414, 0],
    [0, 0],
    [65535, 0],
  ])('%i MHz is channel %i', (mhz, channel) => {
    expect(channelOfFrequency(mhz)).toBe(channel);
  });
});
