import { describe, expect, it } from 'vitest';
import { nrfAdvertisement, nrfPacket } from '../simulator/encode/nrf.ts';
import { ARRIVAL, decode, hex, phone, recordingSink, rejections, type Seen } from './ble.testing.ts';
import { CRC24_START, crc24 } from './crc24.ts';
import { BleNrfDecoder } from './nrf.ts';

/** A packet of version 3 as Nordic's own tools read it: nearby info of a resolvable address, channel 37, -67 dBm. */
const SAMPLE = hex(
  'ab2800030100020a0125430000d0070000d6be898e4014003412cdbdcdaccdce5b02011a0aff4c001005031c839096000000bc',
);
/** A captured packet of version 1 (a cup named PAULIG_MUKI), with the octet that captures leave out put back. */
const CAPTURED = hex(
  'ab 06 31 01 5691 06 0a 01 27 3a 0000 d4010000 d6be898e 401d 00 69e93b58a2cdce 13 09 5041554c49475f4d554b495f3342453936' +
    '39 02 01 06 4c5176 bc',
);

function packet(counter: number, device = counter, more: object = {}): Uint8Array {
  const advertisement = phone(device);
  return nrfAdvertisement({
    version: 3,
    counter,
    advertisement,
    stampUs: counter * 1_000,
    rssi: -60,
    channel: 38,
    ...more,
  });
}

/** A decoder and what it made of the packets, each of which arrives a millisecond after the one before. */
function run(...packets: Uint8Array[]): { seen: Seen[]; accepted: number; rejected: Record<string, number> } {
  const decoder = new BleNrfDecoder();
  const seen: Seen[] = [];
  packets.forEach((bytes, at) => {
    decoder.push(bytes, ARRIVAL + at, recordingSink(seen));
  });
  return { seen, accepted: decoder.counts.accepted, rejected: rejections(decoder) };
}

describe('crc24', () => {
  it('agrees with a captured packet and with that of a radio', () => {
    const mug = hex('401d 69e93b58a2cd 1309 5041554c49475f4d554b495f3342453936 39 020106');
    expect(crc24(CRC24_START, mug, 0, mug.length)).toBe(0x76514c);
    const radio = hex('4220 060504030201 1909 5344522f426c7565746f6f74682f4c6f772f456e65726779');
    expect(crc24(CRC24_START, radio, 0, radio.length)).toBe(0x367de8);
  });
});

