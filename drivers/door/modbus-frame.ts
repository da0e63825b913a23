/**
 * Modbus RTU frames (Modbus over Serial Line V1.02, 2.5.1): unit, function code, data, CRC with its low byte first.
 */

/** The longest frame there is. */
export const LONGEST_FRAME = 256;
/** Frames of the shortest kind are exceptions: unit, function code | 0x80, code, CRC. */
export const EXCEPTION_LENGTH = 5;
/** Questions, and the answers that repeat them: unit, function code, address, value or quantity, CRC. */
export const QUESTION_LENGTH = 8;
/** Bytes of an answer besides the data it announces: unit, function code, byte count, CRC. */
export const ANSWER_OVERHEAD = 5;

export const FunctionCode = { readCoils: 1, readHoldingRegisters: 3, readInputRegisters: 4, writeCoil: 5 } as const;
/** Function codes of answers that carry a byte count: 1 to 4. */
export const LAST_READ = 4;
/** Set in the function code of an exception. */
export const EXCEPTION = 0x80;
const HIGHEST_UNIT = 247;
/** 1 illegal function to 11 gateway target device failed to respond (Modbus Application Protocol V1.1b3, 7). */
const HIGHEST_EXCEPTION = 11;
/** Write coil, register, coils and registers, which are answered in 8 bytes. */
const WRITES = new Set([5, 6, 15, 16]);
const HIGHEST_FUNCTION = 16;
const COIL_ON = 0xff00;

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  return crc;
});

/** CRC-16/MODBUS of `bytes[start..end)`: polynomial 0xA001 reflected, first value 0xFFFF. 0 over a frame with its CRC. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffff;
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[at]) & 0xff];
  return crc;
}

/** Asks for `quantity` registers or coils from `address` on. */
export function readQuestion(unit: number, functionCode: number, address: number, quantity: number): Uint8Array {
  const frame = Buffer.alloc(QUESTION_LENGTH);
  frame[0] = unit;
  frame[1] = functionCode;
  frame.writeUInt16BE(address, 2);
  frame.writeUInt16BE(quantity, 4);
  frame.writeUInt16LE(crc16(frame, 0, 6), 6);
  return frame;
}

/** Switches a coil on. The answer repeats it. */
export function coilOnQuestion(unit: number, address: number): Uint8Array {
  return readQuestion(unit, FunctionCode.writeCoil, address, COIL_ON);
}

/** Whether a frame of a supported kind can have this function code: a quick look before the others. */
export function mayBeFunction(functionCode: number): boolean {
  return (functionCode & ~EXCEPTION) > 0 && (functionCode & ~EXCEPTION) <= HIGHEST_FUNCTION;
}

/** Whether `buffer[start..end)` has the shape of a frame, its CRC left aside. */
export function hasShape(buffer: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  const functionCode = buffer[start + 1];
  if (buffer[start] > HIGHEST_UNIT) return false;
  if (length === QUESTION_LENGTH && (WRITES.has(functionCode) || (functionCode >= 1 && functionCode <= LAST_READ))) {
    return true;
  }
  if (length === EXCEPTION_LENGTH && functionCode > EXCEPTION && buffer[start + 2] <= HIGHEST_EXCEPTION) {
    return buffer[start + 2] > 0;
  }
  return functionCode >= 1 && functionCode <= LAST_READ && length === ANSWER_OVERHEAD + buffer[start + 2];
}
