/** The parts of a wifi-json line, read where they stand. */
import type { Rejection } from '../../agent/readings.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const CLOSING_BRACE = 0x7d;
const ADDRESS = 17;
const NO_DIGIT = 0x100;
/** `0050F2` and a comma. */
const VENDOR_LENGTH = 7;

/** Value of a hexadecimal digit in either case by its character; any other makes each octet it is part of exceed 0xff. */
const HEX = Uint16Array.from({ length: 256 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase());
  return digit < 0 ? NO_DIGIT : digit;
});
/** 1: may stand in the name of a type; 2: between the braces of the flags; 4: in a list of vendors. */
export const WORD = 1;
export const FLAG = 2;
const OUI = 4;
const CLASS = Uint8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  return (
    (/[A-Za-z0-9 _/+-]/.test(character) ? WORD : 0) |
    (/[A-Za-z0-9_":,]/.test(character) ? FLAG : 0) |
    (/[0-9A-Fa-f,]/.test(character) ? OUI : 0)
  );
});

/**
 * Bytes that must stand in a line, compared by words of four, the last of which may overlap the one before it: a line is
 * mostly made of these.
 */
export class Literal {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly length: number;

  /** Takes at least four bytes. */
  constructor(text: string | Uint8Array) {
    this.bytes = typeof text === 'string' ? Uint8Array.from(Buffer.from(text, 'latin1')) : text;
    this.length = text.length;
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset, text.length);
    this.words = new Int32Array(Math.ceil(text.length / 4));
    for (let i = 0; i < this.words.length; i++) {
      this.words[i] = view.getInt32(Math.min(4 * i, text.length - 4));
    }
  }
}

export const BROADCAST = new Literal('FF:FF:FF:FF:FF:FF');
const VENDOR = new Literal('","vendor":"');

/** True where the whole literal stands at `at`, before `end`. */
export function stands(view: DataView, at: number, end: number, { words, length }: Literal): boolean {
  const last = at + length - 4;
  if (last + 4 > end) {
    return false;
  }
  for (let i = 0; i < words.length; i++) {
    const next = at + 4 * i;
    if (view.getInt32(Math.min(next, last)) !== words[i]) {
      return false;
    }
  }
  return true;
}

/** Why something else than the literal stands at `at`, which is -1 where what is before it is wrong. */
export function differs(buffer: Uint8Array, at: number, end: number, { bytes }: Literal): Rejection {
  if (at < 0) {
    return 'format';
  }
  let i = 0;
  while (at + i < end && buffer[at + i] === bytes[i]) {
    i++;
  }
  return at + i >= end ? 'truncated' : 'format';
}

/** Where the bytes of a class end that begin at `start`. */
export function runOf(buffer: Uint8Array, start: number, end: number, kind: number): number {
  let at = start;
  while (at < end && (CLASS[buffer[at]] & kind) !== 0) {
    at++;
  }
  return at;
}

/**
 * Where the address at `at` ends, or the line before it; -1 where there is none. One may be missing where the frame is no
 * probe request, as in an acknowledgement.
 */
export function addressEnd(view: DataView, buffer: Uint8Array, at: number, end: number, required: boolean): number {
  // That of most receivers.
  if (stands(view, at, end, BROADCAST)) {
    return at + ADDRESS;
  }
  // What stands behind the end is another line's, or one's from long ago.
  if (at < end && buffer[at] === QUOTE) {
    return required ? -1 : at;
  }
  if (at + ADDRESS > end) {
    return end;
  }
  const octets =
    octet(buffer, at) |
    octet(buffer, at + 3) |
    octet(buffer, at + 6) |
    octet(buffer, at + 9) |
    octet(buffer, at + 12) |
    octet(buffer, at + 15);
  const colons =
    (buffer[at + 2] ^ COLON) |
    (buffer[at + 5] ^ COLON) |
    (buffer[at + 8] ^ COLON) |
    (buffer[at + 11] ^ COLON) |
    (buffer[at + 14] ^ COLON);
  return octets > 0xff || colons !== 0 ? -1 : at + ADDRESS;
}

export function octet(buffer: Uint8Array, at: number): number {
  return (HEX[buffer[at]] << 4) | HEX[buffer[at + 1]];
}

/** Where `","vendor":".."}` begins with which the line ends, not before `from`; -1 where it does not end so. */
export function tailStart(buffer: Uint8Array, from: number, end: number): number {
  if (end - 2 < from || buffer[end - 1] !== CLOSING_BRACE || buffer[end - 2] !== QUOTE) {
    return -1;
  }
  let at = end - 2;
  while (at > from && (CLASS[buffer[at - 1]] & OUI) !== 0) {
    at--;
  }
  const vendors = end - 2 - at;
  const start = at - VENDOR.bytes.length;
  if (start < from || (vendors > 0 && (vendors + 1) % VENDOR_LENGTH !== 0)) {
    return -1;
  }
  for (let i = at + VENDOR_LENGTH - 1; i < end - 2; i += VENDOR_LENGTH) {
    if (buffer[i] !== COMMA) {
      return -1;
    }
  }
  for (let i = start; i < at; i++) {
    if (buffer[i] !== VENDOR.bytes[i - start]) {
      return -1;
    }
  }
  return start;
}
