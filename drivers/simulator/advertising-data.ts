/**
 * What devices of a store put into their advertisements: AD structures of Bluetooth Core 5.4, Vol 3, Part C, 11, with
 * the payloads of their makers as published captures of phones, watches, earphones, beacons and tags show them.
 */
import type { Advertisement } from './formats.ts';
import type { Random } from './random.ts';

export type Payload = Pick<Advertisement, 'type' | 'data'>;

/** Draws a payload: once for a thing that keeps it, with each new address for a phone. */
export type PayloadMaker = (random: Random) => Payload;

const CONNECTABLE = 0;
const NOT_CONNECTABLE = 2;

const FLAGS = 0x01;
const UUIDS_16 = 0x03;
const NAME = 0x09;
const SERVICE_DATA = 0x16;
const MANUFACTURER = 0xff;

const APPLE = [0x4c, 0x00];
const SAMSUNG = [0x75, 0x00];
const FAST_PAIR = [0x2c, 0xfe];
const NEARBY_SHARE = [0xf3, 0xfe];
const EDDYSTONE = [0xaa, 0xfe];

function structure(type: number, ...content: number[]): number[] {
  return [content.length + 1, type, ...content];
}

function payload(type: Payload['type'], ...structures: number[][]): Payload {
  const data = Uint8Array.from(structures.flat());
  if (data.length > 31) throw new RangeError(`an advertisement holds 31 octets, these are ${data.length}`);
  return { type, data };
}

function drawOctets(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.integer(0, 255));
}

function apple(...messages: number[][]): Payload {
  const manufacturer = structure(MANUFACTURER, ...APPLE, ...messages.flat());
  return payload(CONNECTABLE, structure(FLAGS, 0x1a), manufacturer);
}

/** Nearby Info: status and action, flags, an authentication tag that changes with the address. */
function nearbyInfo(random: Random, action: number): number[] {
  return [
    0x10,
    0x05,
    (random.integer(0, 7) << 4) | action,
    random.choice([0x18, 0x1c, 0x98]),
    ...drawOctets(random, 3),
  ];
}

/** An iPhone: Nearby Info, alone or with what it is doing. */
export const iphone: PayloadMaker = (random) => {
  const info = nearbyInfo(random, random.choice([0x03, 0x05, 0x07, 0x0b, 0x0e]));
  switch (random.weighted([62, 16, 10, 12])) {
    case 1: // Handoff
      return apple([0x0c, 0x0e, 0x00, ...drawOctets(random, 13)], info);
    case 2: // Nearby Action
      return apple([0x0f, 0x05, 0xc0, random.choice([0x08, 0x13, 0x20]), ...drawOctets(random, 3)], info);
    case 3: // Find My, with its owner near
      return apple(info, [0x12, 0x02, 0x00, random.integer(0, 3)]);
    default:
      return apple(info);
  }
};

/** An Android phone with Google's services: Nearby Share, or Fast Pair's scan for its own things. */
export const googlePhone: PayloadMaker = (random) => {
  if (random.chance(0.7)) {
    const service = structure(SERVICE_DATA, ...NEARBY_SHARE, 0x4a, 0x17, 0x23, ...drawOctets(random, 17));
    return payload(CONNECTABLE, structure(FLAGS, 0x02), structure(UUIDS_16, ...NEARBY_SHARE), service);
  }
  const service = structure(SERVICE_DATA, ...FAST_PAIR, ...drawOctets(random, 3));
  return payload(CONNECTABLE, structure(FLAGS, 0x02), structure(UUIDS_16, ...FAST_PAIR), service);
};

export const samsungPhone: PayloadMaker = (random) =>
  payload(
    CONNECTABLE,
    structure(FLAGS, 0x02),
    structure(MANUFACTURER, ...SAMSUNG, 0x42, 0x09, ...drawOctets(random, 20)),
  );

export const appleWatch: PayloadMaker = (random) => apple(nearbyInfo(random, 0x0a));

export const sportsWatch: PayloadMaker = (random) =>
  payload(CONNECTABLE, structure(FLAGS, 0x06), structure(MANUFACTURER, 0x87, 0x00, ...drawOctets(random, 4)));

/** Earphones in use: Proximity Pairing, which fills an advertisement without flags. */
export const airpods: PayloadMaker = (random) => {
  const message = [0x07, 0x19, 0x01, random.choice([0x0e, 0x14, 0x19]), 0x20, 0x2b, ...drawOctets(random, 21)];
  return payload(NOT_CONNECTABLE, structure(MANUFACTURER, ...APPLE, ...message));
};

/** Earphones of others: Fast Pair's account filter. */
export const fastPairEarphones: PayloadMaker = (random) =>
  payload(
    CONNECTABLE,
    structure(FLAGS, 0x06),
    structure(SERVICE_DATA, ...FAST_PAIR, 0x00, 0x40, ...drawOctets(random, 4), 0x11, random.integer(0, 255)),
  );

export const iBeacon: PayloadMaker = (random) =>
  payload(
    NOT_CONNECTABLE,
    structure(FLAGS, 0x06),
    structure(MANUFACTURER, ...APPLE, 0x02, 0x15, ...drawOctets(random, 20), 0xc5),
  );

/** Eddystone-UID. */
export const eddystone: PayloadMaker = (random) =>
  payload(
    NOT_CONNECTABLE,
    structure(FLAGS, 0x06),
    structure(UUIDS_16, ...EDDYSTONE),
    structure(SERVICE_DATA, ...EDDYSTONE, 0x00, 0xee, ...drawOctets(random, 16), 0x00, 0x00),
  );

/** A television that offers AirPlay. */
export const television: PayloadMaker = (random) =>
  apple([0x09, 0x06, 0x03, 0x20, 192, 168, 1, random.integer(2, 254)]);

/** A lamp or plug of a HomeKit house. */
export const homeKit: PayloadMaker = (random) => apple([0x06, 0x31, 0x01, ...drawOctets(random, 16)]);

export const receiptPrinter: PayloadMaker = (random) =>
  payload(
    CONNECTABLE,
    structure(FLAGS, 0x06),
    structure(NAME, ...Buffer.from(`Printer_${random.integer(1000, 9999)}`, 'latin1')),
  );

/** A tag on keys or goods: Tile, SmartTag. */
export const tag: PayloadMaker = (random) => {
  const service = random.choice([
    [0xed, 0xfe],
    [0x5a, 0xfd],
  ]);
  const content = structure(SERVICE_DATA, ...service, ...drawOctets(random, 10));
  return payload(CONNECTABLE, structure(FLAGS, 0x06), structure(UUIDS_16, ...service), content);
};
