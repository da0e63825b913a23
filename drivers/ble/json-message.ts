/** The three dialects of BLE sniffers that send JSON lines, as one message. */
import type { Rejection } from '../../agent/readings.ts';

export interface AdvertisementMessage {
  /** Twelve hexadecimal digits. */
  address: string;
  random: boolean;
  /** AD structures; absent where the dialect leaves them out. */
  data: Uint8Array | undefined;
  rssi: number;
  /** 37 to 39, 0 where unknown. */
  channel: number;
  /** Milliseconds since the sniffer's boot; NaN where there are none. */
  uptimeMs: number;
}

/** An answer or event of an AT dongle. */
export type DongleMessage = 'answer' | 'stopped';
export type Message = AdvertisementMessage | DongleMessage | 'other' | Rejection;

type Fields = Record<string, unknown>;

const SCAN_RESPONSE = 4;
/** The most data of a legacy and of an extended advertisement that fits a line, octets. */
const LONGEST_DATA = 229;

/** Reads a line that begins with a brace. */
export function readMessage(line: string): Message {
  if (!line.endsWith('}')) {
    return 'truncated';
  }
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'format';
  }
  const fields = value as Fields;
  if ('v' in fields && 't' in fields) {
    return readContract(fields);
  }
  if ('SF' in fields || 'S' in fields) {
    return readBleuio(fields);
  }
  if ('SE' in fields) {
    return 'stopped';
  }
  if ('A' in fields) {
    return 'answer';
  }
  if ('C' in fields || 'R' in fields || 'E' in fields) {
    return 'other';
  }
  return 'id' in fields && 'rssi' in fields ? readGateway(fields) : 'unsupported';
}

/** `{"v":1,"t":"adv","ms":123,"ch":37,"rssi":-67,"ty":0,"at":1,"a":"5bcdabbc1234","d":"02011a"}`. */
function readContract({ v, t, ms, ch, rssi, ty, at, a, d }: Fields): Message {
  if (typeof v !== 'number' || typeof t !== 'string') {
    return 'format';
  }
  if (v !== 1) {
    return 'unsupported';
  }
  if (t !== 'adv') {
    return 'other';
  }
  const data = readHex(d);
  if (!isWhole(rssi) || !isWhole(ch) || !isWhole(ty) || !isWhole(at) || typeof ms !== 'number') {
    return 'format';
  }
  if (typeof a !== 'string' || !/^[0-9a-f]{12}$/i.test(a) || data === undefined) {
    return 'format';
  }
  const inRange = ms >= 0 && ms < 1e15 && ch >= 37 && ch <= 39 && ty >= 0 && ty <= 4 && at >= 0 && at <= 3;
  if (!inRange) {
    return 'range';
  }
  return ty === SCAN_RESPONSE ? 'other' : { address: a, random: (at & 1) === 1, data, rssi, channel: ch, uptimeMs: ms };
}

/** `{"SF":1,"rssi":-60,"addr":"[1]5B:CD:AB:BC:12:34","type":0,"data":"02011A"}`; `S` lines have no data. */
function readBleuio({ rssi, addr, type, data }: Fields): Message {
  const match = typeof addr === 'string' ? /^\[([01])\]([0-9A-F]{2}(?::[0-9A-F]{2}){5})$/i.exec(addr) : null;
  const payload = readHex(data);
  if (match === null || !isWhole(rssi) || (data !== undefined && payload === undefined)) {
    return 'format';
  }
  if (type === SCAN_RESPONSE) {
    return 'other';
  }
  const address = match[2].replaceAll(':', '');
  return { address, random: match[1] === '1', data: payload, rssi, channel: 0, uptimeMs: Number.NaN };
}

/** `{"id":"5B:CD:AB:BC:12:34","rssi":-55,"manufacturerdata":"4c0010..."}`, with service data in other fields. */
function readGateway(fields: Fields): Message {
  const { id, rssi, mac_type: kind, manufacturerdata, servicedata, servicedatauuid } = fields;
  const service = readHex(servicedata);
  const maker = readHex(manufacturerdata);
  if (typeof id !== 'string' || !/^[0-9A-F]{2}(:[0-9A-F]{2}){5}$/i.test(id) || !isWhole(rssi)) {
    return 'format';
  }
  if ((manufacturerdata !== undefined && maker === undefined) || (servicedata !== undefined && service === undefined)) {
    return 'format';
  }
  const address = id.replaceAll(':', '');
  // Without a kind of address the top bits tell: a resolvable or static one has the second highest set.
  const random = isWhole(kind) ? (kind & 1) === 1 : (Number.parseInt(address.slice(0, 2), 16) & 0x40) !== 0;
  const uuid = /^(?:0x)?([0-9a-f]{2})([0-9a-f]{2})$/i.exec(typeof servicedatauuid === 'string' ? servicedatauuid : '');
  const structures: number[] = [];
  if (maker !== undefined) structures.push(maker.length + 1, 0xff, ...maker);
  if (uuid !== null) {
    const [, high, low] = uuid.map((digits) => Number.parseInt(digits, 16));
    structures.push((service?.length ?? 0) + 3, 0x16, low, high, ...(service ?? []));
  }
  const data = structures.length > 0 ? Uint8Array.from(structures) : undefined;
  return { address, random, data, rssi, channel: 0, uptimeMs: Number.NaN };
}

/** Whole octets in hexadecimal digits; undefined where it is none or too long. */
function readHex(value: unknown): Uint8Array | undefined {
  const valid = typeof value === 'string' && value.length <= 2 * LONGEST_DATA && /^(?:[0-9a-f]{2})*$/i.test(value);
  return valid ? Buffer.from(value, 'hex') : undefined;
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value);
}
