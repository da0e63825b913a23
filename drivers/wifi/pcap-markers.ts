/** What sniffers write around the headers and records of a pcap stream, as far as it tells where one begins. */

/** What SerialPcap prints before the global header, at each boot. */
export const START = Buffer.from('<<START>>', 'latin1');
/** What ESP32 Marauder puts around whole records, and the global header before the first; between lies console text. */
export const BURST = Buffer.from('[BUF/BEGIN]', 'latin1');
export const BURST_END = Buffer.from('[BUF/CLOSE]', 'latin1');
/** How the global header begins that a restarted sniffer or tcpdump sends, possibly in the middle of a record. */
export const GLOBAL_MARK = Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0);

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const ESCAPE = 0x1b;
/** A record whose last octets are all text may have swallowed the boot text of a sniffer that restarted. */
const TEXT_TAIL = 6;

/** True where `marker` stands at `offset`. */
export function holds(bytes: Uint8Array, offset: number, marker: Uint8Array): boolean {
  for (let i = 0; i < marker.length; i++) {
    if (bytes[offset + i] !== marker[i]) {
      return false;
    }
  }
  return true;
}

export function isLineEnd(byte: number): boolean {
  return byte === LF || byte === CR;
}

/** What a console writes: all but control characters, of which it uses a few. */
export function isConsoleText(byte: number): boolean {
  return byte >= 0x20 || isLineEnd(byte) || byte === TAB || byte === ESCAPE;
}

/** True where the octets before `end` are what a sniffer writes right in front of a global header. */
export function followsMarker(bytes: Uint8Array, end: number): boolean {
  let at = end;
  at -= bytes[at - 1] === LF ? 1 : 0;
  at -= bytes[at - 1] === CR ? 1 : 0;
  return holds(bytes, at - START.length, START) || holds(bytes, end - BURST.length, BURST);
}

/** How many octets of a global header behind a marker a record ends with, 0 to 7; -1 where it does not end so. */
export function restartAtEnd(bytes: Uint8Array, end: number): number {
  for (let octets = 0; octets < GLOBAL_MARK.length; octets++) {
    const at = end - octets;
    const begun = octets === 0 || (bytes[at] === GLOBAL_MARK[0] && holds(bytes, at, GLOBAL_MARK.subarray(0, octets)));
    if (begun && followsMarker(bytes, at)) {
      return octets;
    }
  }
  return -1;
}

export function endsWithText(bytes: Uint8Array, end: number): boolean {
  for (let i = end - TEXT_TAIL; i < end; i++) {
    const byte = bytes[i];
    if (byte > 0x7e || (byte < 0x20 && !isLineEnd(byte))) {
      return false;
    }
  }
  return true;
}
