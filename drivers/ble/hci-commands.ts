/** HCI commands (Bluetooth Core 5.4, Vol 4, Part E, 7.3 and 7.8). */
import type { Step } from './scan-starter.ts';

const COMMAND_PACKET = 0x01;

const RESET = 0x0c03;
const SET_EVENT_MASK = 0x0c01;
const LE_SET_EVENT_MASK = 0x2001;
const LE_SET_SCAN_PARAMETERS = 0x200b;
const LE_SET_SCAN_ENABLE = 0x200c;

/** Every event but the five that older controllers do not know. */
const EVENT_MASK = [0xff, 0xff, 0xfb, 0xff, 0x07, 0xf8, 0xbf, 0x3d];
/** Connections and advertising reports. */
const LE_EVENT_MASK = [0x1f, 0, 0, 0, 0, 0, 0, 0];
/** Passive; window as long as the interval, 60 ms in units of 0.625 ms; public own address; no filter. */
const SCAN_PARAMETERS = [0x00, 0x60, 0x00, 0x60, 0x00, 0x00, 0x00];
/** On, duplicates reported. */
const SCAN_ENABLE = [0x01, 0x00];

/** What makes a controller report every advertisement it hears, without ever sending to an advertiser. */
export function scanCommands(): Step[] {
  return [
    command(RESET, []),
    command(SET_EVENT_MASK, EVENT_MASK),
    command(LE_SET_EVENT_MASK, LE_EVENT_MASK),
    command(LE_SET_SCAN_PARAMETERS, SCAN_PARAMETERS),
    command(LE_SET_SCAN_ENABLE, SCAN_ENABLE),
  ];
}

/** A command that its opcode answers. */
function command(opcode: number, parameters: readonly number[]): Step {
  const frame = Uint8Array.of(COMMAND_PACKET, opcode & 0xff, opcode >> 8, parameters.length, ...parameters);
  return { frame, answer: opcode, needed: true };
}
