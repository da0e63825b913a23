import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_SEQUENCE } from '../../agent/raw.ts';
import { WifiLinesDecoder } from './lines.ts';
import { cut, decode, rejections, type Seen } from './testing.ts';

const SAMPLES = new URL('../../../shared/data/serial-format-samples/', import.meta.url);

function decodeText(...lines: (string | Uint8Array)[]): { seen: Seen[]; accepted: number; rejected: object } {
  const decoder = new WifiLinesDecoder();
  const seen = decode(
    decoder,
    lines.map((line) => (typeof line === 'string' ? Buffer.from(`${line}\r\n`) : line)),
    5_000,
  );
  return { seen, accepted: decoder.counts.accepted, rejected: rejections(decoder) };
}

const PROBE = '80:56:F2:E9:99:BA|FF:FF:FF:FF:FF:FF|00|04|12|-88';

describe('wifi-lines', () => {
  it('reads the six fields of a probe request, in either case of letters', () => {
    const expected = {
      time: 5_000,
      address: '80:56:f2:e9:99:ba',
      rssi: -88,
      channel: 12,
      sequence: NO_SEQUENCE,
      fingerprint: '0/0',
    };
    expect(decodeText(PROBE, PROBE.toLowerCase()).seen).toEqual([expected, expected]);
  });

  it('reads nine fields, whatever the SSID holds', () => {
    for (const ssid of ['', 'TL-WR886R', '就这样', 'a|b', '||', '0|0', 'x'.repeat(32)]) {
      expect(decodeText(`${PROBE}|${ssid}|0|1`)).toMatchObject({ seen: [{ rssi: -88, channel: 12 }], rejected: {} });
    }
    expect(decodeText(`${PROBE}|${'x'.repeat(33)}|0|1`)).toMatchObject({ seen: [], rejected: { format: 1 } });
  });

  it('reads ten fields and takes the second address for the source', () => {
    const { seen } = decodeText('5C:CF:7F:46:C4:A6|5C:CF:7F:D7:9C:81|FF:FF:FF:FF:FF:FF|00|04|9|-68|0|0|0');
    expect(seen).toMatchObject([{ address: '5c:cf:7f:d7:9c:81', channel: 9, rssi: -68 }]);
  });

  it('accepts other frames without a reading', () => {
    for (const kind of ['02|0c', '01|09', '00|08', '02|00', '00|c']) {
      expect(decodeText(PROBE.replace('00|04', kind))).toMatchObject({ seen: [], accepted: 1 });
    }
  });

  it.each([
    ['format', PROBE.replace('80:', '8x:')],
    ['format', PROBE.replace('80:56', '8:56')],
    ['format', PROBE.replace('80:', '0x:')],
    ['format', PROBE.replace('FF|00', '0x|00')],
    ['format', PROBE.replace('|00|', '|0x|')],
    ['format', PROBE.replace('80:', '01:')],
    ['format', '00:00:00:00:00:00|FF:FF:FF:FF:FF:FF|00|04|12|-88'],
    ['format', PROBE.replace('-88', '')],
    ['format', PROBE.replace('-88', '-')],
    ['format', PROBE.replace('-88', '-8a')],
    ['format', PROBE.replace('-88', '-0088')],
    ['format', PROBE.replace('|12|', '|1 2|')],
    ['format', PROBE.replace('|04|', '|0g|')],
    ['format', PROBE.replace('|04|', '|004|')],
    ['format', `${PROBE}|ssid|0|x`],
    ['range', PROBE.replace('-88', '-128')],
    ['range', PROBE.replace('-88', '1')],
    ['range', PROBE.replace('|12|', '|0|')],
    ['range', PROBE.replace('|12|', '|197|')],
    ['range', PROBE.replace('|00|04', '|04|04')],
    ['range', PROBE.replace('|00|04', '|00|14')],
    ['truncated', PROBE.slice(0, 40)],
    ['truncated', `${PROBE}|ssid|0`],
    ['truncated', '56:F2:E9:99:BA|FF:FF:FF:FF:FF:FF|00|04'],
    ['noise', ' ets Jan  8 2013,rst cause:2, boot mode:(3,7)'],
    ['noise', 'rst:0x10 (RTCWDT_RTC_RESET),boot:0x13'],
    ['noise', '48cd02'],
  ])('rejects as %s: %s', (reason, line) => {
    expect(decodeText(line, PROBE)).toMatchObject({ accepted: 1, rejected: { [reason]: 1 } });
  });

  it('takes 0 and -127 dBm and channels 1 and 196 for the ends of their ranges', () => {
    expect(decodeText(PROBE.replace('12|-88', '1|0'), PROBE.replace('12|-88', '196|-127')).seen).toHaveLength(2);
    expect(Object.is(decodeText(PROBE.replace('-88', '0')).seen[0].rssi, 0)).toBe(true);
  });

  it('gives the same however the stream is cut, and survives flipped bits', () => {
    const text = `boot\r\n${PROBE}\r\n${PROBE}|就这样|0|0\n5C:CF:7F:46:C4:A6|${PROBE}|0|0|0\r${PROBE.slice(9)}\r\n${PROBE}\n`;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(Buffer.byteLength(text) - 1), fc.nat(7)), { maxLength: 6 }),
        fc.integer({ min: 1, max: 80 }),
        (flips, size) => {
          const bytes = Buffer.from(text);
          for (const [at, bit] of flips) {
            bytes[at] ^= 1 << bit;
          }
          const [one, two] = [new WifiLinesDecoder(), new WifiLinesDecoder()];
          expect(decode(one, cut(bytes, size))).toEqual(decode(two, [bytes]));
          expect(one.counts).toEqual(two.counts);
        },
      ),
    );
    const whole = decodeText(Buffer.from(text));
    expect(whole).toMatchObject({ accepted: 4, rejected: { noise: 1, format: 1 } });
  });

  it('finds a good line after 1 MB of anything and 10 MB without a line end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1_000, maxLength: 1_000 }), (bytes) => {
        const decoder = new WifiLinesDecoder();
        const blocks = Array.from({ length: 1_000 }, () => bytes);
        expect(decode(decoder, [...blocks, Buffer.from(`\n${PROBE}\n`)])).toHaveLength(1);
      }),
      { numRuns: 3 },
    );
    const long = new Uint8Array(10_000_000).fill(0x41);
    expect(decodeText(long, '', PROBE)).toMatchObject({ accepted: 1, rejected: { oversize: 1 } });
  });

  it.skipIf(!existsSync(SAMPLES))('reads the public samples (skipped where shared/data is absent)', () => {
    const sample = (name: string) => decodeText(readFileSync(new URL(name, SAMPLES)));
    expect(sample('tz001_serial_6field.txt')).toMatchObject({ accepted: 5, rejected: {} });
    expect(sample('tz001_serial_6field.txt').seen.map(({ rssi }) => rssi)).toEqual([-88, -93]);
    expect(sample('ownmac_10field.txt')).toMatchObject({ accepted: 1, seen: [{ rssi: -68 }] });
    // One line without its head, one without the head of its address, one spliced of two.
    const damaged = sample('ssid_9field_with_real_corruption.txt');
    expect(damaged).toMatchObject({ accepted: 5, rejected: { truncated: 1, format: 2 } });
    expect(damaged.seen.map(({ rssi, channel }) => [rssi, channel])).toEqual([
      [-94, 3],
      [-16, 4],
    ]);
  });
});
