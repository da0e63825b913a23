import { createHmac, createSecretKey } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  type AdvertiserClass,
  createRawAdvertisement,
  createRawSighting,
  type RawAddress,
  type RawSighting,
} from '../raw.ts';
import { AdvertisementFlag, InputBatch, InputKind } from '../readings.ts';
import { Boundary, type BoundaryOptions } from './boundary.ts';

const AT = 1_790_000_000_000;
const OCTETS = [0xda, 0xa1, 0x19, 0x5e, 0x77, 0x3c];

function keyOf(fill: number): BoundaryOptions['key'] {
  return createSecretKey(Buffer.alloc(32, fill));
}

function sighting(octets = OCTETS): RawSighting {
  const raw = createRawSighting();
  raw.address.setFrom(Uint8Array.from(octets), 0);
  return Object.assign(raw, {
    time: AT,
    fingerprintHigh: 0x11223344,
    fingerprintLow: 0x55667788,
    rssi: -61,
    channel: 6,
  });
}

/** The row a boundary writes for a sighting. */
function rowOf(boundary: Boundary, raw: RawSighting, at = AT): number[] {
  const batch = new InputBatch(1, 1);
  const row = batch.append(InputKind.sighting, 3, at, raw.time);
  expect(boundary.write(raw, batch, row, at)).toBe(true);
  return [
    batch.a[0],
    batch.b[0],
    batch.c[0],
    batch.d[0],
    batch.flags[0],
    batch.sequence[0],
    batch.rssi[0],
    batch.channel[0],
  ];
}

/** The row a boundary writes for an advertisement of the same address: hash, flags, RSSI and channel. */
function advertisementOf(boundary: Boundary, advertiser: AdvertiserClass = 'other', random = false): number[] {
  const raw = createRawAdvertisement();
  raw.address.setFrom(Uint8Array.from(OCTETS), 0);
  Object.assign(raw, { time: AT, rssi: -48, channel: 38, advertiser, random });
  const batch = new InputBatch(1, 1);
  const row = batch.append(InputKind.advertisement, 3, AT, AT);
  expect(boundary.writeAdvertisement(raw, batch, row, AT)).toBe(true);
  expect([batch.c[0], batch.d[0], batch.sequence[0]]).toEqual([0, 0, 0]);
  return [batch.a[0], batch.b[0], batch.flags[0], batch.rssi[0], batch.channel[0]];
}

/** Every run of octets that would give the address, or half of it, away: both byte orders, at any alignment. */
function holdsAddress(bytes: Buffer): boolean {
  const octets = Buffer.from(OCTETS);
  const shapes = [octets, octets.subarray(0, 4), octets.subarray(2)];
  return shapes.some((shape) => bytes.includes(shape) || bytes.includes(Buffer.from(shape).reverse()));
}

