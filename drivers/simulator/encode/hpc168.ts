/** Frames of an HPC168 camera counter: STX, hexadecimal digits in upper case, ETX. */

/** The answer to a query of the counts: totals of the first door, zeros for the second. */
export function encodeHpc168Counts(unit: number, totals: { in: number; out: number }): Uint8Array {
  const data = Buffer.alloc(16);
  data.writeUInt32BE(totals.in >>> 0, 0);
  data.writeUInt32BE(totals.out >>> 0, 4);
  return encodeHpc168Frame(unit, 0x93, data);
}

/** @param data at most 255 octets. */
export function encodeHpc168Frame(unit: number, command: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  const body = Buffer.from([unit >> 8, unit & 0xff, command, data.length, ...data]);
  const sum = body.reduce((total, octet) => (total + octet) & 0xff, 0);
  const digits = Buffer.concat([body, Buffer.of(sum)])
    .toString('hex')
    .toUpperCase();
  return Buffer.from(`\u0002${digits}\u0003`, 'latin1');
}
