/**
 * The check of PDUs on the advertising channels (Bluetooth Core 5.4, Vol 6, Part B, 3.1.1): polynomial 0x00065b, preset
 * 0x555555, both mirrored here as the bits go over the air least first. The result's least octet is the first on the air.
 */
const POLYNOMIAL = 0xda6000;
const PRESET = 0xaaaaaa;

const TABLE = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit++) {
    crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
  }
  return crc;
});

/** The check's state before the first octet. */
export const CRC24_START = PRESET;

/** Goes on with `bytes[start..end)`. */
export function crc24(state: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = state;
  for (let at = start; at < end; at++) {
    crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]) & 0xff];
  }
  return crc;
}
