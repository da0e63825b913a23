/**
 * What an advertiser is, by its address and the payload of one advertisement. Sources: Bluetooth Core 5.4, Vol 3, Part C,
 * 11 (AD structures) and Vol 6, Part B, 1.3 (addresses); Bluetooth Assigned Numbers (AD types, 16-bit UUIDs, companies);
 * Apple's continuity messages as published by furiousMAC; [MS-CDP] 2.2.2.2.3; the Eddystone and AltBeacon specifications.
 */
import type { AdvertiserClass, RawAddress } from '../../agent/raw.ts';

const AD_SOME_UUIDS = 0x02;
const AD_ALL_UUIDS = 0x03;
const AD_SERVICE_DATA = 0x16;
/** Provisioning, message and beacon of a Bluetooth mesh: lamps, sensors. */
const AD_MESH = [0x29, 0x2a, 0x2b] as const;
const AD_SHELF_LABEL = 0x34;
const AD_MANUFACTURER = 0xff;

const APPLE = 0x004c;
const MICROSOFT = 0x0006;
const SAMSUNG = 0x0075;

/** What the structures of a payload speak for, as bits. */
const FIXTURE = 1;
/** Only phones and tablets send it. */
const PHONE = 2;
/** Phones send it, and so do other things of the same maker. */
const MAYBE_PHONE = 4;
/** What a person carries besides the phone. */
const WORN = 8;
const MALFORMED = 16;

/**
 * `phone`: a resolvable private address with a payload that phones send. `fixture`: a payload of a beacon, tag, label or
 * appliance, or a public or static address without a phone's payload. `other`: anything else, watches and earphones
 * included, and every payload whose structures do not add up. The payload is `bytes[start..end)`.
 */
export function classifyAdvertiser(
  address: RawAddress,
  random: boolean,
  bytes: Uint8Array,
  start: number,
  end: number,
): AdvertiserClass {
  const marks = marksOf(bytes, start, end);
  if ((marks & MALFORMED) !== 0) {
    return 'other';
  }
  if ((marks & FIXTURE) !== 0) {
    return 'fixture';
  }
  if ((marks & WORN) !== 0) {
    return 'other';
  }
  const subtype = address.high >>> 22;
  if (random && subtype === 0b01 && (marks & (PHONE | MAYBE_PHONE)) !== 0) {
    return 'phone';
  }
  const lasting = !random || subtype === 0b11;
  return lasting && (marks & PHONE) === 0 ? 'fixture' : 'other';
}

/** Whether AD structures fill `bytes[start..end)`; a length of zero ends them early. */
export function isWellFormed(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && bytes[at] !== 0) {
    at += 1 + bytes[at];
  }
  return at <= end;
}

function marksOf(bytes: Uint8Array, start: number, end: number): number {
  if (!isWellFormed(bytes, start, end)) {
    return MALFORMED;
  }
  let marks = 0;
  for (let at = start; at < end && bytes[at] !== 0; at += 1 + bytes[at]) {
    marks |= marksOfStructure(bytes, bytes[at + 1], at + 2, at + 1 + bytes[at]);
  }
  return marks;
}

function marksOfStructure(bytes: Uint8Array, type: number, start: number, end: number): number {
  if (type === AD_SOME_UUIDS || type === AD_ALL_UUIDS) {
    let marks = 0;
    for (let at = start; at + 2 <= end; at += 2) {
      marks |= marksOfUuid(bytes[at] | (bytes[at + 1] << 8));
    }
    return marks;
  }
  if (type === AD_SERVICE_DATA && start + 2 <= end) {
    return marksOfUuid(bytes[start] | (bytes[start + 1] << 8));
  }
  if (type === AD_MANUFACTURER && start + 2 <= end) {
    return marksOfMaker(bytes, bytes[start] | (bytes[start + 1] << 8), start + 2, end);
  }
  return type === AD_SHELF_LABEL || AD_MESH.some((mesh) => mesh === type) ? FIXTURE : 0;
}

function marksOfUuid(uuid: number): number {
  switch (uuid) {
    case 0xfeaa: // Eddystone
    case 0xfeed: // Tile
    case 0xfd84: // Tile
    case 0xfd5a: // Samsung SmartTag
    case 0x1857: // Electronic shelf label
      return FIXTURE;
    case 0xfef3: // Google: nearby devices
    case 0xfe2c: // Google: Quick Share, Fast Pair
      return MAYBE_PHONE;
    default:
      return 0;
  }
}

function marksOfMaker(bytes: Uint8Array, company: number, start: number, end: number): number {
  // AltBeacon: two octets of code, 20 of identifiers, power, one reserved; any company.
  if (end - start === 24 && bytes[start] === 0xbe && bytes[start + 1] === 0xac) {
    return FIXTURE;
  }
  switch (company) {
    case APPLE:
      return marksOfApple(bytes, start, end);
    case MICROSOFT:
      return marksOfMicrosoft(bytes, start, end);
    case SAMSUNG:
      return MAYBE_PHONE;
    default:
      return 0;
  }
}

/** Apple's data is a list of type, length, value. */
function marksOfApple(bytes: Uint8Array, start: number, end: number): number {
  let marks = 0;
  for (let at = start; at + 1 < end; at += 2 + bytes[at + 1]) {
    marks |= marksOfContinuity(bytes[at], bytes[at + 1], at + 2 < end ? bytes[at + 2] : 0);
  }
  return marks;
}

function marksOfContinuity(type: number, length: number, first: number): number {
  switch (type) {
    case 0x02: // iBeacon
      return length === 0x15 ? FIXTURE : 0;
    case 0x06: // HomeKit accessory
    case 0x09: // AirPlay: a television or loudspeaker
    case 0x0a:
      return FIXTURE;
    case 0x07: // Earphones near their case
    case 0x0b: // A watch's unlocking
      return WORN;
    case 0x0c: // Handoff
    case 0x0d: // Tethering, both sides
    case 0x0e:
    case 0x0f: // Nearby action
      return PHONE;
    case 0x10: // Nearby info, whose lower four bits say what its sender is doing; 10: worn on a wrist
      return (first & 0x0f) === 0x0a ? WORN : PHONE;
    default:
      return 0;
  }
}

/** A Microsoft beacon of the Bluetooth scenario names the kind of its device: 6 iPhone, 8 Android, 11 Windows phone. */
function marksOfMicrosoft(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 2 || bytes[start] !== 0x01) {
    return 0;
  }
  const device = bytes[start + 1] & 0x1f;
  return device === 6 || device === 8 || device === 11 ? PHONE : 0;
}
