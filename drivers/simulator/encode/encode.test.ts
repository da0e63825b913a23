import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readPcap, requireTcpdump } from '../tcpdump.testing.ts';
import { doorLine } from './door-line.ts';
import { appendElements, MODELS, PHONE_MODEL_WEIGHTS, PHONE_MODELS } from './models.ts';
import { encodeProbeRequest } from './probe-request.ts';
import { encodePcapHeader, encodeProbeRecord, encodeSerialPcapHeader } from './serial-pcap.ts';
import { wifiLine } from './wifi-line.ts';

const ADDRESS = Uint8Array.of(0x02, 0x1b, 0xc3, 0x00, 0xaf, 0xfe);
const PLAIN = { ssid: '', dsChannel: 6, variation: 0 };

function elementsOf(model: number, fields = PLAIN): number[] {
  const out: number[] = [];
  appendElements(out, model, fields);
  return out;
}

describe('models', () => {
  it('are complete lists of elements, all different from each other', () => {
    const texts = new Set<string>();
    for (let model = 0; model < MODELS; model++) {
      const bytes = elementsOf(model, { ssid: 'x'.repeat(32), dsChannel: 13, variation: 0xffffffff });
      let offset = 0;
      while (offset < bytes.length) offset += 2 + bytes[offset + 1];
      expect(offset).toBe(bytes.length);
      texts.add(String(elementsOf(model)));
    }
    expect(texts.size).toBe(MODELS);
  });

  it('has twelve phones with Zipf shares, the first with 35 %', () => {
    const sum = PHONE_MODEL_WEIGHTS.reduce((total, weight) => total + weight, 0);
    expect(PHONE_MODELS).toBe(12);
    expect(PHONE_MODEL_WEIGHTS[0] / sum).toBeGreaterThan(0.33);
    expect(PHONE_MODEL_WEIGHTS[0] / sum).toBeLessThan(0.37);
  });

  it('changes bytes with each frame of a phone, so that a hash over all of them would differ', () => {
    for (let model = 0; model < PHONE_MODELS; model++) {
      const varied = [
        PLAIN,
        { ...PLAIN, ssid: 'CMCC' },
        { ...PLAIN, dsChannel: 1 },
        { ...PLAIN, variation: 0x01020304 },
      ];
      expect(new Set(varied.map((fields) => String(elementsOf(model, fields)))).size).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('encodeProbeRequest', () => {
  it('ends with a check sequence that leaves the residue of CRC-32', () => {
    const frame = encodeProbeRequest({ address: ADDRESS, sequence: 4095, model: 3, ...PLAIN });
    expect(crc32(frame)).toBe(0x2144df1c);
  });
});

describe('SerialPcap records', () => {
  it('has the published header behind the marker', () => {
    const header = Buffer.from(encodeSerialPcapHeader());
    expect(header.subarray(0, 13).toString('latin1')).toBe('\r\n<<START>>\r\n');
    expect(header.subarray(13).toString('hex')).toBe('d4c3b2a1020004000000000000000000c40900007f000000');
  });

  it('reads in tcpdump with time, frequency, dBm, address and SSID', (context) => {
    requireTcpdump(context);
    const records = Array.from({ length: MODELS }, (_, model) =>
      encodeProbeRecord({
        address: Uint8Array.of(0x02, 0x1b, 0xc3, 0x00, 0xaf, model),
        sequence: model * 200,
        model,
        ssid: model % 2 === 0 ? '' : `CMCC-${model}`,
        dsChannel: 11,
        variation: 0x12345678,
        uptimeUs: 5_000_000_001 + model * 1_000_000,
        rssi: -40 - model,
        channel: [1, 6, 11, 14, 36][model % 5],
      }),
    );
    const lines = readPcap(Buffer.concat([encodePcapHeader(), ...records]));
    const frequencies = [2412, 2437, 2462, 2484, 5180];
    expect(lines).toHaveLength(MODELS);
    lines.forEach((line, model) => {
      const ssid = model % 2 === 0 ? '' : `CMCC-${model}`;
      expect(line).toMatch(new RegExp(`^${5000 + model}\\.000001 ${frequencies[model % 5]} MHz`));
      expect(line).toContain(` -${40 + model}dBm signal `);
      expect(line).toContain(`SA:02:1b:c3:00:af:${model.toString(16).padStart(2, '0')} Probe Request (${ssid})`);
    });
  });
});

describe('wifiLine', () => {
  const line = { source: ADDRESS, channel: 11, rssi: -71 };
  const text = (fields: Parameters<typeof wifiLine>[0]) => Buffer.from(wifiLine(fields)).toString('utf8');

  it('writes 6, 9 and 10 fields as the modules do', () => {
    expect(text({ ...line, fields: 6 })).toBe('02:1B:C3:00:AF:FE|FF:FF:FF:FF:FF:FF|00|04|11|-71\r\n');
    expect(text({ ...line, fields: 9, ssid: '就这样' })).toBe(
      '02:1B:C3:00:AF:FE|FF:FF:FF:FF:FF:FF|00|04|11|-71|就这样|0|0\r\n',
    );
    expect(
      text({ ...line, fields: 10, ownAddress: Uint8Array.of(0x5c, 0xcf, 0x7f, 1, 2, 3), type: 2, subtype: 12 }),
    ).toBe('5C:CF:7F:01:02:03|02:1B:C3:00:AF:FE|FF:FF:FF:FF:FF:FF|02|0c|11|-71|0|0|0\r\n');
  });
});

describe('doorLine', () => {
  const line = { boot: 0xa1b2c3, seq: 123, in: 456, out: 440, ms: 987654.9 };

  it('writes the contract, with a checksum when asked', () => {
    const plain = Buffer.from(doorLine(line)).toString('latin1');
    expect(plain).toBe('{"v":1,"t":"cnt","boot":"00a1b2c3","seq":123,"in":456,"out":440,"ms":987654}\n');
    const checked = Buffer.from(doorLine({ ...line, checksum: true })).toString('latin1');
    expect(checked.startsWith(plain.trimEnd())).toBe(true);
    let sum = 0;
    for (const character of plain.trimEnd()) sum ^= character.charCodeAt(0);
    expect(Number.parseInt(checked.trimEnd().slice(-2), 16)).toBe(sum);
  });
});
