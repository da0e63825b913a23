/** The shape of HCI events on an H4 line (Bluetooth Core 5.4, Vol 4, Part A, 2 and Part E, 7.7). */
import { isRssi } from './pdu.ts';

export const EVENT_PACKET = 0x04;
/** Packet type, event code and length. */
export const EVENT_HEADER = 3;
export const LONGEST_EVENT = EVENT_HEADER + 255;

export const COMMAND_COMPLETE = 0x0e;
export const COMMAND_STATUS = 0x0f;
export const LE_META = 0x3e;

export const ADVERTISING_REPORT = 0x02;
export const EXTENDED_REPORT = 0x0d;

/** RSSI that is not available. */
export const RSSI_UNKNOWN = 127;
/** Octets of a report without its data. */
export const REPORT = 10;
export const EXTENDED = 24;
const LONGEST_DATA = 31;
const LONGEST_FRAGMENT = 229;
/** More than any controller offers. */
const MOST_COMMANDS = 32;
const VENDOR_GROUP = 0x3f;
const LAST_GROUP = 0x08;

/** Lengths of events that say nothing of advertisers, by code; 0 where they vary. */
const OTHER_EVENTS: ReadonlyMap<number, number> = new Map([
  [0x05, 4], // disconnection complete
  [0x08, 4], // encryption change
  [0x0c, 8], // read remote version complete
  [0x10, 1], // hardware error
  [0x13, 0], // number of completed packets
  [0x1a, 1], // data buffer overflow
  [0x30, 3], // encryption key refresh complete
  [0xff, 0], // vendor
]);

/** More bytes are needed to tell. */
export const MORE = 0;
/** Not an event. */
export const NO_EVENT = -1;
/** An event by its lengths, with a field that cannot be. */
export const BAD_FIELD = -2;

/**
 * The length of the event that begins at `at`, of which the bytes up to `end` are there, or MORE, NO_EVENT or BAD_FIELD.
 * Says no as early as it can. Depends on the bytes alone.
 * @param strict take only the events of which random bytes rarely look like one.
 */
export function measureEvent(bytes: Uint8Array, at: number, end: number, strict: boolean): number {
  const have = end - at;
  if (have >= 1 && bytes[at] !== EVENT_PACKET) {
    return NO_EVENT;
  }
  if (have < EVENT_HEADER) {
    return have < 2 || isKnown(bytes[at + 1], strict) ? MORE : NO_EVENT;
  }
  const total = EVENT_HEADER + bytes[at + 2];
  switch (bytes[at + 1]) {
    case COMMAND_COMPLETE:
      return total < 6 ? NO_EVENT : whole(total, have, have < 6 || isAnswer(bytes, at + 3));
    case COMMAND_STATUS:
      return total !== 7 ? NO_EVENT : whole(total, have, have < 7 || isAnswer(bytes, at + 4));
    case LE_META:
      return measureLeMeta(bytes, at, total, have, strict);
    default: {
      const length = OTHER_EVENTS.get(bytes[at + 1]);
      const right = length === 0 ? total > EVENT_HEADER : length === bytes[at + 2];
      return strict || !right ? NO_EVENT : whole(total, have, true);
    }
  }
}

function isKnown(code: number, strict: boolean): boolean {
  return (
    code === COMMAND_COMPLETE || code === COMMAND_STATUS || code === LE_META || (!strict && OTHER_EVENTS.has(code))
  );
}

function whole(total: number, have: number, right: boolean): number {
  if (!right) {
    return NO_EVENT;
  }
  return have >= total ? total : MORE;
}

/** The number of commands that may be sent, and the opcode that is answered. */
function isAnswer(bytes: Uint8Array, at: number): boolean {
  const group = bytes[at + 2] >> 2;
  return bytes[at] <= MOST_COMMANDS && (group <= LAST_GROUP || group === VENDOR_GROUP);
}

function measureLeMeta(bytes: Uint8Array, at: number, total: number, have: number, strict: boolean): number {
  if (total < 4) {
    return NO_EVENT;
  }
  if (have < 5) {
    return MORE;
  }
  const subevent = bytes[at + 3];
  if (subevent === ADVERTISING_REPORT) {
    return measureReports(bytes, at, total, have, measureReport);
  }
  if (subevent === EXTENDED_REPORT) {
    return measureReports(bytes, at, total, have, measureExtended);
  }
  return strict || subevent === 0 || subevent > 0x34 ? NO_EVENT : whole(total, have, true);
}

type MeasureReport = (bytes: Uint8Array, at: number, end: number) => number;

/** All reports of one event: their lengths must add up to its own. */
function measureReports(bytes: Uint8Array, at: number, total: number, have: number, measure: MeasureReport): number {
  const reports = bytes[at + 4];
  const shortest = measure === measureExtended ? EXTENDED : REPORT;
  if (reports === 0 || 5 + reports * shortest > total) {
    return NO_EVENT;
  }
  let offset = 5;
  let bad = false;
  for (let report = 0; report < reports; report++) {
    const length = measure(bytes, at + offset, Math.min(at + total, at + have));
    if (length === NO_EVENT || (length === MORE && have >= total)) {
      return NO_EVENT;
    }
    if (length === MORE) {
      return MORE;
    }
    bad ||= length < 0;
    offset += Math.abs(length);
    if (offset > total) {
      return NO_EVENT;
    }
  }
  if (offset !== total) {
    return NO_EVENT;
  }
  if (have < total) {
    return MORE;
  }
  return bad || !areRssiValid(bytes, at, measure === measureExtended) ? BAD_FIELD : total;
}

/** Length of one report, MORE, NO_EVENT, or its negated length where a field cannot be. */
function measureReport(bytes: Uint8Array, at: number, end: number): number {
  if (at + 9 > end) {
    return MORE;
  }
  const data = bytes[at + 8];
  if (data > LONGEST_DATA) {
    return NO_EVENT;
  }
  return bytes[at] <= 4 && bytes[at + 1] <= 3 ? REPORT + data : -(REPORT + data);
}

function measureExtended(bytes: Uint8Array, at: number, end: number): number {
  if (at + EXTENDED > end) {
    return MORE;
  }
  const data = bytes[at + 23];
  if (data > LONGEST_FRAGMENT) {
    return NO_EVENT;
  }
  const addressType = bytes[at + 2];
  const primary = bytes[at + 9];
  const set = bytes[at + 11];
  const right =
    bytes[at] <= 0x7f &&
    bytes[at + 1] === 0 &&
    (addressType <= 3 || addressType === 0xff) &&
    (primary === 1 || primary === 3) &&
    bytes[at + 10] <= 3 &&
    (set <= 0x0f || set === 0xff);
  return right ? EXTENDED + data : -(EXTENDED + data);
}

function areRssiValid(bytes: Uint8Array, at: number, extended: boolean): boolean {
  let report = at + 5;
  for (let left = bytes[at + 4]; left > 0; left--) {
    const length = extended ? EXTENDED + bytes[report + 23] : REPORT + bytes[report + 8];
    const rssi = (bytes[extended ? report + 13 : report + length - 1] << 24) >> 24;
    if (rssi !== RSSI_UNKNOWN && !isRssi(rssi)) {
      return false;
    }
    report += length;
  }
  return true;
}
