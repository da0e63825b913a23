/**
 * The two headers of a pcap stream (draft-ietf-opsawg-pcap), judged by how plausible they are: a serial line has no
 * other sign of where a record begins.
 */
export const GLOBAL_HEADER = 24;
export const RECORD_HEADER = 16;

/** The longest record ever accepted, in octets. */
export const LONGEST_RECORD = 65_535;
/** The longest record while the stream's position is in doubt, and the least a snapshot length can limit it to. */
export const USUAL_RECORD = 4_096;
/** A radiotap header alone; no captured frame is shorter. */
const SHORTEST_RECORD = 8;
/** Some sniffers count only the frame and not their capture header to the original length. */
const UNCOUNTED_HEADER = 128;
const LONGEST_ORIGINAL = 262_144;

/** How a stream writes its records. */
export interface PcapFormat {
  littleEndian: boolean;
  /** Fractions of a second: 1e6 or 1e9. */
  fractions: number;
  linkType: number;
  /** The longest plausible record, in octets. */
  longest: number;
}

export interface RecordHeader {
  seconds: number;
  fraction: number;
  /** Octets of the record that follow. */
  captured: number;
  /** Octets of the frame as it was on the air. */
  original: number;
}

/** True where a global header of version 2.4 begins; looks at eight octets. */
export function isGlobalHeader(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at];
  if (first !== 0xd4 && first !== 0x4d && first !== 0xa1) {
    return false;
  }
  const little = magicFractions(u32(bytes, at, true));
  if (little > 0) {
    return bytes[at + 4] === 2 && bytes[at + 5] === 0 && bytes[at + 6] === 4 && bytes[at + 7] === 0;
  }
  const big = magicFractions(u32(bytes, at, false));
  return big > 0 && bytes[at + 4] === 0 && bytes[at + 5] === 2 && bytes[at + 6] === 0 && bytes[at + 7] === 4;
}

/** Reads the 24 octets of a header that `isGlobalHeader` found. */
export function readGlobalHeader(bytes: Uint8Array, at: number): PcapFormat {
  const littleEndian = magicFractions(u32(bytes, at, true)) > 0;
  const snapshot = u32(bytes, at + 16, littleEndian);
  return {
    littleEndian,
    fractions: magicFractions(u32(bytes, at, littleEndian)),
    // The upper six bits tell of an FCS; no sniffer known sets them.
    linkType: u32(bytes, at + 20, littleEndian) & 0x03ffffff,
    longest: Math.min(LONGEST_RECORD, Math.max(USUAL_RECORD, snapshot)),
  };
}

/** Reads 16 octets into `header` and says whether they can be the header of a record of at most `longest` octets. */
export function readRecordHeader(
  bytes: Uint8Array,
  at: number,
  format: PcapFormat,
  longest: number,
  header: RecordHeader,
): boolean {
  const { littleEndian } = format;
  header.seconds = u32(bytes, at, littleEndian);
  header.fraction = u32(bytes, at + 4, littleEndian);
  header.captured = u32(bytes, at + 8, littleEndian);
  header.original = u32(bytes, at + 12, littleEndian);
  return (
    header.captured <= longest &&
    header.captured >= SHORTEST_RECORD &&
    header.fraction < format.fractions &&
    header.original + UNCOUNTED_HEADER >= header.captured &&
    header.original <= LONGEST_ORIGINAL
  );
}

function magicFractions(magic: number): number {
  return magic === 0xa1b2c3d4 ? 1e6 : magic === 0xa1b23c4d ? 1e9 : 0;
}

function u32(bytes: Uint8Array, at: number, littleEndian: boolean): number {
  return littleEndian
    ? (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
    : ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
