/**
 * The stream of an ESP32 sniffer that speaks pcap over its serial line (SerialPcap): boot text, `<<START>>`, a pcap
 * header, then records with the time since boot (libpcap's pcap-savefile(5); radiotap.org for the capture header).
 */
import { type CaptureLinkType, encodeGlobalHeader, encodeRecord } from './pcap.ts';
import { encodeProbeRequest, type ProbeRequest } from './probe-request.ts';
import { channelFlags, channelMhz } from './radiotap.ts';

const RADIOTAP_LENGTH = 15;
/** Radiotap `present` word: flags (bit 1), channel (bit 3), antenna signal in dBm (bit 5). */
const RADIOTAP_PRESENT = 0x2a;
const FLAG_FCS_AT_END = 0x10;
const SNAPSHOT = 2500;

/** What an ESP32 writes before its program runs. */
export function encodeEspBootText(): Uint8Array {
  return Buffer.from(
    'ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n' +
      'configsip: 0, SPIWP:0xee\r\nmode:DIO, clock div:1\r\nload:0x3fff0030,len:1184\r\nentry 0x400805e4\r\n',
    'latin1',
  );
}

/** The marker and the pcap global header: little-endian, microseconds, snaplen 2500. */
export function encodeSerialPcapHeader(linkType: CaptureLinkType = 127): Uint8Array {
  const marker = Buffer.from('\r\n<<START>>\r\n', 'latin1');
  return Buffer.concat([marker, encodeGlobalHeader(linkType, SNAPSHOT)]);
}

/** The pcap global header alone, as it starts a capture file. */
export function encodePcapHeader(): Uint8Array {
  return encodeGlobalHeader(127, SNAPSHOT);
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

/** One pcap record of a frame that ends with its frame check sequence; `timeUs` since boot or since 1970. */
export function encodeFrameRecord(frame: Uint8Array, timeUs: number, rssi: number, channel: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(RADIOTAP_LENGTH));
  header.setUint16(2, RADIOTAP_LENGTH, true);
  header.setUint32(4, RADIOTAP_PRESENT, true);
  header.setUint8(8, FLAG_FCS_AT_END);
  header.setUint16(10, channelMhz(channel), true);
  header.setUint16(12, channelFlags(channel), true);
  header.setInt8(14, rssi);
  return encodeRecord(timeUs, new Uint8Array(header.buffer), frame);
}
