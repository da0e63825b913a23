import { formatAddress } from './address-text.ts';

/** One line of a TZ001-class Wi-Fi probe module: fields between bars, hexadecimal type and subtype, no checksum. */
export interface WifiLine {
  /** 6: the plain line; 9: with SSID and two numbers behind; 10: with the module's own address in front. */
  fields: 6 | 9 | 10;
  /** Six octets each; a probe request goes to everyone by default. */
  source: Uint8Array;
  destination?: Uint8Array;
  /** Frame type and subtype; a probe request (0, 4) by default. */
  type?: number;
  subtype?: number;
  channel: number;
  /** dBm. */
  rssi: number;
  /** For 9 fields. */
  ssid?: string;
  /** For 10 fields. */
  ownAddress?: Uint8Array;
}

const BROADCAST = new Uint8Array(6).fill(0xff);

export function wifiLine(line: WifiLine): Uint8Array {
  const fields: (string | number)[] = [
    formatAddress(line.source),
    formatAddress(line.destination ?? BROADCAST),
    (line.type ?? 0).toString(16).padStart(2, '0'),
    (line.subtype ?? 4).toString(16).padStart(2, '0'),
    line.channel,
    line.rssi,
  ];
  if (line.fields === 9) fields.push(line.ssid ?? '', 0, 0);
  if (line.fields === 10) {
    fields.unshift(formatAddress(line.ownAddress ?? new Uint8Array(6)));
    fields.push(0, 0, 0);
  }
  return Buffer.from(`${fields.join('|')}\r\n`, 'utf8');
}
