/**
 * The stream of an ESP32 sniffer that speaks pcap over its serial line (SerialPcap): boot text, `<<START>>`, a pcap
 * header, then records with the time since boot (libpcap's pcap-savefile(5); radiotap.org for the capture header).
 */
import { encodeProbeRequest, type ProbeRequest } from './probe-request.ts';

/** Link type of a capture with radiotap headers. */
const LINKTYPE_RADIOTAP = 127;
const RADIOTAP_LENGTH = 15;
/** Radiotap `present` word: flags (bit 1), channel (bit 3), antenna signal in dBm (bit 5). */
const RADIOTAP_PRESENT = 0x2a;
const FLAG_FCS_AT_END = 0x10;
const CHANNEL_2GHZ_DYNAMIC = 0x0480;
const CHANNEL_5GHZ_OFDM = 0x0140;

/** What an ESP32 writes before its program runs. */
export function encodeEspBootText(): Uint8Array {
  return Buffer.from(
    'ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n' +
      'configsip: 0, SPIWP:0xee\r\nmode:DIO, clock div:1\r\nload:0x3fff0030,len:1184\r\nentry 0x400805e4\r\n',
    'latin1',
  );
}

/** The marker and the pcap global header: little-endian, microseconds, snaplen 2500, link type 127. */
export function encodeSerialPcapHeader(): Uint8Array {
  const marker = Buffer.from('\r\n<<START>>\r\n', 'latin1');
  return Buffer.concat([marker, encodePcapHeader()]);
}

/** The pcap global header alone, as it starts a capture file. */
export function encodePcapHeader(): Uint8Array {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, 0xa1b2c3d4, true);
  header.setUint16(4, 2, true);
  header.setUint16(6, 4, true);
  header.setUint32(16, 2500, true);
  header.setUint32(20, LINKTYPE_RADIOTAP, true);
  return new Uint8Array(header.buffer);
}

export interface ProbeRecord extends ProbeRequest {
  /** Microseconds since the sniffer booted. */
  uptimeUs: number;
  /** dBm, -127 to 0. */
  rssi: number;
  /** Channel the sniffer is tuned to. */
  channel: number;
}

/** One pcap record: a radiotap header and a probe request. */
export function encodeProbeRecord(record: ProbeRecord): Uint8Array {
  return encodeFrameRecord(encodeProbeRequest(record), record.uptimeUs, record.rssi, record.channel);
}

/** One pcap record of a frame that ends with its frame check sequence; `uptimeUs`, `rssi` and `channel` as above. */
export function encodeFrameRecord(frame: Uint8Array, uptimeUs: number, rssi: number, channel: number): Uint8Array {
  const length = RADIOTAP_LENGTH + frame.length;
  const bytes = new Uint8Array(16 + length);
  const view = new DataView(bytes.buffer);
  const us = Math.floor(uptimeUs);
  view.setUint32(0, Math.floor(us / 1e6), true);
  view.setUint32(4, us % 1e6, true);
  view.setUint32(8, length, true);
  view.setUint32(12, length, true);
  view.setUint16(18, RADIOTAP_LENGTH, true);
  view.setUint32(20, RADIOTAP_PRESENT, true);
  view.setUint8(24, FLAG_FCS_AT_END);
  view.setUint16(26, channelMhz(channel), true);
  view.setUint16(28, channel > 14 ? CHANNEL_5GHZ_OFDM : CHANNEL_2GHZ_DYNAMIC, true);
  view.setInt8(30, rssi);
  bytes.set(frame, 16 + RADIOTAP_LENGTH);
  return bytes;
}

/** Centre frequency of an 802.11 channel in the 2.4 or 5 GHz band. */
function channelMhz(channel: number): number {
  if (channel === 14) return 2484;
  return channel < 14 ? 2407 + 5 * channel : 5000 + 5 * channel;
}