describe('Boundary', () => {
  it('writes keyed hashes that an independent computation agrees with, and the radio facts', () => {
    const raw = sighting();
    raw.sequence = 4095;
    const hmac = (message: string): Buffer => createHmac('sha256', Buffer.alloc(32, 1)).update(message, 'hex').digest();
    const [device, fingerprint] = [hmac('010000daa1195e773c'), hmac('021122334455667788')];
    expect(rowOf(new Boundary({ key: keyOf(1) }), raw)).toEqual([
      device.readUInt32BE(0),
      device.readUInt32BE(4),
      fingerprint.readUInt32BE(0),
      fingerprint.readUInt32BE(4),
      1,
      4095,
      -61,
      6,
    ]);
  });

  it('gives one address one hash under a key, by table or anew, and another under another key', () => {
    const boundary = new Boundary({ key: keyOf(1) });
    const first = rowOf(boundary, sighting());
    expect(rowOf(boundary, sighting())).toEqual(first);
    boundary.forget();
    expect(rowOf(boundary, sighting())).toEqual(first);
    expect(rowOf(boundary, sighting([0xda, 0xa1, 0x19, 0x5e, 0x77, 0x3d])).slice(0, 2)).not.toEqual(first.slice(0, 2));
    boundary.replaceKey(keyOf(2));
    const second = rowOf(boundary, sighting());
    expect(second.slice(4)).toEqual(first.slice(4));
    for (let column = 0; column < 4; column++) expect(second[column]).not.toBe(first[column]);
    boundary.replaceKey(keyOf(1));
    expect(rowOf(boundary, sighting())).toEqual(first);
  });

  it('tells a random address and the lack of a fingerprint', () => {
    const boundary = new Boundary({ key: keyOf(1) });
    const plain = sighting([0xd8, 0xa1, 0x19, 0x5e, 0x77, 0x3c]);
    plain.fingerprintHigh = plain.fingerprintLow = 0;
    expect(rowOf(boundary, plain).slice(2)).toEqual([0, 0, 0, 0xffff, -61, 6]);
  });

  it('hashes an advertiser in a domain of its own, whichever radio hears an address first', () => {
    const digest = createHmac('sha256', Buffer.alloc(32, 1)).update('030000daa1195e773c', 'hex').digest();
    const expected = [digest.readUInt32BE(0), digest.readUInt32BE(4)];
    for (const wifiFirst of [true, false]) {
      const boundary = new Boundary({ key: keyOf(1) });
      const wifi = wifiFirst ? rowOf(boundary, sighting()) : [];
      expect(advertisementOf(boundary).slice(0, 2)).toEqual(expected);
      expect(advertisementOf(boundary).slice(0, 2)).toEqual(expected);
      expect(rowOf(boundary, sighting()).slice(0, 2)).not.toEqual(expected);
      if (wifiFirst) expect(rowOf(boundary, sighting())).toEqual(wifi);
    }
  });

  it('tells what an advertiser is, and nothing else of it', () => {
    const boundary = new Boundary({ key: keyOf(1) });
    const { phone, fixture, random } = AdvertisementFlag;
    expect(advertisementOf(boundary, 'phone', true).slice(2)).toEqual([phone | random, -48, 38]);
    expect(advertisementOf(boundary, 'fixture').slice(2)).toEqual([fixture, -48, 38]);
    expect(advertisementOf(boundary).slice(2)).toEqual([0, -48, 38]);
  });

  it('writes nothing for a device to be ignored, and asks for it once while it is around', () => {
    let asked = 0;
    const ignore = {
      matches: (address: RawAddress): boolean => {
        asked++;
        return address.low === 0x5e773c;
      },
    };
    const boundary = new Boundary({ key: keyOf(1), ignore });
    const batch = new InputBatch(1, 1);
    for (let call = 0; call < 3; call++) expect(boundary.write(sighting(), batch, 0, AT)).toBe(false);
    expect(asked).toBe(1);
    expect([batch.a[0], batch.c[0], batch.rssi[0], batch.channel[0]]).toEqual([0, 0, 0, 0]);
    rowOf(boundary, sighting([1, 2, 3, 4, 5, 6]));
    expect(asked).toBe(2);
    const advertisement = createRawAdvertisement();
    advertisement.address.setFrom(Uint8Array.from(OCTETS), 0);
    for (let call = 0; call < 3; call++) {
      expect(boundary.writeAdvertisement(advertisement, batch, 0, AT)).toBe(false);
    }
    expect(asked).toBe(3);
    expect([batch.a[0], batch.b[0], batch.rssi[0]]).toEqual([0, 0, 0]);
  });

  it.each([
    ['a key change', (boundary: Boundary) => boundary.replaceKey(keyOf(2))],
    ['the longest gap', (boundary: Boundary) => boundary.sweep(AT + 16 * 60_000)],
  ])('holds no octet of an address after %s, and never puts one in a row', (_name, end) => {
    const arrays: Uint32Array[] = [];
    const allocate = (length: number): Uint32Array => {
      arrays.push(new Uint32Array(length));
      return arrays[arrays.length - 1];
    };
    const held = (): boolean => arrays.some(({ buffer }) => holdsAddress(Buffer.from(buffer)));
    const boundary = new Boundary({ key: keyOf(1), allocate });
    const batch = new InputBatch(1, 1);
    boundary.write(sighting(), batch, batch.append(InputKind.sighting, 1, AT, AT), AT);
    advertisementOf(boundary);
    // The search finds what is there: otherwise its silence below would say nothing.
    expect(held()).toBe(true);
    const columns = Object.values(batch).filter((value) => ArrayBuffer.isView(value));
    expect(columns).toHaveLength(12);
    for (const column of columns) expect(holdsAddress(Buffer.from(column.buffer))).toBe(false);
    boundary.sweep(AT + 15 * 60_000);
    expect(held()).toBe(true);
    end(boundary);
    expect(held()).toBe(false);
  });

  it('has no form in text that shows an address', () => {
    const boundary = new Boundary({ key: keyOf(1) });
    const raw = sighting();
    rowOf(boundary, raw);
    for (const value of [boundary, raw, raw.address]) {
      const text = `${inspect(value, { showHidden: true, depth: 9 })} ${JSON.stringify(value)} ${String(value)}`;
      expect(text).not.toMatch(/da:?a1|5e:?77|14328089|6190908|218|161\D+25/i);
    }
  });

  it('does not let an address stand where a hash belongs', () => {
    const batch = new InputBatch(1, 1);
    const { address } = sighting();
    // @ts-expect-error An address is no number: the compiler refuses it in a column.
    expect(() => batch.a.set([address])).not.toThrow();
    // What a cast would get past the compiler is text, and no number either.
    expect(batch.a[0]).toBe(0);
  });
});
