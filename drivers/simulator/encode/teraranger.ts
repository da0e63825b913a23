/** Binary frames of a TeraRanger Evo people counter, most significant octet first, each closed by a CRC-8. */

export interface TerarangerCounts {
  /** Absent for the models that send none. */
  sensorId?: number;
  /** Totals since power on; 16 bits of them are sent. */
  in: number;
  out: number;
}

/** After a passage: the balance and the totals. */
export function encodeTerarangerCounts(counts: TerarangerCounts): Uint8Array {
  const id = Buffer.alloc(counts.sensorId === undefined ? 0 : 4);
  if (counts.sensorId !== undefined) id.writeUInt32BE(counts.sensorId);
  const body = Buffer.alloc(8);
  body.writeInt32BE(counts.in - counts.out);
  body.writeUInt16BE(counts.in & 0xffff, 4);
  body.writeUInt16BE(counts.out & 0xffff, 6);
  return withCrc(Buffer.concat([Buffer.from('PC'), id, body]));
}

/** All the time: what both of its beams measure, millimetres. */
export function encodeTerarangerDistances(first: number, second: number): Uint8Array {
  const frame = Buffer.from('DD____');
  frame.writeUInt16BE(first, 2);
  frame.writeUInt16BE(second, 4);
  return withCrc(frame);
}

/** CRC-8 with polynomial 07 hex, from 0, as long division over the message and eight zeros. */
function withCrc(message: Uint8Array): Uint8Array {
  let remainder = 0;
  for (const octet of [...message, 0]) {
    for (let bit = 7; bit >= 0; bit--) {
      const overflows = remainder & 0x80;
      remainder = ((remainder << 1) | ((octet >> bit) & 1)) & 0xff;
      if (overflows) remainder ^= 0x07;
    }
  }
  return Buffer.concat([message, Buffer.of(remainder)]);
}
