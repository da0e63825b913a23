/** Where the totals of one door are in a Modbus unit, and what its registers say. */
import type { ModbusCounters } from '../driver.ts';
import { FunctionCode, readQuestion } from './modbus-frame.ts';
import type { ReadQuestion } from './modbus-stream.ts';

/** Registers that one answer can carry (Modbus Application Protocol V1.1b3, 6.3). */
const MOST_REGISTERS = 125;

/** Channels 1 and 2 of a Wirenboard WB-MCM8: input registers, 32 bits, high word first. */
export const WB_MCM8: ModbusCounters = {
  functionCode: 4,
  entered: 60,
  left: 62,
  words: 2,
  wordOrder: 'high-first',
  width: 32,
  enableCoils: [],
};

/** A question for registers from `address` on. */
export interface RegisterQuestion extends ReadQuestion {
  readonly address: number;
}

/** A question for one coil. */
export interface CoilQuestion extends ReadQuestion {
  readonly coil: number;
}

/** Both totals in one question, or undefined where they lie too far apart. */
export function askBoth(unit: number, counters: ModbusCounters): RegisterQuestion | undefined {
  const address = Math.min(counters.entered, counters.left);
  const quantity = Math.max(counters.entered, counters.left) + counters.words - address;
  return quantity > MOST_REGISTERS ? undefined : ask(unit, counters.functionCode, address, quantity);
}

/** Each total in a question of its own. */
export function askEach(unit: number, counters: ModbusCounters): [RegisterQuestion, RegisterQuestion] {
  const { functionCode, entered, left, words } = counters;
  return [ask(unit, functionCode, entered, words), ask(unit, functionCode, left, words)];
}

export function askCoil(unit: number, coil: number): CoilQuestion {
  return { coil, frame: readQuestion(unit, FunctionCode.readCoils, coil, 1), byteCount: 1 };
}

/** Whether registers between the totals are asked for with them, which the unit may not have. */
export function hasGap({ entered, left, words }: ModbusCounters): boolean {
  return Math.abs(entered - left) > words;
}

/**
 * The counter at register `address` in the data of an answer to `question`. NaN where it is not below 2 to the power of
 * its width.
 */
export function counterAt(
  data: Uint8Array,
  { address: first }: RegisterQuestion,
  address: number,
  { words, wordOrder, width }: ModbusCounters,
): number {
  const register = (index: number) => {
    const at = 2 * (address - first + index);
    return (data[at] << 8) | data[at + 1];
  };
  const [high, low] = wordOrder === 'high-first' ? [register(0), register(1)] : [register(1), register(0)];
  const value = words === 1 ? register(0) : high * 0x1_0000 + low;
  return value < 2 ** width ? value : Number.NaN;
}

/**
 * What a beam that everyone breaks tells of those who came in and went out: half each, the first of a pair came in. As
 * totals one bit narrower, they roll over in the very moment in which the beam's own total does.
 */
export function halves(total: number, width: number): { entered: number; left: number; width: number } {
  const range = 2 ** (width - 1);
  return { entered: Math.ceil(total / 2) % range, left: Math.floor(total / 2), width: width - 1 };
}

function ask(unit: number, functionCode: number, address: number, quantity: number): RegisterQuestion {
  return { address, frame: readQuestion(unit, functionCode, address, quantity), byteCount: 2 * quantity };
}
