/** Builders and a recording sink for the tests of this folder; nothing of the product imports it. */
import type { RawSighting } from '../../agent/raw.ts';
import type { Decoder, ReadingSink } from '../driver.ts';

export interface Seen {
  time: number;
  address: string;
  rssi: number;
  channel: number;
  sequence: number;
  fingerprint: string;
}

/** A sink that keeps what it is given; tests run on made or public frames, so it may spell addresses out. */
export function recordingSink(seen: Seen[]): ReadingSink {
  const unexpected = () => {
    throw new Error('a Wi-Fi decoder gave a reading of another kind');
  };
  return {
    sighting: (reading) => void seen.push(copyOf(reading)),
    advertisement: unexpected,
    crossing: unexpected,
    counter: unexpected,
    transaction: unexpected,
  };
}

function copyOf({ time, address, rssi, channel, sequence, fingerprintHigh, fingerprintLow }: RawSighting): Seen {
  const hex = address.high.toString(16).padStart(6, '0') + address.low.toString(16).padStart(6, '0');
  const spelled = hex.replace(/(..)(?!$)/g, '$1:');
  return { time, address: spelled, rssi, channel, sequence, fingerprint: `${fingerprintHigh}/${fingerprintLow}` };
}

/** What a decoder makes of pushes that all arrive at `arrival`. */
export function decode(decoder: Decoder, pushes: Iterable<Uint8Array>, arrival = 1_700_000_000_000): Seen[] {
  const seen: Seen[] = [];
  const sink = recordingSink(seen);
  for (const push of pushes) {
    decoder.push(push, arrival, sink);
  }
  return seen;
}

/** The reasons that were counted, without the zeros. */
export function rejections(decoder: Decoder): Record<string, number> {
  return Object.fromEntries(Object.entries(decoder.counts.rejected).filter(([, count]) => count > 0));
}

/** `bytes` cut into pushes of `size`. */
export function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
  }
}

export const hex = (text: string): Buffer => Buffer.from(text.replace(/[^0-9a-f]/gi, ''), 'hex');

/** Elements of a phone: SSID, rates, DS parameter, HT capabilities, a vendor's. */
export const ELEMENTS = hex(`00 00 01 04 82 84 8b 96 32 08 0c 12 18 24 30 48 60 6c 03 01 06
  2d 1a 2d 40 1b ff 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 7f 08 00 00 08 04 00 00 00 40
  dd 07 00 17 f2 0a 00 01 04`);

/** A probe request of device `device` (its address is 02:11:22:33:44:device). */
export function probeRequest(device: number, sequence = 0, elements: Uint8Array = ELEMENTS): Buffer {
  const header = hex(`40 00 00 00 ff ff ff ff ff ff 02 11 22 33 44 00 ff ff ff ff ff ff 00 00`);
  header[15] = device;
  header.writeUInt16LE(sequence << 4, 22);
  return Buffer.concat([header, elements]);
}

/** A radiotap header of 13 octets (flags, rate, channel, signal) in front of a frame. */
export function radiotap(frame: Uint8Array, signal = -60, mhz = 2437, flags = 0): Buffer {
  const header = hex('00 00 0f 00 2e 00 00 00 00 02 00 00 a0 00 00');
  header[8] = flags;
  header.writeUInt16LE(mhz, 10);
  header.writeInt8(signal, 14);
  return Buffer.concat([header, frame]);
}

export interface FileFormat {
  linkType?: number;
  big?: boolean;
  nano?: boolean;
  snapshot?: number;
}

export function globalHeader({ linkType = 127, big = false, nano = false, snapshot = 2500 }: FileFormat = {}): Buffer {
  const words = [nano ? 0xa1b23c4d : 0xa1b2c3d4, 0, 0, 0, snapshot, linkType];
  const header = Buffer.concat(words.map((word) => u32(word, big)));
  header[4] = big ? 0 : 2;
  header[5] = big ? 2 : 0;
  header[6] = big ? 0 : 4;
  header[7] = big ? 4 : 0;
  return header;
}

/** A record of a time in milliseconds. */
export function record(ms: number, body: Uint8Array, { big = false, nano = false }: FileFormat = {}): Buffer {
  const fraction = Math.round((ms % 1_000) * (nano ? 1e6 : 1e3));
  const words = [Math.floor(ms / 1_000), fraction, body.length, body.length];
  return Buffer.concat([...words.map((word) => u32(word, big)), body]);
}

function u32(value: number, big: boolean): Buffer {
  const bytes = Buffer.alloc(4);
  if (big) {
    bytes.writeUInt32BE(value);
  } else {
    bytes.writeUInt32LE(value);
  }
  return bytes;
}

export const BOOT_TEXT = Buffer.from(
  'ets Jun  8 2016 00:22:57\r\n\r\nrst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n' +
    'configsip: 0, SPIWP:0xee\r\nclk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\n' +
    'mode:DIO, clock div:1\r\nload:0x3fff0018,len:4\r\nload:0x3fff001c,len:1044\r\nentry 0x400806ac\r\n',
);
export const START = Buffer.from('\r\n<<START>>\r\n');
