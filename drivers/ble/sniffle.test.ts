import { describe, expect, it } from 'vitest';
import { sniffleFrame, sniffleLine } from '../simulator/encode/sniffle.ts';
import { ARRIVAL, decode, phone, recordingSink, rejections, type Seen } from './ble.testing.ts';
import { BleSniffleDecoder } from './sniffle.ts';

/** A line as Sniffle's own tools read it: 2,000 us, channel 37, -67 dBm. */
const SAMPLE = 'DBDQBwAAFgAAAL0lQBQ0EryrzVsCARoK/0wAEAUDHIOQlg==';

function frame(device: number, more: object = {}): Uint8Array {
  return sniffleFrame({ advertisement: phone(device), stampUs: 1_000 * device, rssi: -60, channel: 38, ...more });
}

function run(...lines: (string | Uint8Array)[]): { seen: Seen[]; accepted: number; rejected: Record<string, number> } {
  const decoder = new BleSniffleDecoder();
  const seen = decode(
    decoder,
    lines.map((line) => (typeof line === 'string' ? Buffer.from(`${line}\r\n`) : line)),
  );
  return { seen, accepted: decoder.counts.accepted, rejected: rejections(decoder) };
}

/** A line whose decoded octet `at` is another. */
function changed(line: Uint8Array, at: number, value: number): Uint8Array {
  const bytes = Buffer.from(Buffer.from(line).toString('latin1'), 'base64');
  bytes[at] = value;
  return Buffer.from(`${bytes.toString('base64')}\r\n`);
}

describe('ble-sniffle', () => {
  it('reads the sample', () => {
    expect(run(SAMPLE)).toEqual({
      seen: [{ time: ARRIVAL, address: '5bcdabbc1234', random: true, advertiser: 'phone', rssi: -67, channel: 37 }],
      accepted: 1,
      rejected: {},
    });
  });

  it('is simulated octet by octet', () => {
    const line = sniffleFrame({ advertisement: phone(0x1234), stampUs: 2_000, rssi: -67, channel: 37 });
    expect(Buffer.from(line).toString('latin1')).toBe(`${SAMPLE}\r\n`);
  });

  it('accepts debug text, markers, states, measurements and other frames without a reading', () => {
    const lines = [
      sniffleLine(0x11, Buffer.from('some text')),
      sniffleLine(0x12, [1, 2, 3, 0, 0x40]),
      sniffleLine(0x13, [9]),
      sniffleLine(0x14, [5, 5, 1, 10, 0, 1]),
      frame(1, { channel: 12 }),
      changed(frame(1), 12, 0x44), // SCAN_RSP
      changed(frame(1), 12, 0x47), // ADV_EXT_IND
    ];
    expect(run(...lines)).toEqual({ seen: [], accepted: lines.length, rejected: {} });
  });

  it.each([
    ['checksum', frame(5, { crcError: true })],
    ['range', changed(frame(5), 10, 21)],
    ['range', changed(frame(5), 10, 0x80)],
    ['range', changed(frame(5), 11, 40)],
    ['range', changed(frame(5), 5, 0x40)],
    ['format', changed(frame(5), 6, 21)],
    ['format', changed(frame(5), 13, 19)],
    ['format', changed(frame(5), 0, 11)],
    ['format', changed(frame(5), 12, 0x41)],
    ['unsupported', changed(frame(5), 12, 0x4a)],
    ['format', sniffleLine(0x13, [9, 9])],
    ['format', sniffleLine(0x14, [9, 5, 1])],
    ['format', sniffleLine(0x12, [9, 5, 1])],
    ['format', sniffleLine(0x10, [0, 0, 0])],
    ['format', `${SAMPLE}AAAA`],
    ['format', SAMPLE.replace('A', '*').replace('BwAA', 'Bw A')],
    ['format', SAMPLE.replace('lg==', 'lh==')],
    ['truncated', SAMPLE.slice(0, 20)],
    ['truncated', SAMPLE.slice(0, 23)],
    ['truncated', changed(frame(5), 0, 13)],
    ['noise', 'rst:0x1 (POWERON_RESET),boot:0x13'],
    ['noise', 'load'],
    ['noise', 'DBDQ'.slice(0, 3)],
    ['noise', sniffleLine(0x15, [0])],
    ['oversize', 'A'.repeat(600)],
  ])('rejects as %s: %s', (reason, line) => {
    const { seen, accepted, rejected } = run(frame(4), line, frame(6));
    expect(seen.map(({ address }) => address)).toEqual(['5bcdabbc0004', '5bcdabbc0006']);
    expect({ accepted, rejected }).toEqual({ accepted: 2, rejected: { [reason]: 1 } });
  });

  it('times frames by the sniffer’s clock, over its wrap and over silences longer than it', () => {
    const decoder = new BleSniffleDecoder();
    const seen: Seen[] = [];
    const wrap = 2 ** 30;
    // The second and the third, right after the wrap, come 30 ms late.
    const frames = [
      { ms: 0, stampUs: wrap - 40_000 },
      { ms: 50, stampUs: wrap - 20_000 },
      { ms: 80, stampUs: wrap + 10_000 },
      { ms: 5_000_000, stampUs: wrap - 40_000 + 5_000_000_000 },
    ];
    for (const { ms, stampUs } of frames) decoder.push(frame(1, { stampUs }), ARRIVAL + ms, recordingSink(seen));
    expect(seen.map(({ time }) => Math.round(time - ARRIVAL))).toEqual([0, 20, 50, 5_000_000]);
  });
});