describe('ble-nrf', () => {
  it('reads the sample of version 3', () => {
    expect(run(SAMPLE)).toEqual({
      seen: [{ time: ARRIVAL, address: '5bcdabbc1234', random: true, advertiser: 'phone', rssi: -67, channel: 37 }],
      accepted: 1,
      rejected: {},
    });
  });

  it('is simulated octet by octet, but for the check that the sample leaves out', () => {
    const fields = { version: 3, counter: 1, stampUs: 2_000, rssi: -67, channel: 37 } as const;
    const bytes = nrfAdvertisement({ ...fields, advertisement: phone(0x1234) });
    expect(Buffer.from(bytes.subarray(0, -4))).toEqual(SAMPLE.subarray(0, -4));
  });

  it('reads a captured packet of version 1, told to be an advertisement by its access address', () => {
    expect(run(CAPTURED)).toEqual({
      seen: [{ time: ARRIVAL, address: 'cda2583be969', random: true, advertiser: 'fixture', rssi: -58, channel: 39 }],
      accepted: 1,
      rejected: {},
    });
  });

  it.each([1, 2, 3] as const)(
    'reads version %i, on the coded PHY too, and takes other types without a reading',
    (version) => {
      const plain = packet(0, 1, { version });
      const coded = packet(1, 2, { version, coded: true });
      const { seen, accepted, rejected } = run(plain, coded);
      expect(seen.map(({ address }) => address)).toEqual(['5bcdabbc0001', '5bcdabbc0002']);
      expect({ accepted, rejected }).toEqual({ accepted: 2, rejected: {} });
    },
  );

  it('accepts requests of scanners, pointers, data of connections and answers without a reading', () => {
    const pdu = (header: number, payload: string) => {
      const body = hex(payload);
      const head = hex('0a 01 25 43 0000 00000000 d6be898e');
      return nrfPacket(3, 0, 2, Buffer.concat([head, Uint8Array.of(header, body.length, 0), body, hex('000000')]));
    };
    const data = nrfPacket(3, 0, 6, hex('0a 03 0a 1f 2200 9f95d1c4 575a6550 02 03 00 112233 000000'));
    const frames = [
      pdu(0xc3, '112233445566 112233445577'),
      pdu(0x44, '112233445566 02011a'),
      pdu(0x45, `112233445566 112233445577 ${'00'.repeat(22)}`),
      pdu(0x07, '06 18 112233445566'),
      data,
      nrfPacket(3, 0, 0x0e, hex('5c04')),
      nrfPacket(2, 0, 0x1c, Buffer.from('4.1.1')),
      nrfPacket(1, 0, 0x1e, hex('00112233')),
      nrfPacket(3, 0, 0x05, hex('00')),
    ];
    const { seen, accepted, rejected } = run(...frames);
    expect({ seen, accepted }).toEqual({ seen: [], accepted: frames.length });
    expect(rejected).toEqual({});
  });

  it.each([
    ['checksum', packet(5, 5, { crcOk: false })],
    [
      'range',
      nrfAdvertisement({ version: 3, counter: 5, advertisement: phone(1), stampUs: 0, rssi: -128, channel: 37 }),
    ],
    ['range', packet(5, 5, { channel: 40 })],
    ['truncated', packet(5).subarray(0, 30)],
    ['truncated', Buffer.concat([packet(5).subarray(0, 30), hex('bc')])],
    ['truncated', hex('ab 06 01 bc')],
    ['format', hex('ab 06 01 cd 00 bc')],
    ['format', hex('ab 06 00 01 0000 0e 11 bc')],
    ['unsupported', nrfPacket(3, 5, 0x44, hex('00'))],
    ['unsupported', hex('ab 0100 04 0000 0e 11 bc')],
    ['oversize', Buffer.concat([hex('ab'), new Uint8Array(500), hex('bc')])],
    ['noise', Buffer.from('booting\r\n')],
  ])('rejects as %s', (reason, bytes) => {
    const { seen, accepted, rejected } = run(packet(4), bytes, packet(6));
    expect(seen.map(({ address }) => address)).toEqual(['5bcdabbc0004', '5bcdabbc0006']);
    expect(accepted).toBe(2);
    // Neither noise nor a packet of a version to come tells its counter.
    const missing = reason === 'noise' || bytes[3] === 4 ? { missing: 1 } : {};
    expect(rejected).toEqual({ [reason]: 1, ...missing });
  });

  it('counts the packets that its counter misses, over its wrap, and takes a large step for a restart', () => {
    expect(run(packet(1), packet(5)).rejected).toEqual({ missing: 3 });
    expect(run(packet(65_534), packet(65_535), packet(2)).rejected).toEqual({ missing: 2 });
    expect(run(packet(65_534), packet(30_000), packet(0), packet(1)).rejected).toEqual({});
    // What came torn has been counted.
    expect(run(packet(1), packet(2).subarray(0, 20), packet(3)).rejected).toEqual({ truncated: 1 });
  });

  it('takes no damaged packet for a device, once the check of one was right', () => {
    const good = packet(7, 0x1234);
    for (let at = 1; at < good.length - 1; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bad = Uint8Array.from(good);
        bad[at] ^= 1 << bit;
        const { seen } = run(packet(6, 1), bad, packet(8, 2));
        const addresses = seen.map(({ address }) => address).filter((address) => address !== '5bcdabbc1234');
        expect(addresses, `bit ${bit} of octet ${at}`).toEqual(['5bcdabbc0001', '5bcdabbc0002']);
      }
    }
  });

  it('times packets of version 3 by their own clock, over its wrap, and the others by arrival', () => {
    const at = (ms: number, stampUs: number, counter: number) => ({ ms, bytes: packet(counter, counter, { stampUs }) });
    const decoder = new BleNrfDecoder();
    const seen: Seen[] = [];
    // The second and the third, right after the wrap, come 30 ms late.
    const packets = [
      at(0, 2 ** 32 - 40_000, 0),
      at(50, 2 ** 32 - 20_000, 1),
      at(80, 10_000, 2),
      at(4_000_000, 3_999_960_000, 3),
    ];
    for (const { ms, bytes } of packets) decoder.push(bytes, ARRIVAL + ms, recordingSink(seen));
    expect(seen.map(({ time }) => Math.round(time - ARRIVAL))).toEqual([0, 20, 50, 4_000_000]);
    const old = decode(new BleNrfDecoder(), [
      packet(0, 0, { version: 2, stampUs: 5 }),
      packet(1, 1, { version: 2, stampUs: 9 }),
    ]);
    expect(old.map(({ time }) => time)).toEqual([ARRIVAL, ARRIVAL]);
  });
});
