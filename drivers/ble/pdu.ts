/** Link-layer PDUs on the advertising channels (Bluetooth Core 5.4, Vol 6, Part B, 2.3). */
import type { RawAddress, RawAdvertisement } from '../../agent/raw.ts';
import type { Rejection } from '../../agent/readings.ts';
import { classifyAdvertiser } from './advertising.ts';

export const FIRST_ADVERTISING_CHANNEL = 37;
export const LAST_ADVERTISING_CHANNEL = 39;
/** The controllers' range of RSSI, dBm (Vol 4, Part E, 7.7.65.2). */
export const WEAKEST_RSSI = -127;
export const STRONGEST_RSSI = 20;

const ADDRESS = 6;
/** An address and 31 octets of data, the most a PDU of the first generation carries. */
const LONGEST_LEGACY = 37;
const SHORTEST_EXTENDED = 1;

const ADV_IND = 0;
const ADV_DIRECT_IND = 1;
const ADV_NONCONN_IND = 2;
const SCAN_REQ = 3;
const SCAN_RSP = 4;
const CONNECT_IND = 5;
const ADV_SCAN_IND = 6;
const ADV_EXT_IND = 7;

/**
 * Reads the PDU with the two header octets `header` and `length` whose payload is `bytes[start..start + length)`.
 * `advertisement` fills address, kind of address and class of `reading`; `other` is a valid PDU of no interest: requests
 * and answers of scanners, connections, pointers to extended advertisements, which have no address of their own.
 */
export function readAdvertisingPdu(
  bytes: Uint8Array,
  header: number,
  length: number,
  start: number,
  reading: RawAdvertisement,
): 'advertisement' | 'other' | Rejection {
  const end = start + length;
  const random = (header & 0x40) !== 0;
  switch (header & 0x0f) {
    case ADV_IND:
    case ADV_NONCONN_IND:
    case ADV_SCAN_IND:
      if (length < ADDRESS || length > LONGEST_LEGACY) {
        return 'format';
      }
      return readAdvertiser(bytes, start, bytes, start + ADDRESS, end, random, reading) ? 'advertisement' : 'format';
    case ADV_DIRECT_IND:
      // Its second address is the other side's, no payload.
      if (length !== 2 * ADDRESS) {
        return 'format';
      }
      return readAdvertiser(bytes, start, bytes, end, end, random, reading) ? 'advertisement' : 'format';
    case SCAN_REQ:
      return length === 2 * ADDRESS ? 'other' : 'format';
    case SCAN_RSP:
      return length >= ADDRESS && length <= LONGEST_LEGACY ? 'other' : 'format';
    case CONNECT_IND:
      return length === 34 ? 'other' : 'format';
    case ADV_EXT_IND:
      return length >= SHORTEST_EXTENDED ? 'other' : 'format';
    default:
      return 'unsupported';
  }
}

/**
 * Reads the address at `bytes[at]`, in the order of the air, and classifies it with the payload `data[start..end)`. False
 * where it is no device's address.
 */
export function readAdvertiser(
  bytes: Uint8Array,
  at: number,
  data: Uint8Array,
  start: number,
  end: number,
  random: boolean,
  reading: RawAdvertisement,
): boolean {
  if (!readAddress(bytes, at, reading.address)) {
    return false;
  }
  reading.random = random;
  reading.advertiser = classifyAdvertiser(reading.address, random, data, start, end);
  return true;
}

/** Reads six octets, least octet first; false where they are all zeros or all ones, which is no device's address. */
export function readAddress(bytes: Uint8Array, at: number, address: RawAddress): boolean {
  const high = (bytes[at + 5] << 16) | (bytes[at + 4] << 8) | bytes[at + 3];
  const low = (bytes[at + 2] << 16) | (bytes[at + 1] << 8) | bytes[at];
  address.set(high, low);
  return isDeviceAddress(high, low);
}

export function isDeviceAddress(high: number, low: number): boolean {
  return (high | low) !== 0 && (high & low) !== 0xffffff;
}

export function isRssi(rssi: number): boolean {
  return rssi >= WEAKEST_RSSI && rssi <= STRONGEST_RSSI;
}
