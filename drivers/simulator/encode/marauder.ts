/** The console of an ESP32 Marauder that sends its capture over the same line (`sniffprobe -serial`). */
import { formatAddress } from './address-text.ts';

const BEGIN = Buffer.from('[BUF/BEGIN]', 'latin1');
const CLOSE = Buffer.from('[BUF/CLOSE]', 'latin1');

/** One buffer of whole pcap records, the first of a capture behind its global header, written in one piece. */
export function encodeBurst(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat([BEGIN, ...parts, CLOSE]);
}

/** What the console prints at boot and when a capture begins. */
export function encodeMarauderBanner(): Uint8Array {
  return Buffer.from(
    '\r\nESP32 Marauder\r\n> #sniffprobe -serial\r\nStarting Probe sniff. Stop with stopscan\r\n',
    'latin1',
  );
}

/** What the console prints of a probe request, in words. */
export function encodeMarauderLine(rssi: number, channel: number, source: Uint8Array, ssid: string): Uint8Array {
  const client = formatAddress(source).toLowerCase();
  return Buffer.from(`${rssi} Ch: ${channel} Client: ${client} Requesting: ${ssid}\r\n`, 'utf8');
}
