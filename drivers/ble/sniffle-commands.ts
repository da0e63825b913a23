/** What the host says to Sniffle: one base64 line a command, whose first octet counts its groups of three. */
import type { Step } from './scan-starter.ts';

const SET_CHANNEL = 0x10;
const PAUSE_WHEN_DONE = 0x11;
const SET_RSSI_FILTER = 0x12;
const SET_ADDRESS_FILTER = 0x13;
const FOLLOW = 0x15;
const FOLLOW_AUXILIARY = 0x16;
const MARKER = 0x18;
const VALIDATE_CRC = 0x26;

/** Access address, PHY and CRC preset of the advertising channels. */
const ADVERTISING = [0xd6, 0xbe, 0x89, 0x8e, 0x00, 0x55, 0x55, 0x55, 0x00];
const EVERYTHING = 0x80; // -128 dBm
const SYNC = 0x40;

/**
 * What makes the sniffer report all advertisements of one channel with a valid CRC.
 * @param marker a number for this start, 16 bits; the sniffer repeats it when it has taken everything before.
 */
export function sniffleScan(channel: number, marker: number): Step[] {
  return [
    // The first line ends whatever was on the line before.
    { frame: command(MARKER, SYNC) },
    { frame: command(SET_CHANNEL, channel, ...ADVERTISING) },
    { frame: command(SET_RSSI_FILTER, EVERYTHING) },
    { frame: command(PAUSE_WHEN_DONE, 0) },
    { frame: command(FOLLOW, 0) },
    { frame: command(FOLLOW_AUXILIARY, 0) },
    { frame: command(SET_ADDRESS_FILTER) },
    { frame: command(VALIDATE_CRC, 1) },
    { frame: command(MARKER, 0x46, 0x46, marker & 0xff, marker >> 8), answer: marker, needed: true },
  ];
}

/** The number of our marker in what the sniffer repeats, `bytes[start..end)`, or -1. */
export function markerNumber(bytes: Uint8Array, start: number, end: number): number {
  const ours = end - start === 4 && bytes[start] === 0x46 && bytes[start + 1] === 0x46;
  return ours ? bytes[start + 2] | (bytes[start + 3] << 8) : -1;
}

function command(opcode: number, ...body: number[]): Uint8Array {
  const groups = Math.ceil((2 + body.length) / 3);
  const line = Buffer.from([groups, opcode, ...body]).toString('base64');
  return Buffer.from(`${line}\r\n`, 'latin1');
}
