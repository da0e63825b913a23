/** Frames of an RS-485 turnstile; all octets and one sum up to zero modulo 256. */

export function encodeTurnstileRequest(unit: number, command = 0x10): Uint8Array {
  return withCheck([0x7e, 0x00, unit, command, 0, 0, 0]);
}

/** The answer to a status request: passages to the left and to the right with 24 bits each; all is well with the gate. */
export function encodeTurnstileStatus(unit: number, totals: { left: number; right: number }): Uint8Array {
  const counts = Buffer.alloc(6);
  counts.writeUIntBE(totals.left & 0xffffff, 0, 3);
  counts.writeUIntBE(totals.right & 0xffffff, 3, 3);
  const volts = 0x18;
  return withCheck([0x7f, 0x01, unit, 0, 0, 0, ...counts, 0, 0, volts, 0, 0]);
}

function withCheck(octets: number[]): Uint8Array {
  const sum = octets.reduce((total, octet) => total + octet, 0);
  return Uint8Array.from([...octets, 0xff - (sum & 0xff)]);
}
