/** pcap as a stream carries it (pcap-savefile(5)): little-endian, microseconds. */

/** Link types of 802.11 captures (tcpdump.org/linktypes.html): bare frames, radiotap and PPI in front of them. */
export type CaptureLinkType = 105 | 127 | 192;

/** The global header, as it starts a capture file. */
export function encodeGlobalHeader(linkType: CaptureLinkType, snapshotLength: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, 0xa1b2c3d4, true);
  header.setUint16(4, 2, true);
  header.setUint16(6, 4, true);
  header.setUint32(16, snapshotLength, true);
  header.setUint32(20, linkType, true);
  return new Uint8Array(header.buffer);
}

/** One record; `timeUs` is microseconds since the sniffer's boot or since 1970. */
export function encodeRecord(timeUs: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = new DataView(new ArrayBuffer(16));
  const us = Math.floor(timeUs);
  header.setUint32(0, Math.floor(us / 1e6), true);
  header.setUint32(4, us % 1e6, true);
  header.setUint32(8, length, true);
  header.setUint32(12, length, true);
  return Buffer.concat([new Uint8Array(header.buffer), ...parts]);
}
