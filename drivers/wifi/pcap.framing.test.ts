/** What proves a record and what begins one: check sequences, Marauder's bursts, restarts of tcpdump. */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_RSSI } from '../../agent/raw.ts';
import { wifiMonitor } from './monitor.ts';
import { PcapDecoder, wifiPcap } from './pcap.ts';
import {
  BOOT_TEXT,
  cut,
  decode,
  globalHeader,
  hex,
  probeRequest,
  radiotap,
  record,
  recordingSink,
  rejections,
  type Seen,
  START,
} from './testing.ts';

const ARRIVAL = 1_700_000_000_000;
const FLAG_FCS = 0x10;
const text = (value: string) => Buffer.from(value, 'latin1');
const devices = (seen: Seen[]) => seen.map(({ address }) => Number.parseInt(address.slice(-2), 16));

function withFcs(frame: Uint8Array): Buffer {
  const fcs = Buffer.alloc(4);
  fcs.writeUInt32LE(crc32(frame));
  return Buffer.concat([frame, fcs]);
}

/** A record of device `device` with a capture header that announces an FCS. */
const sealed = (device: number, ms = device * 1_000, frame: Uint8Array = probeRequest(device, device)) =>
  record(ms, radiotap(withFcs(frame), -60, 2437, FLAG_FCS));

describe('the check sequence of a probe request', () => {
  it('lets no flipped bit of a frame become a device, once the source has shown that its own are right', () => {
    const frame = withFcs(probeRequest(9, 9));
    const bodies = [
      { linkType: 127, of: (bytes: Uint8Array) => radiotap(bytes, -60, 2437, FLAG_FCS) },
      { linkType: 105, of: (bytes: Uint8Array) => bytes },
    ];
    for (const { linkType, of } of bodies) {
      const header = globalHeader({ linkType });
      const good = [1, 2].map((device) => record(device, of(withFcs(probeRequest(device)))));
      for (let bit = 0; bit < 8 * frame.length; bit++) {
        const damaged = Buffer.from(frame);
        damaged[bit >> 3] ^= 1 << (bit & 7);
        const decoder = new PcapDecoder();
        expect(devices(decode(decoder, [header, ...good, record(50, of(damaged)), good[0]]))).toEqual([1, 2, 1]);
        // A flip in the first octet can make it a frame of another kind, which is nobody's.
        const rejected = Object.values(rejections(decoder)).reduce((sum, count) => sum + count, 0);
        expect(decoder.counts.accepted + rejected).toBe(4);
        if (bit >= 8) expect(rejections(decoder)).toEqual({ checksum: 1 });
      }
    }
  });

  it('is not held against a source that announces one and never has it right', () => {
    const stale = [1, 2, 3, 4].map((device) => record(device, radiotap(probeRequest(device), -60, 2437, FLAG_FCS)));
    const decoder = new PcapDecoder();
    expect(devices(decode(decoder, [globalHeader(), ...stale]))).toEqual([1, 2, 3, 4]);
    expect(rejections(decoder)).toEqual({});
  });

  it('is learnt anew at each global header', () => {
    const stale = record(1, radiotap(probeRequest(7), -60, 2437, FLAG_FCS));
    const decoder = new PcapDecoder();
    const seen = decode(decoder, [globalHeader(), sealed(1), sealed(2), stale, globalHeader(), stale, stale]);
    expect(devices(seen)).toEqual([1, 2, 7, 7]);
    expect(rejections(decoder)).toEqual({ checksum: 1 });
  });

  it('proves a record that ends with text, so that it need not wait for the next', () => {
    // The one of this frame happens to be four letters.
    const elements = (salt: number) => {
      const name = Buffer.alloc(8, 'a');
      name.writeUInt32LE(salt, 0);
      return Buffer.concat([hex('00 00 dd 08'), name]);
    };
    let salt = 0;
    let frame = withFcs(probeRequest(8, 0, elements(salt)));
    while (!/^[ -~]{6}$/.test(frame.subarray(-6).toString('latin1')))
      frame = withFcs(probeRequest(8, 0, elements(++salt)));
    const held = record(1_000, radiotap(frame, -60, 2437, 0));
    const passed = record(1_000, radiotap(frame, -60, 2437, FLAG_FCS));
    expect(devices(decode(new PcapDecoder(), [globalHeader(), held]))).toEqual([]);
    expect(devices(decode(new PcapDecoder(), [globalHeader(), passed]))).toEqual([8]);
  });

  it('keeps a torn record from passing, wherever a restart cut it', () => {
    const torn = sealed(3);
    for (const between of [Buffer.concat([BOOT_TEXT, START]), START, Buffer.alloc(0)]) {
      for (let length = 1; length < torn.length; length++) {
        const parts = [globalHeader(), sealed(1), sealed(2), torn.subarray(0, length), between, globalHeader()];
        const decoder = new PcapDecoder();
        const seen = decode(decoder, [Buffer.concat([...parts, sealed(4, 200), sealed(5, 300), sealed(6, 400)])]);
        expect([length, devices(seen)]).toEqual([length, [1, 2, 4, 5, 6]]);
      }
    }
  });
});

