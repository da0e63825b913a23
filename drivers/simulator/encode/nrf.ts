/** Packets of the nRF Sniffer for Bluetooth LE, protocol versions 1 to 3. */
import type { Advertisement } from '../formats.ts';
import { checkOctets, encodeAdvertisingPdu } from './nrf-pdu.ts';

export type NrfVersion = 1 | 2 | 3;

const START = 0xab;
const END = 0xbc;
const ESCAPE = 0xcd;
const EVENT_ADV_PDU = 0x02;
const EVENT_PDU = 0x06;

/** One packet, marks and escapes included. */
export function nrfPacket(version: NrfVersion, counter: number, id: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const lengths = version === 1 ? [6, length] : [length & 0xff, length >> 8];
  const bytes = [START];
  for (const byte of [...lengths, version, counter & 0xff, (counter >> 8) & 0xff, id, ...payload]) {
    if (byte === START || byte === END || byte === ESCAPE) bytes.push(ESCAPE, byte + 1);
    else bytes.push(byte);
  }
  bytes.push(END);
  return Uint8Array.from(bytes);
}

export interface NrfAdvertisement {
  version: NrfVersion;
  counter: number;
  advertisement: Advertisement;
  /** Microseconds, taken modulo 2^32: version 3 since power-on, before that since the last packet's end. */
  stampUs: number;
  /** dBm, -127 to 0. */
  rssi: number;
  channel: number;
  /** On the coded PHY, S = 8. */
  coded?: boolean;
  /** Whether the CRC was right on the air. */
  crcOk?: boolean;
}

export function nrfAdvertisement(packet: NrfAdvertisement): Uint8Array {
  const { version, counter, advertisement, stampUs, rssi, channel, coded = false, crcOk = true } = packet;
  const pdu = encodeAdvertisingPdu(advertisement);
  const stamp = Math.floor(stampUs) % 2 ** 32;
  const payload = Uint8Array.of(
    10,
    (crcOk ? 1 : 0) | (coded ? 2 << 4 : 0),
    channel,
    -rssi,
    0,
    0,
    ...[0, 8, 16, 24].map((shift) => Math.floor(stamp / 2 ** shift) & 0xff),
    ...[0xd6, 0xbe, 0x89, 0x8e],
    ...(coded ? [0] : []),
    pdu[0],
    pdu[1],
    0,
    ...pdu.subarray(2),
    ...checkOctets(pdu),
  );
  return nrfPacket(version, counter, version === 3 ? EVENT_ADV_PDU : EVENT_PDU, payload);
}
