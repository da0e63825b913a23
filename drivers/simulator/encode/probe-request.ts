import { crc32 } from 'node:zlib';
import { appendElements, type ElementFields } from './models.ts';

/** One probe request as a device sends it. */
export interface ProbeRequest extends ElementFields {
  /** Six octets in transmission order. */
  address: Uint8Array;
  /** 0 to 4095. */
  sequence: number;
  /** Model whose information elements are sent, 0 to MODELS - 1. */
  model: number;
}

/** A management frame of subtype probe request (IEEE 802.11-2020, 9.3.3.9), frame check sequence included. */
export function encodeProbeRequest(request: ProbeRequest): Uint8Array {
  const broadcast = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  const sequence = (request.sequence & 0xfff) << 4;
  const octets = [
    0x40,
    0x00,
    0x00,
    0x00,
    ...broadcast,
    ...request.address,
    ...broadcast,
    sequence & 0xff,
    sequence >> 8,
  ];
  appendElements(octets, request.model, request);
  const frame = new Uint8Array(octets.length + 4);
  frame.set(octets);
  new DataView(frame.buffer).setUint32(octets.length, crc32(frame.subarray(0, octets.length)), true);
  return frame;
}
