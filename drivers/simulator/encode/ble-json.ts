/** JSON lines of BLE sniffers, in their three dialects. */
import type { Advertisement } from '../formats.ts';

/** Report types by PDU type, as controllers number them. */
const REPORT_TYPES = { 0: 0, 2: 3, 6: 2 } as const;

/** Our contract for ESP32 boards; `uptimeMs` since their boot. */
export function contractLine(
  advertisement: Advertisement,
  uptimeMs: number,
  rssi: number,
  channel: number,
): Uint8Array {
  const { address, random, type, data } = advertisement;
  return line({
    v: 1,
    t: 'adv',
    ms: Math.floor(uptimeMs),
    ch: channel,
    rssi,
    ty: REPORT_TYPES[type],
    at: random ? 1 : 0,
    a: hex(address),
    d: hex(data),
  });
}

/** What a BleuIO in verbose mode prints for FINDSCANDATA with SHOWRSSI; `command` numbers the commands given to it. */
export function bleuioLine(advertisement: Advertisement, command: number, rssi: number): Uint8Array {
  const { address, random, type, data } = advertisement;
  const addr = `[${random ? 1 : 0}]${spell(address)}`;
  return line({ SF: command, rssi, addr, type: REPORT_TYPES[type], data: hex(data).toUpperCase() });
}

/** What an OpenMQTTGateway prints: manufacturer and service data without their AD structures. */
export function gatewayLine({ address, data }: Advertisement, rssi: number): Uint8Array {
  const fields: Record<string, unknown> = { id: spell(address), rssi };
  for (let at = 0; at < data.length && data[at] !== 0; at += 1 + data[at]) {
    const body = data.subarray(at + 2, at + 1 + data[at]);
    if (data[at + 1] === 0xff) fields.manufacturerdata = hex(body);
    if (data[at + 1] === 0x16) {
      fields.servicedatauuid = `0x${hex(body.subarray(0, 2).toReversed())}`;
      fields.servicedata = hex(body.subarray(2));
    }
  }
  return line(fields);
}

function line(fields: Record<string, unknown>): Uint8Array {
  return Buffer.from(`${JSON.stringify(fields)}\r\n`, 'latin1');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function spell(address: Uint8Array): string {
  return Array.from(address, (octet) => octet.toString(16).padStart(2, '0').toUpperCase()).join(':');
}
