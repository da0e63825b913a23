import type { Rejection } from '../../agent/readings.ts';
import { channelOfFrequency } from './channel.ts';

/** The flag of radiotap's Flags field that says that the frame ends with its FCS, and the one of a failed FCS check. */
const FLAG_FCS = 0x10;
const FLAG_BAD_FCS = 0x40;

const SIGNAL_BIT = 5;
const TLV_BIT = 28;
const RADIOTAP_BIT = 29;
const VENDOR_BIT = 30;
const MORE = 0x80000000;

/** Alignment and size in octets of the fields of bits 0 to 27, in pairs (radiotap.org, "Defined fields"). */
const FIELDS = [
  [8, 8],
  [1, 1],
  [1, 1],
  [2, 4],
  [2, 2],
  [1, 1],
  [1, 1],
  [2, 2],
  [2, 2],
  [2, 2],
  [1, 1],
  [1, 1],
  [1, 1],
  [1, 1],
  [2, 2],
  [2, 2],
  [1, 1],
  [1, 1],
  [4, 8],
  [1, 3],
  [4, 8],
  [2, 12],
  [8, 12],
  [2, 12],
  [2, 12],
  [2, 6],
  [1, 1],
  [2, 4],
] as const;

/** What a capture header in front of an 802.11 frame says about the frame. Reused from frame to frame. */
export interface CaptureInfo {
  /** Length of the capture header in octets. */
  headerLength: number;
  /** The first antenna signal in dBm, or NaN where there is none. */
  signal: number;
  /** 802.11 channel number, 0 where unknown. */
  channel: number;
  /** The frame ends with its four-octet FCS. */
  hasFcs: boolean;
}

/**
 * Reads the radiotap header at `bytes[start..end)` into `info` (radiotap.org): chained presence words, natural alignment
 * from the header's start, vendor namespaces. Of several antenna signals the first counts.
 * @returns why the header or its frame is to be rejected, or an empty string.
 */
export function readRadiotap(bytes: Uint8Array, start: number, end: number, info: CaptureInfo): Rejection | '' {
  if (end - start < 8) {
    return 'truncated';
  }
  if (bytes[start] !== 0) {
    return 'unsupported';
  }
  const length = bytes[start + 2] | (bytes[start + 3] << 8);
  if (length < 8) {
    return 'format';
  }
  if (start + length > end) {
    return 'truncated';
  }
  info.headerLength = length;
  info.signal = Number.NaN;
  info.channel = 0;
  info.hasFcs = false;

  const present = wordAt(bytes, start + 4);
  let words = 1;
  for (let word = present; (word & MORE) !== 0; words++) {
    if (4 + 4 * (words + 1) > length) {
      return 'truncated';
    }
    word = wordAt(bytes, start + 4 + 4 * words);
  }

  // The fields up to the signal, which nearly every header has in its first word, without the table.
  let at = 4 + 4 * words;
  if ((present & 1) !== 0) {
    at = ((at + 7) & ~7) + 8;
  }
  let flags = 0;
  if ((present & 2) !== 0) {
    flags = at < length ? bytes[start + at] : 0;
    at++;
  }
  if ((present & 4) !== 0) {
    at++;
  }
  if ((present & 8) !== 0) {
    at = (at + 1) & ~1;
    if (at + 4 <= length) {
      info.channel = channelOfFrequency(bytes[start + at] | (bytes[start + at + 1] << 8));
    }
    at += 4;
  }
  if ((present & 16) !== 0) {
    at = ((at + 1) & ~1) + 2;
  }
  if ((present & 32) !== 0) {
    if (at < length) {
      info.signal = (bytes[start + at] << 24) >> 24;
    }
    at++;
  }
  if (at > length) {
    return 'truncated';
  }
  if ((flags & FLAG_BAD_FCS) !== 0) {
    return 'checksum';
  }
  info.hasFcs = (flags & FLAG_FCS) !== 0;
  if ((present & 32) === 0 && words > 1) {
    return walkToSignal(bytes, start, at, words, info);
  }
  return '';
}

/** Goes on from bit 6 of the first word, `at` octets into the header, to the first signal of a later word. */
function walkToSignal(
  bytes: Uint8Array,
  start: number,
  from: number,
  words: number,
  info: CaptureInfo,
): Rejection | '' {
  const length = info.headerLength;
  let at = from;
  let bit = SIGNAL_BIT + 1;
  let known = true;
  for (let index = 0; index < words; index++) {
    const word = wordAt(bytes, start + 4 + 4 * index);
    for (; known && bit < TLV_BIT; bit++) {
      if ((word & (1 << bit)) === 0) {
        continue;
      }
      const [alignment, size] = FIELDS[bit];
      at = (at + alignment - 1) & -alignment;
      if (at + size > length) {
        return 'truncated';
      }
      if (bit === SIGNAL_BIT) {
        info.signal = (bytes[start + at] << 24) >> 24;
        return '';
      }
      at += size;
    }
    if (known && (word & (1 << TLV_BIT)) !== 0) {
      return ''; // All that follows is a list of TLVs, none of which is a signal.
    }
    bit = 0;
    if ((word & (1 << VENDOR_BIT)) !== 0) {
      at = (at + 1) & ~1;
      if (at + 6 > length) {
        return 'truncated';
      }
      at += 6 + (bytes[start + at + 4] | (bytes[start + at + 5] << 8));
      if (at > length) {
        return 'truncated';
      }
      known = false;
    } else if ((word & (1 << RADIOTAP_BIT)) !== 0) {
      known = true;
    } else if (known) {
      return ''; // The next word continues this namespace past its last defined field.
    }
  }
  return '';
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
