/** What the host says to the nRF Sniffer: packets of protocol version 1, whatever version the firmware answers in. */
import type { Step } from './scan-starter.ts';

const START = 0xab;
const END = 0xbc;
const ESCAPE = 0xcd;
const HEADER = 6;

const REQ_SCAN_CONT = 0x07;
const SET_TEMPORARY_KEY = 0x0c;
const PING_REQ = 0x0d;
export const PING_RESP = 0x0e;
const SET_ADV_CHANNEL_HOP_SEQ = 0x17;
const REQ_VERSION = 0x1b;
export const RESP_VERSION = 0x1c;
const REQ_TIMESTAMP = 0x1d;
export const RESP_TIMESTAMP = 0x1e;

/** Three advertising channels in turn. */
const HOP_SEQUENCE = [3, 37, 38, 39];
/** No scan responses, no auxiliary packets, no coded PHY. */
const PASSIVE = [0x00];

/** The packets that make the sniffer report the advertisements of all devices, in the order of its own tools. */
export function nrfScan(): Step[] {
  let counter = 0;
  const step = (id: number, payload: readonly number[], answer?: number): Step => {
    const frame = packet(counter++, id, payload);
    return answer === undefined ? { frame } : { frame, answer };
  };
  return [
    step(SET_ADV_CHANNEL_HOP_SEQ, HOP_SEQUENCE),
    step(REQ_VERSION, []),
    step(PING_REQ, [], PING_RESP),
    step(REQ_TIMESTAMP, []),
    step(REQ_SCAN_CONT, PASSIVE),
    step(SET_TEMPORARY_KEY, new Array<number>(16).fill(0)),
  ];
}

function packet(counter: number, id: number, payload: readonly number[]): Uint8Array {
  const bytes = [START];
  for (const byte of [HEADER, payload.length, 1, counter & 0xff, counter >> 8, id, ...payload]) {
    if (byte === START || byte === END || byte === ESCAPE) {
      bytes.push(ESCAPE, byte + 1);
    } else {
      bytes.push(byte);
    }
  }
  bytes.push(END);
  return Uint8Array.from(bytes);
}
