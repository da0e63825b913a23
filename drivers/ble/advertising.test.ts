import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RawAddress } from '../../agent/raw.ts';
import { classifyAdvertiser } from './advertising.ts';
import { hex, PHONE_DATA } from './ble.testing.ts';

const RESOLVABLE = '5bcdabbc1234';
const STATIC = 'c0cdabbc1234';
const PRIVATE = '1bcdabbc1234';

/** One AD structure. */
function ad(type: number, body: string): string {
  const bytes = hex(body);
  return Buffer.concat([Uint8Array.of(1 + bytes.length, type), bytes]).toString('hex');
}

const maker = (body: string) => ad(0xff, body);
const apple = (body: string) => maker(`4c00 ${body}`);
const SAMSUNG = maker('7500 42 04 01 80 60');

function classify(data: string | Uint8Array, address = RESOLVABLE, random = true): string {
  const raw = new RawAddress();
  raw.setFrom(hex(address), 0);
  const bytes = typeof data === 'string' ? hex(data) : data;
  // Bytes around the payload must not matter.
  const around = Buffer.concat([hex('ff 02 15'), bytes, hex('03 02 aa fe')]);
  return classifyAdvertiser(raw, random, around, 3, 3 + bytes.length);
}

describe('classifyAdvertiser', () => {
  it.each([
    ['Apple nearby info', apple('10 05 03 1c839096')],
    ['Apple handoff and nearby info', apple('0c 0e 00112233445566778899aabbccdd 10 01 03')],
    ['Apple nearby action', apple('0f 04 00112233')],
    ['Apple tethering', apple('0e 02 0011')],
    ['Google nearby', ad(0x03, 'f3fe') + ad(0x16, 'f3fe 4a17 0000')],
    ['Samsung', SAMSUNG],
    ['Microsoft beacon of an Android phone', maker('0600 01 08 20 22 00112233')],
  ])('takes %s from a resolvable address for a phone, from no other', (_, data) => {
    expect(classify(data)).toBe('phone');
    expect(classify(data, PRIVATE)).toBe('other');
    expect(classify(data, STATIC)).not.toBe('phone');
    expect(classify(data, RESOLVABLE, false)).not.toBe('phone');
  });

  it.each([
    ['iBeacon', apple('02 15 00112233445566778899aabbccddeeff 0001 0002 c5')],
    ['AltBeacon', maker('1801 beac 00112233445566778899aabbccddeeff 0001 0002 c5 00')],
    ['Eddystone UID', ad(0x03, 'aafe') + ad(0x16, 'aafe 00')],
    ['Eddystone in a list of two', ad(0x02, '0d18 aafe')],
    ['Tile', ad(0x03, 'edfe')],
    ['Tile, newer', ad(0x16, '84fd 00')],
    ['SmartTag', ad(0x16, '5afd 10')],
    ['shelf label by service', ad(0x03, '5718')],
    ['shelf label by AD type', ad(0x34, '0011')],
    ['mesh beacon', ad(0x2b, '0001')],
    ['HomeKit', apple('06 31 0102030405')],
    ['AirPlay', apple('09 06 030011223344')],
  ])('takes %s for a fixture whatever its address', (_, data) => {
    for (const address of [RESOLVABLE, STATIC, PRIVATE]) {
      expect(classify(data, address)).toBe('fixture');
      expect(classify(data, address, false)).toBe('fixture');
    }
  });

  it.each([
    ['earphones', apple('07 04 01020304')],
    ['a watch being unlocked', apple('0b 01 00')],
    ['a watch on a wrist', apple('10 02 0a 1c')],
  ])('takes %s for neither', (_, data) => {
    for (const address of [RESOLVABLE, STATIC]) {
      expect(classify(data, address)).toBe('other');
    }
  });

  it('takes a lasting address without a phone payload for a fixture, a changing one for neither', () => {
    for (const data of ['', ad(1, '1a'), ad(1, '06') + ad(9, '4c616d70'), SAMSUNG]) {
      expect(classify(data, STATIC)).toBe('fixture');
      expect(classify(data, RESOLVABLE, false)).toBe('fixture');
      expect(classify(data, PRIVATE)).toBe('other');
    }
    expect(classify('020106', RESOLVABLE)).toBe('other');
    // A phone's payload from a lasting address is no fixture.
    expect(classify(PHONE_DATA, STATIC)).toBe('other');
    // A Windows laptop.
    expect(classify(maker('0600 01 0f 20'))).toBe('other');
  });

  it('takes structures that do not add up for neither', () => {
    for (const data of ['02', '0aff4c00100503', '02011a 1aff4c000215', 'ff']) {
      expect(classify(data, STATIC)).toBe('other');
    }
    // Zeros behind the structures are their end.
    expect(classify(Buffer.concat([PHONE_DATA, new Uint8Array(17)]))).toBe('phone');
  });

  it('gives an answer for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (data, random) => {
        expect(['phone', 'fixture', 'other']).toContain(classify(data, RESOLVABLE, random));
      }),
    );
  });
});
