import { createRawSighting, NO_RSSI, type RawSighting } from '../../agent/raw.ts';
import type { Rejection } from '../../agent/readings.ts';
import { endsWithFcs } from './fcs.ts';
import { Fingerprint } from './fingerprint.ts';
import { looksLikePpi, readPpi } from './ppi.ts';
import { type CaptureInfo, readRadiotap } from './radiotap.ts';

/** Link types of 802.11 captures (tcpdump.org/linktypes.html). */
export const LinkType = { ieee80211: 105, radiotap: 127, ppi: 192 } as const;

/** The link type is not known: each frame is tried as PPI, radiotap and bare 802.11. */
export const ANY_LINK_TYPE = -1;

/** A probe request, which is in `reading`; another valid frame; or why the frame is rejected. */
export type FrameVerdict = 'probe' | 'other' | Rejection;

const FCS_LENGTH = 4;
/** Frames in a row with a right FCS after which a wrong one is damage: by chance alone this takes 2^64 frames. */
const FCS_PROOF = 2;
/** The shortest frame, an acknowledgement without its FCS. */
const SHORTEST = 10;
const PROBE_HEADER = 24;
const HT_CONTROL = 4;
/** Frame control, first octet: version 0, type management, subtype probe request. */
const PROBE_REQUEST = 0x40;
/** Frame control, second octet. */
const ORDER = 0x80;

export function isSupportedLinkType(linkType: number): boolean {
  return linkType === LinkType.ieee80211 || linkType === LinkType.radiotap || linkType === LinkType.ppi;
}

/**
 * Reads captured 802.11 frames, one at a time, into one reused reading; its time is the caller's to set.
 *
 * A probe request's FCS is checked where it has one. Some sources announce one that was never computed anew after the
 * frame was changed, and others, as an ESP32 without a capture header, send one that nothing announces; so a wrong FCS
 * counts as damage only once the source has shown that its own are right.
 */
export class FrameReader {
  readonly reading: RawSighting = createRawSighting();
  readonly #fingerprint = new Fingerprint();
  readonly #info: CaptureInfo = { headerLength: 0, signal: Number.NaN, channel: 0, hasFcs: false };
  /** Frames in a row with a right FCS, up to FCS_PROOF. */
  #rightFcs = 0;
  /** Whether the FCS of the last frame was looked at. */
  #checked = false;
  /** The last probe request ended with a right FCS: each of its octets, and so its length, is as it was sent. */
  verified = false;

  /** The frame that was read last is one of the source's, and not a guess: its FCS tells of the others'. */
  learn(): void {
    if (this.#checked && this.#rightFcs < FCS_PROOF) {
      this.#rightFcs = this.verified ? this.#rightFcs + 1 : 0;
    }
  }

  /**
   * The last probe request had no FCS to look at, though those of the source do. Some sources send a few without one, as
   * the frames of their own; but one whose capture header was torn, and with it the word of the FCS, looks the same.
   */
  get lacksFcs(): boolean {
    return !this.#checked && this.#rightFcs >= FCS_PROOF;
  }

  /** Frames of another source follow. */
  restart(): void {
    this.#rightFcs = 0;
  }

  /** Whether the last probe request was whole, by its elements. */
  get exact(): boolean {
    return this.#fingerprint.exact;
  }

  /** Whether the last probe request was whole and ended with its SSID, which is text by nature. */
  get endsWithSsid(): boolean {
    return this.#fingerprint.ssidOnly;
  }

  /**
   * Reads the capture header and frame at `bytes[start..end)`.
   * @param cut octets of the frame's end that were not captured.
   */
  read(bytes: Uint8Array, start: number, end: number, linkType: number, cut: number): FrameVerdict {
    if (linkType === ANY_LINK_TYPE) {
      return this.#readAny(bytes, start, end, cut);
    }
    const info = this.#info;
    this.verified = false;
    this.#checked = false;
    let rejection: Rejection | '' = '';
    if (linkType === LinkType.radiotap) {
      rejection = readRadiotap(bytes, start, end, info);
    } else if (linkType === LinkType.ppi) {
      rejection = readPpi(bytes, start, end, info);
    } else {
      info.headerLength = 0;
      info.signal = Number.NaN;
      info.channel = 0;
      info.hasFcs = false;
    }
    if (rejection !== '') {
      return rejection;
    }
    const frame = start + info.headerLength;
    if (end - frame < SHORTEST) {
      return 'truncated';
    }
    const control = bytes[frame];
    if (control !== PROBE_REQUEST) {
      return (control & 0x03) !== 0 ? 'format' : 'other';
    }
    if (cut > 0) {
      return this.#readProbe(bytes, frame, info.hasFcs ? end - Math.max(0, FCS_LENGTH - cut) : end);
    }
    this.#checked = info.hasFcs || linkType === LinkType.ieee80211;
    this.verified = this.#checked && endsWithFcs(bytes, frame, end);
    if (this.#checked && !this.verified && this.#rightFcs >= FCS_PROOF) {
      return 'checksum';
    }
    return this.#readProbe(bytes, frame, info.hasFcs || this.verified ? end - FCS_LENGTH : end);
  }

  /** The first link type under which the octets are a valid frame. */
  #readAny(bytes: Uint8Array, start: number, end: number, cut: number): FrameVerdict {
    let verdict: FrameVerdict = 'format';
    if (looksLikePpi(bytes, start, end)) {
      verdict = this.read(bytes, start, end, LinkType.ppi, cut);
    }
    if (verdict !== 'probe' && verdict !== 'other') {
      verdict = this.read(bytes, start, end, LinkType.radiotap, cut);
    }
    if (verdict !== 'probe' && verdict !== 'other') {
      verdict = this.read(bytes, start, end, LinkType.ieee80211, cut);
    }
    return verdict;
  }

  #readProbe(bytes: Uint8Array, start: number, end: number): FrameVerdict {
    const elements = start + PROBE_HEADER + ((bytes[start + 1] & ORDER) !== 0 ? HT_CONTROL : 0);
    if (elements > end) {
      return 'truncated';
    }
    const { reading } = this;
    const { signal, channel } = this.#info;
    reading.address.setFrom(bytes, start + 10);
    const { high, low } = reading.address;
    if ((high & 0x010000) !== 0 || (high === 0 && low === 0)) {
      return 'format';
    }
    if (signal > 0 || signal < -127) {
      return 'range';
    }
    reading.rssi = Number.isNaN(signal) ? NO_RSSI : signal;
    reading.channel = channel;
    reading.sequence = (bytes[start + 22] | (bytes[start + 23] << 8)) >>> 4;
    const fingerprint = this.#fingerprint;
    fingerprint.read(bytes, elements, end);
    reading.fingerprintHigh = fingerprint.high;
    reading.fingerprintLow = fingerprint.low;
    return 'probe';
  }
}
