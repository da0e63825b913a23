/** A link-layer PDU on an advertising channel and its check (Bluetooth Core 5.4, Vol 6, Part B, 2.3 and 3.1.1). */
import type { Advertisement } from '../formats.ts';

/** Header, address (least octet first) and data. */
export function encodeAdvertisingPdu({ address, random, type, data }: Advertisement): Uint8Array {
  const pdu = new Uint8Array(8 + data.length);
  pdu[0] = type | (random ? 0x40 : 0);
  pdu[1] = 6 + data.length;
  for (let i = 0; i < 6; i++) pdu[2 + i] = address[5 - i];
  pdu.set(data, 8);
  return pdu;
}

/** The three octets of CRC that follow a PDU on the air, from the shift register of the specification. */
export function checkOctets(pdu: Uint8Array): Uint8Array {
  let register = 0x555555;
  for (const octet of pdu) {
    for (let bit = 0; bit < 8; bit++) {
      const feedback = ((register >> 23) ^ (octet >> bit)) & 1;
      register = ((register << 1) & 0xffffff) ^ (feedback === 1 ? 0x00065b : 0);
    }
  }
  // The register goes out highest bit first, each octet on the air lowest bit first.
  const octets = new Uint8Array(3);
  for (let bit = 0; bit < 24; bit++) octets[bit >> 3] |= ((register >> (23 - bit)) & 1) << (bit & 7);
  return octets;
}
