import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_SEQUENCE } from '../../agent/raw.ts';
import { WifiJsonDecoder } from './json.ts';
import {
  BOOT_TEXT,
  cut,
  decode,
  globalHeader,
  probeRequest,
  radiotap,
  record,
  recordingSink,
  rejections,
  type Seen,
} from './testing.ts';

/** The line of the format's description, spelled out. */
const HEAD =
  '{"ts":83412,"ch":6,"rssi":-71,"type":"Management","subtype":"ProbeReq","len":142,' +
  '"addr1":"FF:FF:FF:FF:FF:FF","addr2":"02:1B:C3:00:AF:FE","addr3":"FF:FF:FF:FF:FF:FF",' +
  '"flags":{"toDS":0,"fromDS":0,"retry":0},"ssid":"';
const TAIL = '","vendor":"0050F2,00904C,001018"}';
const LINE = `${HEAD}CMCC${TAIL}`;
const AP = LINE.replace('ProbeReq', 'Beacon').replace('02:1B', 'D4:1B');

function decodeText(...lines: (string | Uint8Array)[]): { seen: Seen[]; accepted: number; rejected: object } {
  const decoder = new WifiJsonDecoder();
  const bytes = lines.map((line) => (typeof line === 'string' ? Buffer.from(`${line}\r\n`, 'latin1') : line));
  const seen = decode(decoder, bytes, 5_000_000);
  return { seen, accepted: decoder.counts.accepted, rejected: rejections(decoder) };
}

