/** HCI events as H4 packets (Bluetooth Core 5.4, Vol 4, Part A, 2 and Part E, 7.7). */
import type { Advertisement } from '../formats.ts';

const LE_META = 0x3e;
/** Event types of LE Advertising Report by PDU type. */
const EVENT_TYPES = { 0: 0, 2: 3, 6: 2 } as const;

export function hciEvent(code: number, parameters: Uint8Array | readonly number[]): Uint8Array {
  return Uint8Array.of(0x04, code, parameters.length, ...parameters);
}

export interface HciReport {
  advertisement: Advertisement;
  /** dBm, or 127 where there is none. */
  rssi: number;
}

/** LE Advertising Report; all reports in one event. */
export function hciAdvertisingReport(...reports: readonly HciReport[]): Uint8Array {
  const parameters = [0x02, reports.length];
  for (const { advertisement, rssi } of reports) {
    const { type, random, address, data } = advertisement;
    parameters.push(EVENT_TYPES[type], random ? 1 : 0, ...address.toReversed(), data.length, ...data, rssi & 0xff);
  }
  return hciEvent(LE_META, parameters);
}

/** Command Complete: one more command may be sent, the opcode, a status and what else is returned. */
export function hciCommandComplete(opcode: number, status: number, returned: readonly number[] = []): Uint8Array {
  return hciEvent(0x0e, [1, opcode & 0xff, opcode >> 8, status, ...returned]);
}

export interface HciExtendedReport {
  /** Event type bits; data status in bits 5 and 6. */
  eventType: number;
  /** Most significant octet first. */
  address: Uint8Array;
  random: boolean;
  data: Uint8Array;
  rssi: number;
  /** Advertising set, 0 to 15. */
  set: number;
}

/** LE Extended Advertising Report. */
export function hciExtendedReport(...reports: readonly HciExtendedReport[]): Uint8Array {
  const parameters = [0x0d, reports.length];
  for (const { eventType, address, random, data, rssi, set } of reports) {
    parameters.push(
      eventType & 0xff,
      eventType >> 8,
      random ? 1 : 0,
      ...address.toReversed(),
      1,
      2,
      set,
      127,
      rssi & 0xff,
    );
    parameters.push(0, 0, 0, 0, 0, 0, 0, 0, 0, data.length, ...data);
  }
  return hciEvent(LE_META, parameters);
}
