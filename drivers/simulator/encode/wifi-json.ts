/** One line of an ESP32 sniffer that prints a JSON object a frame; the SSID goes in as it is, escaped by nobody. */
import { formatAddress } from './address-text.ts';

export interface WifiJsonLine {
  /** Milliseconds since the module's boot. */
  uptimeMs: number;
  channel: number;
  /** dBm. */
  rssi: number;
  /** `Management` and `ProbeReq` where absent. */
  type?: string;
  subtype?: string;
  /** Octets of the frame with its check sequence. */
  length: number;
  source: Uint8Array;
  /** The broadcast address where absent. */
  receiver?: Uint8Array;
  /** Third address; the broadcast address where absent. */
  third?: Uint8Array;
  ssid: Uint8Array;
  /** OUIs of the vendor elements, three octets each. */
  vendors: readonly Uint8Array[];
}

/** The firmware writes a line into a buffer of 512 octets, its terminating zero included. */
const LONGEST = 511;
const BROADCAST = new Uint8Array(6).fill(0xff);
const LINE_END = Buffer.from('\r\n', 'latin1');

export function wifiJsonLine(line: WifiJsonLine): Uint8Array {
  const head =
    `{"ts":${Math.floor(line.uptimeMs)},"ch":${line.channel},"rssi":${line.rssi},` +
    `"type":"${line.type ?? 'Management'}","subtype":"${line.subtype ?? 'ProbeReq'}","len":${line.length},` +
    `"addr1":"${formatAddress(line.receiver ?? BROADCAST)}","addr2":"${formatAddress(line.source)}",` +
    `"addr3":"${formatAddress(line.third ?? BROADCAST)}",` +
    `"flags":{"toDS":0,"fromDS":0,"retry":0,"pwrMgt":0,"protected":0},"ssid":"`;
  const vendors = line.vendors.map((oui) => Buffer.from(oui).toString('hex').toUpperCase());
  const tail = Buffer.from(`","vendor":"${vendors.join(',')}"}`, 'latin1');
  const whole = Buffer.concat([Buffer.from(head, 'latin1'), line.ssid, tail]);
  return Buffer.concat([whole.subarray(0, LONGEST), LINE_END]);
}

/** The OUIs of the vendor elements of a management frame that ends with its check sequence. */
export function vendorsOf(frame: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 24; at + 2 + frame[at + 1] <= frame.length - 4; at += 2 + frame[at + 1]) {
    if (frame[at] === 221 && frame[at + 1] >= 3) found.push(frame.subarray(at + 2, at + 5));
  }
  return found;
}
