/** Modbus RTU as the firmware of a slave has it (Modbus over Serial Line V1.02; Application Protocol V1.1b3). */

/** A request that a unit was sent: to read `quantity` of something from `address` on, or to write one value. */
export interface ModbusRequest {
  unit: number;
  functionCode: number;
  address: number;
  /** Registers or coils to read; what to write. */
  value: number;
}

export const IllegalRequest = { functionCode: 1, address: 2, value: 3 } as const;

const REQUEST_LENGTH = 8;

/** CRC-16/MODBUS, bit by bit. */
export function modbusCrc(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      const carry = crc & 1;
      crc >>= 1;
      if (carry) crc ^= 0xa001;
    }
  }
  return crc;
}

/** Eight bytes with a good CRC as the request they are, else null: what came was meant for nobody. */
export function readRequest(bytes: Uint8Array): ModbusRequest | null {
  if (bytes.length !== REQUEST_LENGTH || modbusCrc(bytes) !== 0) return null;
  const [unit, functionCode] = bytes;
  return { unit, functionCode, address: (bytes[2] << 8) | bytes[3], value: (bytes[4] << 8) | bytes[5] };
}

/** The answer to functions 3 and 4. */
export function registersAnswer({ unit, functionCode }: ModbusRequest, registers: readonly number[]): Uint8Array {
  const words = registers.flatMap((register) => [register >> 8, register & 0xff]);
  return seal([unit, functionCode, words.length, ...words]);
}

/** The answer to functions 1 and 2: eight bits a byte, the first one lowest. */
export function bitsAnswer({ unit, functionCode }: ModbusRequest, bits: readonly boolean[]): Uint8Array {
  const bytes = new Array<number>(Math.ceil(bits.length / 8)).fill(0);
  for (const [index, bit] of bits.entries()) if (bit) bytes[index >> 3] |= 1 << (index & 7);
  return seal([unit, functionCode, bytes.length, ...bytes]);
}

/** The answer to functions 5 and 6 repeats the request. */
export function writeAnswer({ unit, functionCode, address, value }: ModbusRequest): Uint8Array {
  return seal([unit, functionCode, address >> 8, address & 0xff, value >> 8, value & 0xff]);
}

/** @param code one of IllegalRequest. */
export function exceptionAnswer({ unit, functionCode }: ModbusRequest, code: number): Uint8Array {
  return seal([unit, functionCode | 0x80, code]);
}

/** The CRC goes last, its low byte first. */
function seal(body: readonly number[]): Uint8Array {
  const crc = modbusCrc(Uint8Array.from(body));
  return Uint8Array.from([...body, crc & 0xff, crc >> 8]);
}
