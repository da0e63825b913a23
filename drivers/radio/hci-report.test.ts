import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hciReport, type NobleAdvertisement } from './hci-report.ts';

const heard = (advertisement: NobleAdvertisement['advertisement'], rest: Partial<NobleAdvertisement> = {}) =>
  hciReport({
    address: '5b:cd:ab:bc:12:34',
    addressType: 'random',
    connectable: true,
    rssi: -67,
    advertisement,
    ...rest,
  });

/** The AD structures of a report, each as type and data in hexadecimal. */
function structures(report: Buffer | null): string[] {
  if (report === null) throw new Error('there is no report');
  const payload = report.subarray(14, 14 + report[13]);
  const found: string[] = [];
  for (let at = 0; at < payload.length; at += payload[at] + 1) {
    expect(payload[at]).toBeGreaterThan(0);
    found.push(payload.toString('hex', at + 1, at + 1 + payload[at]));
  }
  return found;
}

describe('an HCI report of what noble tells', () => {
  it('is laid out as the controller would', () => {
    const report = heard({ manufacturerData: Buffer.from('4c001005031c839096', 'hex') });
    // H4 event, LE meta event, length, advertising report, one of them, ADV_IND, random, address, payload, RSSI.
    expect(report?.toString('hex')).toBe('043e17020100013412bcabcd5b0b0aff4c001005031c839096bd');
  });

  it.each([
    [{ connectable: true }, 0],
    [{ connectable: false, scannable: true }, 2],
    [{ connectable: false, scannable: false }, 3],
  ])('of %j is of type %i', (rest, type) => {
    expect(heard({}, rest)?.[5]).toBe(type);
  });

  it.each([
    [-127, -127],
    [20, 20],
    [127, 127],
    [21, 127],
    [-128, 127],
    [Number.NaN, 127],
  ])('with %i dBm says %i', (rssi, told) => {
    expect(heard({}, { rssi })?.readInt8(14)).toBe(told);
  });

  it('writes services as they are on the air', () => {
    expect(structures(heard({ serviceUuids: ['feed', 'd'] }))).toEqual(['02edfe0d00']);
    expect(structures(heard({ serviceUuids: ['0000180f00001000800000805f9b34fb'] }))).toEqual([
      '06fb349b5f80000080001000000f180000',
    ]);
    expect(structures(heard({ serviceUuids: ['abcde'] }))).toEqual(['04debc0a00']);
    expect(structures(heard({ serviceData: [{ uuid: 'feaa', data: Buffer.from('00e7', 'hex') }] }))).toEqual([
      '16aafe00e7',
    ]);
    expect(structures(heard({ txPowerLevel: -4, localName: 'Tag' }))).toEqual(['0afc', '08546167']);
  });

  it('keeps what tells the kind of device where not all fits', () => {
    const told = structures(
      heard({
        localName: 'a name of some length',
        manufacturerData: Buffer.alloc(29, 0x4c),
        serviceUuids: ['fd5a', 'feed'],
      }),
    );
    expect(told).toEqual([`ff${'4c'.repeat(25)}`, '025afd']);
    // An iBeacon is whole.
    expect(
      structures(heard({ localName: 'x', manufacturerData: Buffer.alloc(25, 2), serviceUuids: ['feaa'] }))[0],
    ).toBe(`ff${'02'.repeat(25)}`);
  });

  it('is none where there is no address, or none that could be', () => {
    for (const address of ['', 'unknown', '5bcdabbc1234', '5b:cd:ab:bc:12', '5b:cd:ab:bc:12:zz']) {
      expect(heard({}, { address })).toBeNull();
    }
  });

  it('is well-formed whatever noble tells', () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    const uuid = fc.oneof(fc.stringMatching(/^[0-9a-f]{1,32}$/), fc.string({ maxLength: 5 }));
    const advertisement = fc.record(
      {
        localName: fc.string(),
        txPowerLevel: fc.integer({ min: -300, max: 300 }),
        manufacturerData: bytes,
        serviceData: fc.array(fc.record({ uuid, data: bytes }), { maxLength: 4 }),
        serviceUuids: fc.array(uuid, { maxLength: 12 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(advertisement, fc.integer(), (told, rssi) => {
        const report = heard(told, { rssi });
        expect(report?.length).toBe(3 + (report?.[2] ?? 0));
        expect(report?.[2]).toBe(12 + (report?.[13] ?? 0));
        expect(report?.[13]).toBeLessThanOrEqual(31);
        const total = structures(report).reduce((sum, each) => sum + 1 + each.length / 2, 0);
        expect(total).toBe(report?.[13]);
      }),
    );
  });
});