describe('ESP32 Marauder', () => {
  const BEGIN = text('[BUF/BEGIN]');
  const CLOSE = text('[BUF/CLOSE]');
  const burst = (...parts: Uint8Array[]) => Buffer.concat([BEGIN, ...parts, CLOSE]);
  const bare = (device: number) => record(device * 1_000, probeRequest(device, device));
  const console1 = text('\r\n> #sniffprobe -serial\r\nStarting Probe sniff. Stop with stopscan\r\n');
  const console2 = text('-71 Ch: 6 Client: 02:11:22:33:44:05 Requesting: caf\u00e9\r\n');
  const header = globalHeader({ linkType: 105, snapshot: 2324 });

  it('reads bursts between lines of console text, the global header in the first alone', () => {
    const decoder = new PcapDecoder();
    const stream = [console1, burst(header, bare(1), bare(2)), console2, burst(bare(3)), burst(bare(4)), console2];
    const seen = decode(decoder, [...stream, burst(bare(5))]);
    expect(devices(seen)).toEqual([1, 2, 3, 4, 5]);
    expect(seen[0]).toMatchObject({ rssi: NO_RSSI, channel: 0, sequence: 1 });
    // The text before the first burst could be anything's.
    expect(rejections(decoder)).toEqual({ noise: 1 });
  });

  it('passes the last record of a burst on without waiting for the next burst', () => {
    const name = Buffer.concat([hex('00 00 dd 0a 00 11 22 33'), text('vendor')]);
    const textual = record(1, probeRequest(6, 0, name));
    expect(devices(decode(new PcapDecoder(), [burst(header, textual)]))).toEqual([6]);
  });

  it('reads 32 octets of PPI and 13 of radiotap in front of a frame', () => {
    const ppi = hex('00 00 20 00 69 00 00 00 02 00 14 00 0000000000000000 0000 0000 8509 8004 00 00 b5 80');
    const inner = hex('00 00 0d 00 28 00 00 00 85 09 80 04 b5');
    const one = record(1, Buffer.concat([ppi, inner, probeRequest(3, 77)]));
    const seen = decode(new PcapDecoder(), [burst(globalHeader({ linkType: 192 }), one)]);
    expect(seen).toMatchObject([{ address: '02:11:22:33:44:03', rssi: -75, channel: 6, sequence: 77 }]);
    expect(seen[0].fingerprint).not.toBe('0/0');
  });

  it('is joined in the middle of a burst and of the text', () => {
    for (const options of [{}, { linkType: 105 }]) {
      for (const start of [bare(1).subarray(30), console2.subarray(7), BEGIN.subarray(3)]) {
        const decoder = wifiPcap.createDecoder(options);
        const seen = decode(decoder, [
          Buffer.concat([start, CLOSE, console2, burst(bare(2), bare(3)), burst(bare(4))]),
        ]);
        expect(devices(seen)).toEqual([2, 3, 4]);
        expect(rejections(decoder)).toEqual({ noise: 1 });
      }
    }
  });

  it('goes on after a reset in a burst, and after lost bytes at the next burst', () => {
    const third = bare(3);
    for (let length = 0; length < third.length - 6; length += 3) {
      const decoder = new PcapDecoder();
      const torn = Buffer.concat([BEGIN, header, bare(1), bare(2), third.subarray(0, length)]);
      const seen = decode(decoder, [torn, BOOT_TEXT, console1, burst(header, bare(4)), burst(bare(5))]);
      expect([length, devices(seen)]).toEqual([length, [1, 2, 4, 5]]);
      const lost = Buffer.concat([BEGIN, header, bare(1), bare(2), third.subarray(length + 1), CLOSE]);
      // What looks like a record can claim 4 KiB: enough behind it to settle the doubt.
      const filler = Array.from({ length: 60 }, () => burst(bare(6)));
      const after = decode(new PcapDecoder(), [lost, console2, burst(bare(4)), burst(bare(5)), ...filler]);
      expect([length, devices(after).slice(-62)]).toEqual([length, [4, 5, ...filler.map(() => 6)]]);
    }
  });

  it('counts binary noise between bursts once', () => {
    const noise = Uint8Array.from({ length: 90 }, (_, i) => (i * 151 + 29) & 0xff);
    const decoder = new PcapDecoder();
    const seen = decode(decoder, [burst(header, bare(1)), console2, noise, console2, burst(bare(2))]);
    expect(devices(seen)).toEqual([1, 2]);
    expect(rejections(decoder)).toEqual({ noise: 1 });
  });

  it('gives the same however the stream is cut', () => {
    const parts = [
      console1,
      burst(header, bare(1), bare(2)),
      console2,
      burst(bare(3).subarray(0, 70)),
      BOOT_TEXT,
      console1,
    ];
    const stream = Buffer.concat([
      ...parts,
      burst(header, bare(4)),
      console2,
      burst(bare(5), bare(6)),
      console2,
      CLOSE,
    ]);
    const reference = new PcapDecoder();
    const expected = decode(reference, [stream]);
    expect(devices(expected)).toEqual([1, 2, 4, 5, 6]);
    for (let at = 1; at < stream.length; at++) {
      const decoder = new PcapDecoder();
      expect(decode(decoder, [stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
      expect(decoder.counts).toEqual(reference.counts);
    }
    const decoder = new PcapDecoder();
    expect(decode(decoder, cut(stream, 1))).toEqual(expected);
    expect(decoder.counts).toEqual(reference.counts);
  });
});

describe('wifi-monitor', () => {
  const header = globalHeader({ snapshot: 262_144 });
  const at = (device: number, ms: number) => record(ARRIVAL + ms, radiotap(probeRequest(device, device)));

  it('reads a capture with the times of the host', () => {
    const decoder = wifiMonitor.createDecoder();
    const seen: Seen[] = [];
    const sink = recordingSink(seen);
    decoder.push(Buffer.concat([header, at(1, 0)]), ARRIVAL + 5, sink);
    decoder.push(at(2, 700.25), ARRIVAL + 2_000, sink);
    expect(seen[1].time - seen[0].time).toBeCloseTo(700.45, 2);
    expect(decoder.counts.accepted).toBe(2);
  });

  it('takes the header of a tcpdump that was started again, also in the middle of a record', () => {
    const torn = at(3, 3_000);
    const after = [header, at(4, 5_000), at(5, 6_000), at(6, 7_000)];
    for (let length = 0; length < torn.length; length++) {
      const stream = Buffer.concat([header, at(1, 1_000), at(2, 2_000), torn.subarray(0, length), ...after]);
      const reference = wifiMonitor.createDecoder();
      const seen = decode(reference, [stream]);
      // What is missing of the record is less than what a header shows itself by.
      const passed = torn.length - length < 8;
      expect([length, devices(seen)]).toEqual([length, passed && length > 0 ? [1, 2, 3, 4, 5, 6] : [1, 2, 4, 5, 6]]);
      const decoder = wifiMonitor.createDecoder();
      expect(decode(decoder, cut(stream, 37))).toEqual(seen);
      expect(decoder.counts).toEqual(reference.counts);
    }
  });

  it('is not led astray by a frame that spells a global header', () => {
    const spelled = globalHeader({ linkType: 105 });
    const body = Buffer.concat([hex('00 00 dd 22'), START, spelled.subarray(0, 21), hex('dd 05 00 11 22 33 44')]);
    for (const elements of [body, Buffer.concat([hex('00 00 dd 18'), spelled])]) {
      const spoof = record(ARRIVAL + 1_500, radiotap(probeRequest(9, 0, elements)));
      const decoder = wifiMonitor.createDecoder();
      const seen = decode(decoder, [header, at(1, 1_000), spoof, at(2, 2_000), at(3, 3_000)]);
      expect(devices(seen)).toEqual([1, 9, 2, 3]);
      expect(rejections(decoder)).toEqual({});
    }
  });

  it('goes on after any damage', () => {
    const stream = Buffer.concat([header, ...Array.from({ length: 12 }, (_, i) => at(i + 1, i * 50))]);
    fc.assert(
      fc.property(fc.nat(stream.length), fc.nat(400), fc.uint8Array({ maxLength: 200 }), (from, lost, noise) => {
        const damaged = Buffer.concat([stream.subarray(0, from), noise, stream.subarray(from + lost)]);
        const tail = [header, ...Array.from({ length: 60 }, (_, i) => at(100 + i, 10_000 + i * 50))];
        const [one, two] = [wifiMonitor.createDecoder(), wifiMonitor.createDecoder()];
        const seen = decode(one, [Buffer.concat([damaged, ...tail])]);
        expect(devices(seen).slice(-20)).toEqual(Array.from({ length: 20 }, (_, i) => 140 + i));
        expect(decode(two, cut(Buffer.concat([damaged, ...tail]), 61))).toEqual(seen);
        expect(two.counts).toEqual(one.counts);
      }),
    );
  });
});
