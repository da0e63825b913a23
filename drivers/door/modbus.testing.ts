/** Lines and recordings for tests of door-modbus. Frames are sealed by a CRC that is not the decoder's own. */
import type { DecoderOptions, ModbusCounters, ReadingSink } from '../driver.ts';
import { DoorModbusDecoder } from './modbus.ts';

export const ARRIVAL = 1_700_000_000_000;
export type Counter = [time: number, entered: number, left: number, boot: number, width: number];

export const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** CRC-16/MODBUS, bit by bit: not the decoder's own. */
export function seal(text: string): Buffer {
  const body = hex(text);
  let crc = 0xffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return Buffer.concat([body, Buffer.from([crc & 0xff, crc >> 8])]);
}

/** Channels 0 and 1 of a Moxa, and what it answers when they are at 70000 and 65535: computed elsewhere. */
export const MOXA: ModbusCounters = {
  functionCode: 4,
  entered: 0x10,
  left: 0x12,
  words: 2,
  wordOrder: 'high-first',
  width: 32,
  enableCoils: [],
};
export const ANSWER = hex('01 04 08 00 01 11 70 00 00 FF FF 77 F7');
export const QUESTION = hex('01 04 00 10 00 04 F0 0C');

function collect(counters: Counter[]): ReadingSink {
  const never = (): never => {
    throw new Error('a door counter tells totals only');
  };
  return {
    sighting: never,
    advertisement: never,
    crossing: never,
    transaction: never,
    counter: (...values) => void counters.push(values),
  };
}

/** A decoder on a line that can be spoken on; `say` lets the time pass and gives what was said. */
export class Line {
  readonly decoder: DoorModbusDecoder;
  readonly counters: Counter[] = [];
  now = 0;

  constructor(options: DecoderOptions = { modbus: MOXA }) {
    this.decoder = new DoorModbusDecoder(options);
    this.decoder.speaker.open(0);
  }

  say(ms = 0): string[] {
    const said: string[] = [];
    this.now += ms;
    this.decoder.speaker.speak(this.now, (frame) => said.push(Buffer.from(frame).toString('hex')));
    return said;
  }

  hear(...chunks: Uint8Array[]): void {
    for (const chunk of chunks) this.decoder.push(chunk, ARRIVAL + this.now, collect(this.counters));
  }

  get totals(): number[][] {
    return this.counters.map(([, entered, left, , width]) => [entered, left, width]);
  }

  get counts(): object {
    const { accepted, rejected } = this.decoder.counts;
    return { accepted, ...Object.fromEntries(Object.entries(rejected).filter(([, count]) => count > 0)) };
  }
}

/** A recording: nothing can be said. */
export function replay(chunks: Uint8Array[], options: DecoderOptions = { modbus: MOXA }) {
  const decoder = new DoorModbusDecoder(options);
  const counters: Counter[] = [];
  for (const chunk of chunks) decoder.push(chunk, ARRIVAL, collect(counters));
  return { counters, counts: decoder.counts };
}
