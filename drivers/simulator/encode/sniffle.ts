/** Lines of Sniffle: base64 of a count of groups, a type and a body. */
import type { Advertisement } from '../formats.ts';
import { encodeAdvertisingPdu } from './nrf-pdu.ts';

export function sniffleLine(type: number, body: Uint8Array | readonly number[]): Uint8Array {
  const groups = Math.ceil((2 + body.length) / 3);
  return Buffer.from(`${Buffer.from([groups, type, ...body]).toString('base64')}\r\n`, 'latin1');
}

export interface SniffleFrame {
  advertisement: Advertisement;
  /** Microseconds since power-on, taken modulo 2^30 as the sniffer's clock does. */
  stampUs: number;
  /** dBm. */
  rssi: number;
  channel: number;
  crcError?: boolean;
}

export function sniffleFrame({ advertisement, stampUs, rssi, channel, crcError = false }: SniffleFrame): Uint8Array {
  const pdu = encodeAdvertisingPdu(advertisement);
  const body = Buffer.alloc(10 + pdu.length);
  body.writeUInt32LE(Math.floor(stampUs) % 2 ** 30, 0);
  body.writeUInt16LE(pdu.length | (crcError ? 0x4000 : 0), 4);
  body.writeInt8(rssi, 8);
  body.writeUInt8(channel, 9);
  body.set(pdu, 10);
  return sniffleLine(0x10, body);
}

/** The sniffer's answer to a marker: its clock and what the marker held. */
export function sniffleMarker(stampUs: number, data: Uint8Array): Uint8Array {
  const stamp = Buffer.alloc(4);
  stamp.writeUInt32LE(Math.floor(stampUs) % 2 ** 30);
  return sniffleLine(0x12, [...stamp, ...data]);
}
