/** CRC-32 of IEEE 802.3, reflected, by octet. */
const TABLE = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit++) {
    crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc;
});

/** What the CRC-32 register holds after a frame and its own FCS (IEEE 802.11-2020, 9.2.4.8). */
const RESIDUE = 0xdebb20e3 | 0;

/** True where the last four octets of `bytes[start..end)` are the frame check sequence of those before them. */
export function endsWithFcs(bytes: Uint8Array, start: number, end: number): boolean {
  let crc = -1;
  for (let i = start; i < end; i++) {
    crc = TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  }
  return end - start > 4 && (crc | 0) === RESIDUE;
}
