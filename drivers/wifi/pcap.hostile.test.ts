import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PcapDecoder } from './pcap.ts';
import { cut, decode, globalHeader, probeRequest, radiotap, record, rejections } from './testing.ts';

/** Numbers that look random and are the same in every run (xorshift32). */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 11;
  }
  return bytes;
}

const frames = (count: number) =>
  Array.from({ length: count }, (_, i) => record(i * 40, radiotap(probeRequest(i % 250, i % 4096))));

describe('wifi-pcap on hostile bytes', () => {
  it('finds a good frame after 1 MB of noise, with and without a header', () => {
    for (const seed of [1, 2, 3]) {
      const good = frames(1)[0];
      for (const tail of [Buffer.concat([globalHeader(), good]), good]) {
        const decoder = new PcapDecoder();
        expect(decode(decoder, cut(Buffer.concat([noise(1_000_000, seed), tail]), 4_096))).toHaveLength(1);
        expect(rejections(decoder)).toEqual({ noise: 1 });
      }
    }
  });

  it('counts 10 MB of one octet as one run of noise', () => {
    for (const octet of [0x00, 0x41, 0xff]) {
      const decoder = new PcapDecoder();
      const block = new Uint8Array(100_000).fill(octet);
      const seen = decode(decoder, [...Array.from({ length: 100 }, () => block), globalHeader(), ...frames(1)]);
      expect(seen).toHaveLength(1);
      expect(rejections(decoder)).toEqual({ noise: 1 });
    }
  });

  it('survives flipped bits and goes on afterwards', () => {
    const stream = Buffer.concat([globalHeader(), ...frames(20)]);
    const flips = fc.array(fc.tuple(fc.nat(stream.length - 1), fc.nat(7)), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(flips, fc.integer({ min: 1, max: 500 }), (bits, size) => {
        const damaged = Buffer.from(stream);
        for (const [at, bit] of bits) {
          damaged[at] ^= 1 << bit;
        }
        const [decoder, whole] = [new PcapDecoder(), new PcapDecoder()];
        const tail = [globalHeader(), ...frames(2)];
        const seen = decode(decoder, [...cut(damaged, size), ...tail, ...frames(90)]);
        expect(seen.slice(-90).length).toBe(90);
        expect(decode(whole, [Buffer.concat([damaged, ...tail, ...frames(90)])])).toEqual(seen);
        expect(whole.counts).toEqual(decoder.counts);
      }),
    );
  });

  it('loses only the records that lost bytes', () => {
    const all = frames(12).map((bytes, i) => Buffer.concat([bytes.subarray(0, 16), radiotap(probeRequest(i + 1, i))]));
    const stream = Buffer.concat(all);
    const size = all[0].length;
    const after = Array.from({ length: 40 }, () => record(1_000, radiotap(probeRequest(200))));
    fc.assert(
      fc.property(fc.nat(stream.length - 300), fc.integer({ min: 1, max: 250 }), (from, length) => {
        const first = Math.floor(from / size);
        const last = Math.floor((from + length - 1) / size);
        // Enough frames behind it to settle any doubt: what looks like a record can claim 4 KiB.
        const damaged = Buffer.concat([
          globalHeader(),
          stream.subarray(0, from),
          stream.subarray(from + length),
          ...after,
        ]);
        // The spliced frame itself may pass, under whatever address its bytes then spell.
        const ours = decode(new PcapDecoder(), [damaged]).filter(({ address }) => address.startsWith('02:11:22:33:44'));
        const found = ours.map(({ address }) => Number.parseInt(address.slice(-2), 16));
        const untouched = all.map((_, i) => i + 1).filter((device) => device - 1 < first || device - 1 > last);
        let next = 0;
        for (const device of found) if (device === untouched[next]) next++;
        expect(untouched.slice(next)).toEqual([]);
        // It may even be that of an untouched one.
        expect(found.filter((device) => untouched.includes(device)).length - untouched.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('takes no frame whose capture header was torn for one of a source that sends no FCS', () => {
    const withFcs = (frame: Buffer) => {
      const fcs = Buffer.alloc(4);
      fcs.writeUInt32LE(crc32(frame));
      return Buffer.concat([frame, fcs]);
    };
    const whole = (device: number) => record(device * 40, radiotap(withFcs(probeRequest(device)), -60, 2437, 0x10));
    // Octets were lost: what stands for its flags says that there is no FCS, and the address is none of a device.
    const torn = Buffer.from(whole(9));
    torn[24] = 0;
    torn[41] ^= 0x3c;
    const first = [globalHeader(), whole(1), whole(2)];
    const spliced = new PcapDecoder();
    const after = [whole(4), whole(5), whole(6)];
    const seen = decode(spliced, [...first, torn.subarray(0, -3), ...after]);
    expect(seen.map(({ address }) => address.slice(-2))).toEqual(['01', '02', '04', '05', '06']);
    expect(rejections(spliced)).toEqual({ truncated: 1 });
    // A frame of its own may have none: the header behind it shows that its length is right.
    const mixed = new PcapDecoder();
    expect(decode(mixed, [...first, record(100, radiotap(probeRequest(3)))])).toHaveLength(2);
    expect(decode(mixed, after).map(({ address }) => address.slice(-2))).toEqual(['03', '04', '05', '06']);
    expect(rejections(mixed)).toEqual({});
  });

  it('puts no frame together over an opening, wherever the line was cut', () => {
    const all = Array.from({ length: 8 }, (_, i) => record(i * 40, radiotap(probeRequest(i + 1))));
    for (let at = 1; at < all[2].length; at++) {
      const decoder = new PcapDecoder();
      const before = decode(decoder, [globalHeader(), ...all.slice(0, 2), all[2].subarray(0, at)]);
      decoder.reopened();
      expect(rejections(decoder)).toEqual({ truncated: 1 });
      decoder.reopened();
      const after = decode(decoder, [all[3].subarray(at), ...all.slice(4)]);
      const devices = [...before, ...after].map(({ address }) => address.slice(-2));
      expect(devices, `cut at ${at}`).toEqual(['01', '02', '05', '06', '07', '08']);
    }
  });

  it('finds records without capture header again after losing any few octets', () => {
    const all = Array.from({ length: 30 }, (_, i) => record(i * 40, probeRequest(i, i)));
    for (let lost = 1; lost <= 16; lost++) {
      const torn = all[4].subarray(0, all[4].length - lost);
      const stream = [globalHeader({ linkType: 105 }), ...all.slice(0, 4), torn, ...all.slice(5)];
      // Four octets into a record, each number of its header is a plausible other one.
      expect(decode(new PcapDecoder(), stream).length, `${lost} lost`).toBeGreaterThan(20);
    }
  });

  it('holds bounded memory through a long stream of every kind', () => {
    const decoder = new PcapDecoder();
    const pieces = [globalHeader({ snapshot: 65_535 }), ...frames(50), noise(200_000, 7), record(9, noise(65_535, 5))];
    const block = Buffer.concat([...pieces, globalHeader(), ...frames(50), noise(3_000, 11)]);
    const run = (times: number) => {
      for (let i = 0; i < times; i++) {
        decode(decoder, cut(block, 3_001));
      }
      return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    };
    const before = run(20);
    expect(run(100) - before).toBeLessThan(30_000_000);
  });
});