describe('wifi-json', () => {
  it('takes the rest of a line for no rest of an SSID, and the clock for another one, once the line is opened anew', () => {
    const decoder = new WifiJsonDecoder();
    decode(decoder, [Buffer.from(`${HEAD}two\n`)], 5_000_000);
    decoder.reopened();
    // Restarted: it has been on for three seconds longer than before, a minute later.
    const later = Buffer.from(`lines${TAIL}\n${LINE.replace('83412', '86412')}\n`);
    expect(decode(decoder, [later], 5_060_000).map(({ time }) => time)).toEqual([5_060_000]);
    expect(rejections(decoder)).toEqual({ truncated: 1 });
  });

  it('reads a probe request, its sender being the second address, in either case of letters', () => {
    const expected: Seen = {
      time: 5_000_000,
      address: '02:1b:c3:00:af:fe',
      rssi: -71,
      channel: 6,
      sequence: NO_SEQUENCE,
      fingerprint: '0/0',
    };
    const lower = LINE.replace('02:1B:C3:00:AF:FE', '02:1b:c3:00:af:fe');
    expect(decodeText(LINE, lower)).toEqual({ seen: [expected, expected], accepted: 2, rejected: {} });
    const directed = LINE.replace('FF:FF:FF:FF:FF:FF', 'D4:1B:C3:00:00:01');
    expect(decodeText(directed, `${LINE}\n`)).toMatchObject({ seen: [expected, expected], rejected: {} });
  });

  it.each([
    '',
    '<hidden>',
    '就这样',
    'a"b\\c',
    '}{"}',
    '","rssi":0,"ch":14,"',
    '","vendor":"',
    '","vendor":""}',
    '"},"ssid":"',
    '{"ts":1,"ch":1,"rssi":-1',
    '\r',
    'a\rb',
    '\n',
    'a\nb',
    'a\r\nb',
    `${'x'.repeat(30)}\ny`,
    'x'.repeat(32),
  ])('reads a line whatever its SSID holds: %j', (ssid) => {
    const { seen, accepted, rejected } = decodeText(Buffer.from(`${HEAD}${ssid}${TAIL}\r\n`), LINE);
    expect({ accepted, rejected }).toEqual({ accepted: 2, rejected: {} });
    expect(seen.map(({ rssi, channel }) => [rssi, channel])).toEqual([
      [-71, 6],
      [-71, 6],
    ]);
  });

  it('reads a line whatever octets its SSID is made of', () => {
    // Two line ends in one SSID leave a piece that is neither a line nor the end of one.
    const octets = fc
      .uint8Array({ maxLength: 32 })
      .filter((ssid) => ssid.filter((octet) => octet === 0x0a).length < 2 && ssid.every((octet) => octet !== 0));
    fc.assert(
      fc.property(octets, (ssid) => {
        const bytes = Buffer.concat([Buffer.from(HEAD), ssid, Buffer.from(`${TAIL}\r\n${LINE}\r\n`)]);
        expect(decodeText(bytes)).toMatchObject({ seen: [{ rssi: -71 }, { rssi: -71 }], accepted: 2, rejected: {} });
      }),
    );
  });

  it('takes what stands in front of the SSID from a line that the module cut at 511 bytes', () => {
    const vendors = `","vendor":"${Array.from({ length: 50 }, () => '0050F2').join(',')}"}`;
    const whole = Buffer.from(`${HEAD}CMCC${vendors}`);
    expect(whole.length).toBeGreaterThan(511);
    expect(decodeText(Buffer.from(`${whole.subarray(0, 511)}\r\n${LINE}\r\n`))).toMatchObject({
      accepted: 2,
      rejected: {},
    });
    expect(decodeText(Buffer.from(`${whole.subarray(0, 510)}\r\n${LINE}\r\n`))).toMatchObject({
      accepted: 1,
      rejected: { truncated: 1 },
    });
    expect(decodeText(Buffer.concat([whole, Buffer.from(`\r\n${LINE}\r\n`)]))).toMatchObject({
      accepted: 1,
      rejected: { oversize: 1 },
    });
  });

  it('accepts other frames without a reading, those with fewer addresses included', () => {
    const acknowledgement = LINE.replace('Management', 'Control')
      .replace('ProbeReq', 'Ack')
      .replace('02:1B:C3:00:AF:FE', '')
      .replace('"addr3":"FF:FF:FF:FF:FF:FF"', '"addr3":""')
      .replace('"len":142', '"len":14');
    const data = LINE.replace('Management', 'Data')
      .replace('ProbeReq', 'QoS Data')
      .replace(/"flags":\{[^}]*\}/, '"flags":{}');
    expect(decodeText(AP, acknowledgement, data)).toEqual({ seen: [], accepted: 3, rejected: {} });
    // The words of a probe request in another frame.
    expect(decodeText(LINE.replace('Management', 'Data'), AP.replace('"CMCC"', '"ProbeReq"')).seen).toEqual([]);
  });

  it.each([
    ['format', LINE.replace('02:1B', '0x:1B')],
    ['format', LINE.replace('02:1B', '2:1B')],
    ['format', LINE.replace('02:1B', '03:1B')],
    ['format', LINE.replace('02:1B:C3:00:AF:FE', '00:00:00:00:00:00')],
    ['format', LINE.replace('02:1B:C3:00:AF:FE', '')],
    ['format', LINE.replace('"addr1":"FF', '"addr1":"FG')],
    ['format', LINE.replace('-71', '')],
    ['format', LINE.replace('-71', '--71')],
    ['format', LINE.replace('-71', '-071')],
    ['format', LINE.replace('-71', '-7.1')],
    ['format', LINE.replace('-71', '-0071')],
    ['format', LINE.replace('83412', '-1')],
    ['format', LINE.replace('83412', '1234567890123')],
    ['format', LINE.replace(',"len":142', '')],
    ['format', LINE.replace('"retry":0', '"retry":{}')],
    ['format', LINE.replace('"ch":6', '"ch": 6')],
    ['format', LINE.replace('"type":"Management"', '"type":"Mana{gement"')],
    ['format', `${HEAD}${'x'.repeat(33)}${TAIL}`],
    ['format', LINE.slice(0, LINE.indexOf('"len"')) + LINE],
    ['format', `${HEAD}CM${LINE}`],
    ['range', LINE.replace('-71', '-128')],
    ['range', LINE.replace('-71', '1')],
    ['range', LINE.replace('"ch":6', '"ch":0')],
    ['range', LINE.replace('"ch":6', '"ch":197')],
    ['range', LINE.replace('"len":142', '"len":23')],
    ['range', LINE.replace('"len":142', '"len":4096')],
    ['truncated', LINE.slice(0, 60)],
    ['truncated', LINE.slice(0, HEAD.indexOf('"addr2"') + 14)],
    ['truncated', LINE.slice(0, HEAD.length - 1)],
    ['truncated', `${HEAD}CMCC","vendor":"0050F2,00904C,0010`],
    ['truncated', LINE.slice(20)],
    ['truncated', `D","vendor":""}`],
    ['noise', 'rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)'],
    ['noise', '{"id":"AA:BB:CC:DD:EE:FF","rssi":-70}'],
    ['noise', '{"v":1,"t":"cnt","boot":"00a1b2c3","seq":123,"in":456,"out":440,"ms":987654}'],
    ['noise', '80:56:F2:E9:99:BA|FF:FF:FF:FF:FF:FF|00|04|12|-88'],
  ])('rejects as %s: %s', (reason, line) => {
    expect(decodeText(line, LINE)).toMatchObject({ seen: [{ rssi: -71 }], accepted: 1, rejected: { [reason]: 1 } });
  });

  it('takes 0 and -127 dBm and channels 1 and 196 for the ends of their ranges', () => {
    const { seen } = decodeText(
      LINE.replace('"ch":6,"rssi":-71', '"ch":1,"rssi":0'),
      LINE.replace('"ch":6,"rssi":-71', '"ch":196,"rssi":-127'),
    );
    expect(seen.map(({ rssi, channel }) => [rssi, channel])).toEqual([
      [0, 1],
      [-127, 196],
    ]);
  });

  it('counts boot text between lines as one run of noise', () => {
    expect(decodeText(LINE, BOOT_TEXT, LINE, BOOT_TEXT, BOOT_TEXT, LINE)).toMatchObject({
      accepted: 3,
      rejected: { noise: 2 },
    });
  });

  it('maps ts to the gateway, over its wrap after 49.7 days and over a restart', () => {
    const decoder = new WifiJsonDecoder();
    const seen: Seen[] = [];
    const sink = recordingSink(seen);
    const at = (ts: number, arrival: number) =>
      decoder.push(Buffer.from(`${LINE.replace('83412', String(ts))}\n`), arrival, sink);
    at(2 ** 32 - 3_000, 1_000_000);
    at(2 ** 32 - 1_000, 1_002_500);
    at(1_000, 1_004_600);
    at(500, 1_010_000);
    const [first, second, third, restarted] = seen.map(({ time }) => time);
    expect(first).toBe(1_000_000);
    expect(second - first).toBeCloseTo(2_000, -1);
    expect(third - second).toBeCloseTo(2_000, -1);
    // Half a second back is reordering; it is not after what came before.
    expect(restarted - third).toBeCloseTo(-500, -1);
    at(20_000_000, 1_020_000);
    at(700, 1_030_000);
    expect(seen.slice(-2).map(({ time }) => time)).toEqual([1_020_000, 1_030_000]);
  });

  it('gives the same however the stream is cut', () => {
    const stream = Buffer.concat(
      [
        BOOT_TEXT,
        `${LINE}\r\n`,
        `${HEAD}a\nb${TAIL}\n`,
        AP.slice(0, 99),
        BOOT_TEXT,
        `${LINE}\n`,
        `${AP}\r\n`,
        `${LINE}\r\n`,
      ].map((part) => Buffer.from(part)),
    );
    const reference = new WifiJsonDecoder();
    const expected = decode(reference, [stream]);
    expect(expected).toHaveLength(4);
    expect(rejections(reference)).toEqual({ noise: 2, format: 1 });
    for (let at = 1; at < stream.length; at++) {
      const decoder = new WifiJsonDecoder();
      expect(decode(decoder, [stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
      expect(decoder.counts).toEqual(reference.counts);
    }
    for (const size of [1, 2, 7, 64]) {
      const decoder = new WifiJsonDecoder();
      expect(decode(decoder, cut(stream, size))).toEqual(expected);
      expect(decoder.counts).toEqual(reference.counts);
    }
  });

  it('survives flipped bits and lost bytes, and takes the next whole line', () => {
    const text = `${LINE}\r\n${AP}\r\n${HEAD}a\nb${TAIL}\r\n${LINE}\r\n`;
    const flip = fc.tuple(fc.nat(text.length - 1), fc.nat(7));
    fc.assert(
      fc.property(fc.array(flip, { maxLength: 8 }), fc.nat(text.length), fc.nat(300), (flips, from, lost) => {
        const bytes = Buffer.from(text);
        for (const [at, bit] of flips) bytes[at] ^= 1 << bit;
        const damaged = Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + lost)]);
        const [one, two] = [new WifiJsonDecoder(), new WifiJsonDecoder()];
        const after = Buffer.from(`\n${LINE}\r\n`);
        const seen = decode(one, [damaged, after]);
        expect(seen.at(-1)).toMatchObject({ address: '02:1b:c3:00:af:fe', rssi: -71 });
        expect(decode(two, cut(Buffer.concat([damaged, after]), 13))).toEqual(seen);
        expect(two.counts).toEqual(one.counts);
      }),
    );
  });

  it('never looks behind the end of a line, where bytes of another one are', () => {
    const torn = LINE.slice(0, LINE.indexOf('FF:FF'));
    const decoder = new WifiJsonDecoder();
    // Held from before: quotes, at the place where the address is missing.
    decode(
      decoder,
      ['"'.repeat(300), '\n', torn, '\n'].map((text) => Buffer.from(text)),
    );
    expect(rejections(decoder)).toEqual({ noise: 1, truncated: 1 });
  });

  it('finds a good line after anything, and after 10 MB without a line end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2_000, maxLength: 2_000 }), (bytes) => {
        const { seen, accepted } = decodeText(bytes, bytes, Buffer.from('\n'), LINE);
        expect([seen.length, accepted]).toEqual([1, 1]);
      }),
    );
    const long = new Uint8Array(1_000_000).fill(0x7b);
    const ten = Array.from({ length: 10 }, () => long);
    expect(decodeText(...ten, '', LINE)).toMatchObject({ accepted: 1, rejected: { oversize: 1 } });
    const pcap = Array.from({ length: 20 }, (_, i) => record(i * 40, radiotap(probeRequest(i, i))));
    expect(decodeText(globalHeader(), ...pcap, '', LINE)).toMatchObject({ accepted: 1, seen: [{ rssi: -71 }] });
  });
});
