/** Setting a door counter's totals to 0, where its driver knows how. Nobody but a person who asks for it does so. */
import { coilOnQuestion, readQuestion } from '../door/modbus-frame.ts';
import type { DecoderOptions } from '../driver.ts';
import { driverNamed } from '../registry.ts';
import { type Exchange, READ_EVERY_MS } from './line.ts';
import { SampleSink } from './sample.ts';

export interface Totals {
  in: number;
  out: number;
}

/** What of a Modbus unit is written: a coil for each channel, or one register that resets all channels. */
export type ModbusReset = { coils: readonly number[] } | { register: number; value: number };

export interface ResetTarget {
  driver: string;
  options: Pick<DecoderOptions, 'unit' | 'modbus'>;
  modbusReset?: ModbusReset;
}

const READ_MS = 2_000;
const ANSWER_MS = 500;
const WRITE_REGISTER = 6;
/** TeraRanger: reset, with its CRC-8; has to go out in one write. */
const TERARANGER_RESET = Uint8Array.of(0x00, 0x55, 0x08, 0, 0, 0, 0, 0x7c);
/** Commands of an HPC168, and what a reset that was done says. */
const HPC168 = { reset: 0x12, answer: 0x92, done: 0x06 };
const TURNSTILE = { request: 0x7e, answer: 0x7f, answerLength: 18, left: 0x20, right: 0x21 };

/** Drivers of which totals can be set to 0. */
export const RESETTABLE = ['door-modbus', 'door-hpc168', 'door-teraranger', 'door-turnstile'] as const;

/** The totals now; null where none come in time, as of a TeraRanger, which tells them at a passage alone. */
export async function readTotals(exchange: Exchange, { driver, options }: ResetTarget): Promise<Totals | null> {
  // Reading alone: coils that are off stay so.
  const modbus = options.modbus && { ...options.modbus, enableCoils: [] };
  const decoder = driverNamed(driver).createDecoder({ ...options, ...(modbus && { modbus }) });
  const { speaker } = decoder;
  const sink = new SampleSink();
  const { clock } = exchange;
  const take = (bytes: Uint8Array) => decoder.push(bytes, clock.wall(), sink);
  const until = clock.monotonic() + READ_MS;
  speaker?.open(clock.monotonic());
  while (clock.monotonic() < until && sink.sample.totals === null) {
    let question: Uint8Array | undefined;
    speaker?.speak(clock.monotonic(), (frame) => {
      question = frame;
    });
    if (question === undefined) await exchange.listen(READ_EVERY_MS, take);
    else take(await exchange.ask(question, ANSWER_MS, holdsAnswer(driver, options)));
  }
  return sink.sample.totals;
}

/** Whether the sensor acknowledged; null where it never does. */
export async function resetTotals(exchange: Exchange, target: ResetTarget): Promise<boolean | null> {
  const { unit = 1 } = target.options;
  switch (target.driver) {
    case 'door-modbus':
      return resetModbus(exchange, unit, target.modbusReset);
    case 'door-hpc168': {
      const done = hpc168Frame(unit, HPC168.answer, HPC168.done);
      return isAnswered(exchange, hpc168Frame(unit, HPC168.reset), done);
    }
    case 'door-teraranger':
      await exchange.ask(TERARANGER_RESET, ANSWER_MS, () => false);
      return null;
    default: {
      const left = await commandTurnstile(exchange, unit, TURNSTILE.left);
      return (await commandTurnstile(exchange, unit, TURNSTILE.right)) && left;
    }
  }
}

async function resetModbus(exchange: Exchange, unit: number, reset: ModbusReset | undefined): Promise<boolean> {
  if (reset === undefined) return false;
  const frames =
    'coils' in reset
      ? reset.coils.map((coil) => coilOnQuestion(unit, coil))
      : [readQuestion(unit, WRITE_REGISTER, reset.register, reset.value)];
  let done = true;
  // The answer repeats the request.
  for (const frame of frames) done = (await isAnswered(exchange, frame, frame)) && done;
  return done;
}

async function isAnswered(exchange: Exchange, question: Uint8Array, answer: Uint8Array): Promise<boolean> {
  const holds = (bytes: Uint8Array) => Buffer.from(bytes).includes(Buffer.from(answer));
  return holds(await exchange.ask(question, ANSWER_MS, holds));
}

/** `STX unit(4) command(2) length(2) data checksum(2) ETX`, in hexadecimal digits; the sum modulo 256. */
function hpc168Frame(unit: number, command: number, ...data: number[]): Uint8Array {
  const octets = [unit >> 8, unit & 0xff, command, data.length, ...data];
  const sum = octets.reduce((total, octet) => total + octet) & 0xff;
  return Buffer.from(
    `\x02${Buffer.from([...octets, sum])
      .toString('hex')
      .toUpperCase()}\x03`,
    'latin1',
  );
}

async function commandTurnstile(exchange: Exchange, unit: number, command: number): Promise<boolean> {
  const { request, answer, answerLength } = TURNSTILE;
  const frame = Uint8Array.of(request, 0, unit, command, 0, 0, 0, 0);
  frame[7] = ~frame.reduce((sum, octet) => sum + octet);
  const holds = (bytes: Uint8Array) => {
    for (let at = 0; at + answerLength <= bytes.length; at++) {
      const sum = bytes.subarray(at, at + answerLength).reduce((total, octet) => total + octet, 1);
      if (bytes[at] === answer && bytes[at + 2] === unit && (sum & 0xff) === 0) return true;
    }
    return false;
  };
  return holds(await exchange.ask(frame, ANSWER_MS, holds));
}

/** Whether what came is a whole answer, so that there is no need to wait any longer. */
function holdsAnswer(driver: string, options: ResetTarget['options']): (bytes: Uint8Array) => boolean {
  return (bytes) => {
    const decoder = driverNamed(driver).createDecoder(options);
    decoder.push(bytes, 0, new SampleSink());
    return decoder.counts.accepted > 0;
  };
}
