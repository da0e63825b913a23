/** The capture headers that sniffers put in front of an 802.11 frame. */

const CHANNEL_2GHZ_DYNAMIC = 0x0480;
const CHANNEL_5GHZ_OFDM = 0x0140;
/** Bits of the radiotap `present` word (radiotap.org, "Defined fields"). */
const PRESENT_CHANNEL = 0x08;
const PRESENT_SIGNAL = 0x20;

const LINKTYPE_80211 = 105;
/** PPI's 802.11-Common field: type and length of its data. */
const COMMON_TYPE = 2;
const COMMON_LENGTH = 20;
const COMMON_INVALID_DBM = -128;

/** Radiotap of 13 octets: channel and signal, no flags, so the frame has no check sequence. */
export function encodeShortRadiotap(rssi: number, channel: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(13));
  view.setUint16(2, 13, true);
  view.setUint32(4, PRESENT_CHANNEL | PRESENT_SIGNAL, true);
  view.setUint16(8, channelMhz(channel), true);
  view.setUint16(10, channelFlags(channel), true);
  view.setInt8(12, rssi);
  return new Uint8Array(view.buffer);
}

/**
 * The 32 octets of PPI of newer ESP32 Marauder builds: one 802.11-Common field, which names 802.11 as what follows though
 * it is radiotap (CACE "Per-Packet Information Header Specification" 1.0.7).
 */
export function encodePpi(rssi: number, channel: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(32));
  view.setUint16(2, 32, true);
  view.setUint32(4, LINKTYPE_80211, true);
  view.setUint16(8, COMMON_TYPE, true);
  view.setUint16(10, COMMON_LENGTH, true);
  view.setUint16(24, channelMhz(channel), true);
  view.setUint16(26, channelFlags(channel), true);
  view.setInt8(30, rssi);
  view.setInt8(31, COMMON_INVALID_DBM);
  return new Uint8Array(view.buffer);
}

/** Centre frequency of an 802.11 channel in the 2.4 or 5 GHz band. */
export function channelMhz(channel: number): number {
  if (channel === 14) return 2484;
  return channel < 14 ? 2407 + 5 * channel : 5000 + 5 * channel;
}

export function channelFlags(channel: number): number {
  return channel > 14 ? CHANNEL_5GHZ_OFDM : CHANNEL_2GHZ_DYNAMIC;
}
