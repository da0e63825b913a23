/**
 * Modbus units, found and told apart by reading alone. Any valid answer makes a unit, an exception too: only a unit
 * refuses. Which module it is shows in what it lets be read; addresses as in config/modbus.
 */
import {
  ANSWER_OVERHEAD,
  crc16,
  EXCEPTION,
  EXCEPTION_LENGTH,
  FunctionCode,
  readQuestion,
} from '../door/modbus-frame.ts';
import type { LineSettings } from '../transport/port.ts';
import type { Finding } from './finding.ts';
import type { Exchange } from './line.ts';
import { emptySample } from './sample.ts';

/** An answer within this, adapters' delays included, and what a byte takes at 9600 bits per second. */
const ANSWER_MS = 200;
const BYTE_MS = 1.2;

const { readCoils, readHoldingRegisters, readInputRegisters } = FunctionCode;

type Kind = typeof readCoils | typeof readHoldingRegisters | typeof readInputRegisters;
/** Data of an answer; an exception's code; null for none. */
type Answer = Uint8Array | number | null;

interface Profile {
  name: string;
  confidence: Finding['confidence'];
  note: string;
  /** What reads its first two totals. */
  totals: { functionCode: Kind; address: number; lowFirst: boolean };
  fits(unit: Unit): Promise<boolean>;
}

const PROFILES: readonly Profile[] = [
  {
    name: 'wb-mcm8',
    confidence: 'certain',
    note: '',
    totals: { functionCode: readInputRegisters, address: 60, lowFirst: false },
    // Its speed in hundreds is a register of its own.
    fits: async (unit) =>
      word(await unit.read(readHoldingRegisters, 110, 1)) === unit.baud / 100 &&
      (await unit.has(readInputRegisters, 60, 16)),
  },
  {
    name: 'moxa-r1212',
    confidence: 'likely',
    note: 'its table is that of the Moxa E1200 series: compare its totals with its web page',
    totals: { functionCode: readInputRegisters, address: 0x10, lowFirst: false },
    fits: async (unit) =>
      (await unit.has(readCoils, 0x00, 8)) &&
      (await unit.has(readCoils, 0x20, 8)) &&
      (await unit.has(readInputRegisters, 0x10, 16)),
  },
  {
    name: 'adam-4150',
    confidence: 'likely',
    note: 'told by the number of its registers alone: compare its totals with its display',
    totals: { functionCode: readHoldingRegisters, address: 0, lowFirst: true },
    fits: async (unit) =>
      (await unit.has(readHoldingRegisters, 0, 14)) && !(await unit.has(readHoldingRegisters, 14, 1)),
  },
  {
    name: 'vmu-mc',
    confidence: 'likely',
    note: 'told by the number of its registers alone: compare its totals with its display',
    totals: { functionCode: readHoldingRegisters, address: 0, lowFirst: true },
    fits: async (unit) => (await unit.has(readHoldingRegisters, 0, 4)) && !(await unit.has(readHoldingRegisters, 4, 1)),
  },
  ...([readInputRegisters, readHoldingRegisters] as const).map(
    (functionCode): Profile => ({
      name: functionCode === readInputRegisters ? 'generic-input' : 'generic-holding',
      confidence: 'possible',
      note: 'a Modbus unit of a kind that is not known: look up its table and adapt a copy of this profile',
      totals: { functionCode, address: 0, lowFirst: false },
      fits: (unit) => unit.has(functionCode, 0, 4),
    }),
  ),
];

/** The unit of this number on the line, or null where none answers. */
export async function askModbus(exchange: Exchange, line: LineSettings, number: number): Promise<Finding | null> {
  const unit = new Unit(exchange, line.baudRate, number);
  const answer = (await unit.read(readInputRegisters, 0, 1)) ?? (await unit.read(readHoldingRegisters, 0, 1)) ?? null;
  if (answer === null) return null;
  const profile = await firstThatFits(unit);
  const totals = profile && (await totalsOf(unit, profile));
  return {
    driver: 'door-modbus',
    line,
    variant: '',
    profile: profile?.name ?? '',
    unit: number,
    confidence: profile?.confidence ?? 'possible',
    evidence: {
      how: 'asked',
      accepted: unit.answers,
      rejected: unit.silences,
      explained: null,
      bytes: unit.bytes,
      ms: Math.round(unit.ms),
    },
    sample: { ...emptySample(), totals: totals ?? null },
    note: profile?.note ?? 'a Modbus unit that lets none of the registers of config/modbus be read: look up its table',
  };
}

async function firstThatFits(unit: Unit): Promise<Profile | undefined> {
  for (const profile of PROFILES) {
    if (await profile.fits(unit)) return profile;
  }
  return undefined;
}

async function totalsOf(unit: Unit, { totals }: Profile): Promise<{ in: number; out: number } | null> {
  const data = await unit.read(totals.functionCode, totals.address, 4);
  if (!(data instanceof Uint8Array)) return null;
  const view = new DataView(data.buffer, data.byteOffset);
  const [high, low] = totals.lowFirst ? [2, 0] : [0, 2];
  const total = (at: number) => view.getUint16(at + high) * 0x1_0000 + view.getUint16(at + low);
  return { in: total(0), out: total(4) };
}

class Unit {
  readonly #exchange: Exchange;
  readonly baud: number;
  readonly #unit: number;
  answers = 0;
  silences = 0;
  bytes = 0;
  ms = 0;

  constructor(exchange: Exchange, baud: number, unit: number) {
    this.#exchange = exchange;
    this.baud = baud;
    this.#unit = unit;
  }

  async has(functionCode: Kind, address: number, quantity: number): Promise<boolean> {
    return (await this.read(functionCode, address, quantity)) instanceof Uint8Array;
  }

  async read(functionCode: Kind, address: number, quantity: number): Promise<Answer> {
    const size = functionCode === readCoils ? Math.ceil(quantity / 8) : 2 * quantity;
    const find = (bytes: Uint8Array) => answerIn(bytes, this.#unit, functionCode, size);
    const { clock } = this.#exchange;
    const since = clock.monotonic();
    const bytes = await this.#exchange.ask(
      readQuestion(this.#unit, functionCode, address, quantity),
      ANSWER_MS + BYTE_MS * (ANSWER_OVERHEAD + size),
      (heard) => find(heard) !== null,
    );
    const answer = find(bytes);
    this.ms += clock.monotonic() - since;
    this.bytes += bytes.length;
    if (answer === null) this.silences++;
    else this.answers++;
    return answer;
  }
}

/** What an adapter hears of the question itself has another shape than its answer. */
function answerIn(bytes: Uint8Array, unit: number, functionCode: number, size: number): Answer {
  for (let at = 0; at + EXCEPTION_LENGTH <= bytes.length; at++) {
    if (bytes[at] !== unit) continue;
    const end = at + ANSWER_OVERHEAD + size;
    if (
      bytes[at + 1] === functionCode &&
      bytes[at + 2] === size &&
      end <= bytes.length &&
      crc16(bytes, at, end) === 0
    ) {
      return bytes.slice(at + 3, end - 2);
    }
    const isException = bytes[at + 1] === (functionCode | EXCEPTION);
    if (isException && crc16(bytes, at, at + EXCEPTION_LENGTH) === 0) return bytes[at + 2];
  }
  return null;
}

function word(answer: Answer): number {
  return answer instanceof Uint8Array ? (answer[0] << 8) | answer[1] : Number.NaN;
}
