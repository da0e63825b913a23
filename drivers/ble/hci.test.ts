import { describe, expect, it } from 'vitest';
import { NO_RSSI } from '../../agent/raw.ts';
import { hciAdvertisingReport, hciCommandComplete, hciEvent, hciExtendedReport } from '../simulator/encode/hci.ts';
import { ARRIVAL, decode, hex, PHONE_DATA, phone, rejections, type Seen } from './ble.testing.ts';
import { BleHciDecoder } from './hci.ts';

/** LE Advertising Report of one ADV_IND from a random address, octet by octet after the specification; -67 dBm. */
const SAMPLE = hex('04 3e 1a 02 01 00 01 3412bcabcd5b 0e 02011a 0aff4c001005031c839096 bd');
const EXTENDED_SAMPLE = hex(
  '04 3e 28 0d 01 1300 01 3412bcabcd5b 01 00 ff 7f bd 0000 00 000000000000 0e 02011a 0aff4c001005031c839096',
);
const PHONE = { time: ARRIVAL, address: '5bcdabbc1234', random: true, advertiser: 'phone', rssi: -67, channel: 0 };

function report(device: number, more: object = {}): Uint8Array {
  return hciAdvertisingReport({ advertisement: phone(device), rssi: -60, ...more });
}

function run(...packets: Uint8Array[]): { seen: Seen[]; accepted: number; rejected: Record<string, number> } {
  const decoder = new BleHciDecoder();
  const seen = decode(decoder, packets);
  return { seen, accepted: decoder.counts.accepted, rejected: rejections(decoder) };
}

const devices = (seen: Seen[]) => seen.map(({ address }) => Number.parseInt(address.slice(8), 16));

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

