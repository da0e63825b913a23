import type { Rejection } from '../../agent/readings.ts';
import { channelOfFrequency } from './channel.ts';
import { type CaptureInfo, readRadiotap } from './radiotap.ts';

const HEADER = 8;
const DLT_80211 = 105;
const DLT_RADIOTAP = 127;
/** The 802.11-Common field: type and size of its data. */
const COMMON = 2;
const COMMON_SIZE = 20;
const COMMON_FCS = 0x1;
const COMMON_BAD_FCS = 0x4;
const INVALID_SIGNAL = -128;
/** No radiotap header of a sniffer is longer. */
const LONGEST_INNER = 64;

/**
 * Reads a PPI header (CACE "Per-Packet Information Header Specification" 1.0.7) into `info`, with the radiotap header
 * behind it where there is one. Newer ESP32 Marauder builds write 32 octets of PPI that name 802.11 as the inner type and
 * then 13 octets of radiotap all the same.
 * @returns why the frame is to be rejected, or an empty string.
 */
export function readPpi(bytes: Uint8Array, start: number, end: number, info: CaptureInfo): Rejection | '' {
  if (end - start < HEADER) {
    return 'truncated';
  }
  if (bytes[start] !== 0) {
    return 'unsupported';
  }
  const length = u16(bytes, start + 2);
  if (length < HEADER) {
    return 'format';
  }
  if (start + length > end) {
    return 'truncated';
  }
  const inner = u16(bytes, start + 4) | (u16(bytes, start + 6) << 16);
  if (inner !== DLT_80211 && inner !== DLT_RADIOTAP) {
    return 'unsupported';
  }
  info.signal = Number.NaN;
  info.channel = 0;
  info.hasFcs = false;
  const rejection = readFields(bytes, start + HEADER, start + length, info);
  if (rejection !== '') {
    return rejection;
  }
  if (inner === DLT_RADIOTAP || looksLikeRadiotap(bytes, start + length, end)) {
    const { signal, channel, hasFcs } = info;
    const innerRejection = readRadiotap(bytes, start + length, end, info);
    if (innerRejection !== '') {
      return innerRejection;
    }
    info.headerLength += length;
    info.signal = Number.isNaN(info.signal) ? signal : info.signal;
    info.channel = info.channel === 0 ? channel : info.channel;
    info.hasFcs ||= hasFcs;
    return '';
  }
  info.headerLength = length;
  return '';
}

/** True where the fields fill the header at `start` exactly: the sign that this is PPI and not radiotap. */
export function looksLikePpi(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < HEADER || bytes[start] !== 0) {
    return false;
  }
  const limit = start + u16(bytes, start + 2);
  const inner = u16(bytes, start + 4) | (u16(bytes, start + 6) << 16);
  if (limit > end || (inner !== DLT_80211 && inner !== DLT_RADIOTAP)) {
    return false;
  }
  let at = start + HEADER;
  while (at + 4 <= limit) {
    at += 4 + u16(bytes, at + 2);
  }
  return at === limit;
}

function readFields(bytes: Uint8Array, from: number, limit: number, info: CaptureInfo): Rejection | '' {
  for (let at = from; at + 4 <= limit; ) {
    const size = u16(bytes, at + 2);
    const data = at + 4;
    if (u16(bytes, at) === COMMON && size >= COMMON_SIZE && data + size <= limit) {
      const flags = u16(bytes, data + 8);
      if ((flags & COMMON_BAD_FCS) !== 0) {
        return 'checksum';
      }
      info.hasFcs = (flags & COMMON_FCS) !== 0;
      info.channel = channelOfFrequency(u16(bytes, data + 12));
      const signal = (bytes[data + 18] << 24) >> 24;
      info.signal = signal === INVALID_SIGNAL ? Number.NaN : signal;
    }
    at = data + size;
  }
  return '';
}

/** A frame that began like this would be an association request with a duration of at most 64 us: there is none. */
function looksLikeRadiotap(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < HEADER || bytes[at] !== 0 || bytes[at + 1] !== 0) {
    return false;
  }
  const length = u16(bytes, at + 2);
  return length >= HEADER && length <= LONGEST_INNER && at + length <= end;
}

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}
