import { describe, expect, it } from 'vitest';
import { NO_RSSI } from '../../agent/raw.ts';
import { endsWithFcs } from './fcs.ts';
import { PcapDecoder } from './pcap.ts';
import {
  BOOT_TEXT,
  cut,
  decode,
  ELEMENTS,
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

/** Records of devices 1 to `count`, a second apart from `first` on. */
function records(count: number, first = 1_000): Buffer[] {
  return Array.from({ length: count }, (_, i) => record(first + i * 1_000, radiotap(probeRequest(i + 1, 100 + i))));
}

const devices = (seen: Seen[]) => seen.map(({ address }) => Number.parseInt(address.slice(-2), 16));

function decodeBytes(...bytes: Uint8Array[]): { decoder: PcapDecoder; devices: number[]; rejected: object } {
  const decoder = new PcapDecoder();
  const seen = decode(decoder, bytes);
  return { decoder, devices: devices(seen), rejected: rejections(decoder) };
}

describe('wifi-pcap', () => {
  it('reads a SerialPcap stream from its start marker on', () => {
    const decoder = new PcapDecoder();
    const seen = decode(decoder, [START, globalHeader(), ...records(2)]);
    expect(seen[1]).toMatchObject({ address: '02:11:22:33:44:02', rssi: -60, channel: 6, sequence: 101 });
    expect(seen[0].fingerprint).toBe(seen[1].fingerprint);
    expect(seen[0].fingerprint).not.toBe('0/0');
    expect(decoder.counts.accepted).toBe(2);
    expect(rejections(decoder)).toEqual({});
  });

  it('counts boot text as one run of noise', () => {
    expect(decodeBytes(BOOT_TEXT, START, globalHeader(), ...records(3))).toMatchObject({
      devices: [1, 2, 3],
      rejected: { noise: 1 },
    });
  });

  it.each([
    { big: false, nano: false },
    { big: true, nano: false },
    { big: false, nano: true },
    { big: true, nano: true },
  ])('reads files of big endian $big, nanoseconds $nano, with their spacing', (format) => {
    const seen = decode(new PcapDecoder(), [globalHeader(format), record(5_000.25, radiotap(probeRequest(1)), format)]);
    expect(seen[0].time).toBe(ARRIVAL);
    const decoder = new PcapDecoder();
    const [first, second] = [
      record(1_000.5, radiotap(probeRequest(1)), format),
      record(1_900.75, radiotap(probeRequest(2)), format),
    ];
    const late = decode(decoder, [
      globalHeader(format),
      first,
      second,
      record(2_000.5, radiotap(probeRequest(3)), format),
    ]);
    expect(late.map(({ time }) => time - ARRIVAL)).toEqual([0, 0, 0]);
    const timed: Seen[] = [];
    const sink = recordingSink(timed);
    const again = new PcapDecoder();
    again.push(Buffer.concat([globalHeader(format), first]), ARRIVAL, sink);
    again.push(second, ARRIVAL + 2_000, sink);
    expect(timed[1].time - timed[0].time).toBeCloseTo(900.45, 2);
  });

  it('reads bare 802.11, with and without an FCS that nothing announces', () => {
    const frame = probeRequest(7, 4095);
    const fcs = withFcs(frame);
    expect(endsWithFcs(fcs, 0, fcs.length)).toBe(true);
    const header = globalHeader({ linkType: 105 });
    const seen = decode(new PcapDecoder(), [header, record(1_000, frame), record(2_000, fcs)]);
    expect(seen[0]).toMatchObject({ rssi: NO_RSSI, channel: 0, sequence: 4095, address: '02:11:22:33:44:07' });
    expect(seen[1].fingerprint).toBe(seen[0].fingerprint);
  });

  it('reads PPI, alone and with radiotap inside whatever its inner type says', () => {
    const common = hex('02 00 14 00 0000000000000000 0000 0200 8509 a000 00 00 b5 a0');
    const ppi = (inner: number) => Buffer.concat([hex('00 00 20 00'), Buffer.from([inner, 0, 0, 0]), common]);
    const frame = probeRequest(9);
    const bodies = [
      Buffer.concat([ppi(105), frame]),
      Buffer.concat([ppi(127), radiotap(frame, -51, 2462)]),
      Buffer.concat([ppi(105), radiotap(frame, -52, 2462)]),
    ];
    const pushes = [globalHeader({ linkType: 192 }), ...bodies.map((body, i) => record(i, body))];
    const seen = decode(new PcapDecoder(), pushes);
    expect(seen.map(({ rssi, channel }) => [rssi, channel])).toEqual([
      [-75, channelOf(2437)],
      [-51, channelOf(2462)],
      [-52, channelOf(2462)],
    ]);
    expect(new Set(seen.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  });

  it('tells of a link type that it does not know, once, and goes on at the next header', () => {
    const ethernet = [record(1_000, new Uint8Array(60)), record(2_000, new Uint8Array(90))];
    const result = decodeBytes(globalHeader({ linkType: 1 }), ...ethernet, globalHeader(), ...records(1));
    expect(result).toMatchObject({ devices: [1], rejected: { unsupported: 1 } });
    expect(result.decoder.counts.accepted).toBe(1);
  });

  it('rejects a group or empty source, a signal above 0 dBm and a bad FCS, each by its reason', () => {
    const group = probeRequest(1);
    group[10] = 0x03;
    const empty = probeRequest(1);
    empty.fill(0, 10, 16);
    const bodies = [
      radiotap(group),
      radiotap(empty),
      radiotap(probeRequest(1), 12),
      radiotap(probeRequest(1), -128),
      radiotap(probeRequest(1), -60, 2437, 0x40),
      radiotap(probeRequest(1).subarray(0, 20)),
      radiotap(probeRequest(2)),
    ];
    const result = decodeBytes(globalHeader(), ...bodies.map((body, i) => record(1_000 + i, body)));
    expect(result).toMatchObject({ devices: [2], rejected: { format: 2, range: 2, checksum: 1, truncated: 1 } });
  });

  it('accepts other frames without a reading', () => {
    const beacon = probeRequest(1);
    beacon[0] = 0x80;
    const { decoder, devices: found } = decodeBytes(globalHeader(), record(1, radiotap(beacon)), ...records(1));
    expect(found).toEqual([1]);
    expect(decoder.counts.accepted).toBe(2);
  });

  it('accepts a frame whose last element is cut, by its whole elements', () => {
    const whole = ELEMENTS.subarray(0, ELEMENTS.length - 9);
    const bodies = [whole, ELEMENTS.subarray(0, -2)].map((elements) => radiotap(probeRequest(1, 0, elements)));
    const seen = decode(new PcapDecoder(), [globalHeader(), ...bodies.map((body) => record(1, body))]);
    expect(seen).toHaveLength(2);
    expect(seen[1].fingerprint).toBe(seen[0].fingerprint);
  });

  it('notices a restart between records and in the middle of any', () => {
    const [one, two, torn] = records(3);
    const after = [START, globalHeader(), ...records(2, 200).map((bytes) => Buffer.from(bytes))];
    for (let length = 0; length <= torn.length; length++) {
      for (const text of [BOOT_TEXT, Buffer.alloc(0)]) {
        const result = decodeBytes(globalHeader(), one, two, torn.subarray(0, length), text, ...after);
        // A text that only fills the last octets of a record cannot be told from them.
        const passed = length > torn.length - 6;
        expect(result.devices).toEqual(passed ? [1, 2, 3, 1, 2] : [1, 2, 1, 2]);
        const clean = text.length === 0 && length === 0;
        const ofText = text.length > 0 ? { noise: 1 } : {};
        const atHeader = clean ? {} : { noise: 1 };
        expect(result.rejected).toEqual(passed ? ofText : length < 16 ? atHeader : { truncated: 1 });
      }
    }
  });

  it('holds a record that ends with text only until the next header, and keeps its time', () => {
    const text = Buffer.concat([ELEMENTS, hex('dd 0a 00 11 22 33'), Buffer.from('vendor')]);
    const held = record(1_000, radiotap(probeRequest(8, 0, text)));
    const decoder = new PcapDecoder();
    const seen: Seen[] = [];
    const sink = recordingSink(seen);
    decoder.push(Buffer.concat([globalHeader(), held]), ARRIVAL, sink);
    expect(seen).toEqual([]);
    decoder.push(records(1, 200_000)[0], ARRIVAL + 199_000, sink);
    expect(seen.map(({ time }) => time)).toEqual([ARRIVAL, ARRIVAL + 199_000]);
  });

  it('does not take an SSID that spells the start marker for a restart', () => {
    const ssid = Buffer.concat([hex('00 0d'), Buffer.from('<<START>>\r\nab'), ELEMENTS.subarray(2)]);
    const spoof = record(500, radiotap(probeRequest(9, 0, ssid)));
    expect(decodeBytes(globalHeader(), spoof, ...records(2))).toMatchObject({ devices: [9, 1, 2], rejected: {} });
  });

  it.each([
    [127, radiotap(probeRequest(5))],
    [105, probeRequest(5)],
  ])('joins a stream of link type %i in its middle, with or without being told the type', (linkType, body) => {
    for (const options of [{}, { linkType }]) {
      const decoder = new PcapDecoder(options);
      const one = record(70_000, body);
      expect(devices(decode(decoder, [one.subarray(21), one, one, one]))).toEqual([5, 5, 5]);
      expect(rejections(decoder)).toEqual({ noise: 1 });
    }
  });

  it('never waits for a record of an absurd length', () => {
    for (const length of [0xffffffff, 0x80000000, 65_536, 0]) {
      const [one, two, three] = records(3);
      two.writeUInt32LE(length, 8);
      expect(decodeBytes(globalHeader({ snapshot: 262_144 }), one, two, three)).toMatchObject({
        devices: [1, 3],
        rejected: { noise: 1 },
      });
    }
  });

  it('loses no more than the one record whose length is wrong', () => {
    const [one, two, three, four, five] = records(5);
    for (let length = 8; length <= 4_000; length += 11) {
      if (length > two.length && (length + 16) % two.length === 0) {
        continue; // It happens to end where another record begins.
      }
      const wrong = Buffer.from(two);
      wrong.writeUInt32LE(length, 8);
      wrong.writeUInt32LE(length, 12);
      const filler = Array.from({ length: 60 }, () => five);
      const { devices: found } = decodeBytes(globalHeader(), one, wrong, three, four, ...filler);
      expect(found.filter((device) => device !== 2)).toEqual([1, 3, 4, ...filler.map(() => 5)]);
    }
  });

  it('keeps the last record of a stream without waiting for another', () => {
    const decoder = new PcapDecoder();
    expect(devices(decode(decoder, [globalHeader(), ...records(1)]))).toEqual([1]);
    const ssidOnly = Buffer.concat([hex('00 08'), Buffer.from('Footfall')]);
    const seen = decode(new PcapDecoder(), [globalHeader(), record(1_000, radiotap(probeRequest(4, 0, ssidOnly)))]);
    expect(devices(seen)).toEqual([4]);
  });

  it('gives the same however the stream is cut', () => {
    const [one, two, three] = records(3);
    const stream = Buffer.concat([BOOT_TEXT, START, globalHeader(), one, two.subarray(0, 60), BOOT_TEXT, START]);
    const whole = Buffer.concat([stream, globalHeader(), one, two, three, two.subarray(30), three, one]);
    const reference = new PcapDecoder();
    const expected = decode(reference, [whole]);
    expect(devices(expected)).toEqual([1, 1, 2, 3, 3, 1]);
    for (let at = 1; at < whole.length; at++) {
      const decoder = new PcapDecoder();
      expect(decode(decoder, [whole.subarray(0, at), whole.subarray(at)])).toEqual(expected);
      expect(decoder.counts).toEqual(reference.counts);
    }
    for (const size of [1, 2, 7, 16, 24]) {
      const decoder = new PcapDecoder();
      expect(decode(decoder, cut(whole, size))).toEqual(expected);
      expect(decoder.counts).toEqual(reference.counts);
    }
  });
});

const channelOf = (mhz: number) => (mhz - 2407) / 5;

/** Appends the FCS, by a bitwise CRC-32 of its own. */
function withFcs(frame: Uint8Array): Buffer {
  let crc = 0xffffffff;
  for (const octet of frame) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  const fcs = Buffer.alloc(4);
  fcs.writeUInt32LE(~crc >>> 0);
  return Buffer.concat([frame, fcs]);
}