describe('ble-hci', () => {
  it('reads an advertising report and an extended one', () => {
    expect(SAMPLE).toHaveLength(3 + 0x1a);
    expect(run(SAMPLE)).toEqual({ seen: [PHONE], accepted: 1, rejected: {} });
    expect(EXTENDED_SAMPLE).toHaveLength(3 + 0x28);
    expect(run(EXTENDED_SAMPLE)).toEqual({ seen: [PHONE], accepted: 1, rejected: {} });
  });

  it('is simulated octet by octet', () => {
    const advertisement = phone(0x1234);
    const { address, random, data } = advertisement;
    expect(Buffer.from(hciAdvertisingReport({ advertisement, rssi: -67 }))).toEqual(SAMPLE);
    const extended = hciExtendedReport({ eventType: 0x13, address, random, data, rssi: -67, set: 0xff });
    expect(extended.subarray(0, 12)).toEqual(Uint8Array.from(EXTENDED_SAMPLE.subarray(0, 12)));
    expect(extended).toHaveLength(EXTENDED_SAMPLE.length);
  });

  it('reads several reports in one event, and RSSI that is not available', () => {
    const both = hciAdvertisingReport({ advertisement: phone(1), rssi: 127 }, { advertisement: phone(2), rssi: 4 });
    const { seen, accepted } = run(both);
    expect(seen).toMatchObject([{ rssi: NO_RSSI }, { rssi: 4 }]);
    expect({ devices: devices(seen), accepted }).toEqual({ devices: [1, 2], accepted: 1 });
  });

  it('puts an extended advertisement together that comes in parts, though others come between', () => {
    const part = (eventType: number, data: Uint8Array, device = 1, set = 1) =>
      hciExtendedReport({ eventType, address: phone(device).address, random: true, data, rssi: -50, set });
    const parts = [
      part(0x20, PHONE_DATA.subarray(0, 5)),
      part(0x00, PHONE_DATA, 2),
      part(0x20, PHONE_DATA.subarray(5, 9)),
      part(0x00, PHONE_DATA.subarray(9)),
      part(0x08, PHONE_DATA, 3), // a scan response
      part(0x40, PHONE_DATA.subarray(0, 5), 4), // cut by the controller
    ];
    const { seen, accepted } = run(...parts);
    expect(seen.map(({ advertiser }) => advertiser)).toEqual(['phone', 'phone', 'other']);
    expect({ devices: devices(seen), accepted }).toEqual({ devices: [2, 1, 4], accepted: 6 });
    // An endless advertisement stays within its bounds.
    const endless = Array.from({ length: 100 }, () => part(0x20, new Uint8Array(200).fill(1)));
    expect(run(...endless, part(0, PHONE_DATA)).seen).toHaveLength(1);
  });

  it('accepts other events without a reading', () => {
    const events = [
      hciCommandComplete(0x0c03, 0),
      hciCommandComplete(0x1002, 0, new Array<number>(64).fill(0)),
      hciEvent(0x0f, [0x0c, 1, 0x0c, 0x20]),
      hciEvent(0x10, [3]),
      hciEvent(0x05, [0, 1, 0, 0x13]),
      hciEvent(0xff, [1, 2, 3]),
      hciEvent(0x3e, [0x03, 0, 1, 0, 6, 0, 0, 0, 0x48, 0]),
      changed(SAMPLE, 5, 4), // a scan response
    ];
    expect(run(...events)).toEqual({ seen: [], accepted: events.length, rejected: {} });
  });

  it.each([
    ['range', changed(report(5), 5, 5)],
    ['range', changed(report(5), 6, 4)],
    ['range', report(5, { rssi: 21 })],
    ['range', report(5, { rssi: -128 })],
    ['format', changed(report(5), 13, 13)],
    ['format', changed(report(5), 4, 2)],
    ['format', changed(report(5), 2, 0x19)],
    ['format', hex('04 77 01 00')],
    ['noise', hex('02 40 00 02 00 11 22')],
    ['noise', Buffer.from('ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET)\r\n')],
    ['format', report(5).subarray(0, 8)],
  ])('rejects as %s and takes the next', (reason, bytes) => {
    const { seen, accepted, rejected } = run(report(4), bytes, report(6), report(7));
    expect({ devices: devices(seen), accepted, rejected }).toEqual({
      devices: [4, 6, 7],
      accepted: 3,
      rejected: { [reason]: 1 },
    });
  });

  it('loses only the torn event, wherever it is torn', () => {
    const whole = report(5);
    for (let at = 1; at < whole.length; at++) {
      const { seen, rejected } = run(report(4), whole.subarray(0, at), report(6), report(7));
      // Without its last few octets it cannot be told from a whole one whose payload holds what begins an event; the
      // sender is right, and where the octet in place of the RSSI can be none, it is not taken.
      const others = devices(seen).filter((device) => device !== 5);
      expect(others, `torn at ${at}`).toEqual([4, 6, 7]);
      if (at < whole.length - 5) expect(devices(seen), `torn at ${at}`).toEqual(others);
      expect(Object.values(rejected)).toEqual([1]);
    }
  });

  it('takes a whole event whatever its payload holds', () => {
    for (const tail of [[0x04], [0x04, 0x3e], [0x04, 0x3e, 0x26, 0x02], [0x01, 0x04, 0x3e, 0x0c]]) {
      const data = Uint8Array.of(...PHONE_DATA, 1 + tail.length, 0x09, ...tail);
      const event = report(2, { advertisement: { ...phone(2), data } });
      const { seen, rejected } = run(event);
      expect(devices(seen)).toEqual([2]);
      expect(rejected).toEqual({});
    }
  });

  it('puts no advertisement together over an opening', () => {
    const part = (eventType: number, data: Uint8Array) =>
      hciExtendedReport({ eventType, address: phone(1).address, random: true, data, rssi: -50, set: 1 });
    const decoder = new BleHciDecoder();
    expect(decode(decoder, [part(0x20, PHONE_DATA.subarray(0, 5))])).toEqual([]);
    decoder.reopened();
    const [seen] = decode(decoder, [part(0x00, PHONE_DATA.subarray(5))]);
    expect(seen.advertiser).toBe('other');
    expect(rejections(decoder)).toEqual({});
  });

  it('finds the first event of a stream that was joined in its middle', () => {
    const stream = Buffer.concat([report(1), report(2), report(3)]);
    for (let from = 1; from < report(1).length; from++) {
      expect(devices(run(stream.subarray(from)).seen), `joined at ${from}`).toEqual([2, 3]);
    }
  });
});
