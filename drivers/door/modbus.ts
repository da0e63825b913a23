import { createCounts } from '../counts.ts';
import type {
  Decoder,
  DecoderCounts,
  DecoderOptions,
  Driver,
  ModbusCounters,
  ReadingSink,
  Speaker,
} from '../driver.ts';
import { Poller } from '../poller.ts';
import {
  askBoth,
  askCoil,
  askEach,
  type CoilQuestion,
  counterAt,
  halves,
  hasGap,
  type RegisterQuestion,
  WB_MCM8,
} from './modbus-counters.ts';
import {
  ANSWER_OVERHEAD,
  coilOnQuestion,
  EXCEPTION,
  FunctionCode,
  LAST_READ,
  QUESTION_LENGTH,
} from './modbus-frame.ts';
import { ModbusStream } from './modbus-stream.ts';

const DEFAULT_UNIT = 1;
const DEFAULT_POLL_MS = 1_000;
/** What a unit may take to begin its answer, with the delays of adapters; and a byte at 4800 bits per second. */
const ANSWER_MS = 300;
const BYTE_MS = 2.3;
const COIL_CHECK_MS = 60_000;
const ILLEGAL_DATA_ADDRESS = 2;
/** No counter of a profile names its boot. */
const NO_BOOT = 0;

/** A question of ours: for counters, for a coil, or that a coil be switched on. */
type Question = RegisterQuestion | CoilQuestion | { readonly on: number; readonly frame: Uint8Array };

/**
 * Reads the totals of one door from a Modbus RTU unit, as the bus's only master. Nothing is ever reset; the one thing that
 * is written are the coils without which the unit does not count.
 *
 * On a line that can be spoken on only the answer to the question that is out counts: late ones, those of other units and
 * the echo of an adapter that hears itself are neither accepted nor rejected. In a recording, where the questions are not,
 * each answer that fits is taken.
 */
export class DoorModbusDecoder implements Decoder {
  readonly speaker: Speaker;
  readonly #counts: DecoderCounts = createCounts();
  readonly #counters: ModbusCounters;
  readonly #unit: number;
  readonly #both: RegisterQuestion | undefined;
  readonly #each: readonly [RegisterQuestion, RegisterQuestion];
  readonly #coils: readonly CoilQuestion[];
  readonly #switches: readonly Question[];
  readonly #poller: Poller;
  readonly #stream: ModbusStream;
  readonly #pollsPerCoilCheck: number;
  /** True where the two totals are asked for apart. */
  #apart: boolean;
  /** The line was opened to speak on. */
  #spoken = false;
  /** The question that is out. */
  #out: Question | undefined;
  /** The adapter hears itself: what was said comes back in front of each answer. */
  #echoes = false;
  /** A write that is repeated by its answer was echoed. */
  #writeEchoed = false;
  /** The last question was not answered: the unit may have lost its power, and its coils with it. */
  #missed = false;
  #polls = 0;
  /** The first of two totals that are asked for apart. */
  #entered: number | undefined;
  #last = { entered: 0, left: 0 };
  #sink: ReadingSink | undefined;
  #arrival = 0;

  constructor({ modbus = WB_MCM8, unit = DEFAULT_UNIT, pollMs = DEFAULT_POLL_MS }: DecoderOptions = {}) {
    this.#counters = modbus;
    this.#unit = unit;
    this.#both = askBoth(unit, modbus);
    this.#each = askEach(unit, modbus);
    this.#apart = this.#both === undefined;
    this.#coils = modbus.enableCoils.map((coil) => askCoil(unit, coil));
    this.#switches = modbus.enableCoils.map((coil) => ({ on: coil, frame: coilOnQuestion(unit, coil) }));
    this.#pollsPerCoilCheck = Math.max(1, Math.round(COIL_CHECK_MS / pollMs));
    const reads = [...(this.#both ? [this.#both] : []), ...this.#each, ...this.#coils];
    this.#stream = new ModbusStream(this.#counts, unit, reads, (...frame) => this.#frame(...frame));
    const poller = new Poller({
      startUp: () => this.#coils.map(({ frame }) => frame),
      poll: () => this.#poll(),
      everyMs: pollMs,
      timeoutMs: ANSWER_MS + Math.ceil(BYTE_MS * (ANSWER_OVERHEAD + Math.max(...reads.map((read) => read.byteCount)))),
      unanswered: () => this.#unanswered(),
    });
    this.#poller = poller;
    this.speaker = {
      open: (now) => {
        this.#spoken = true;
        this.reopened();
        poller.open(now);
      },
      speak: (now, send) =>
        poller.speak(now, (frame) => {
          this.#ask(frame);
          send(frame);
        }),
      get waiting() {
        return poller.waiting;
      },
    };
  }

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#stream.push(bytes);
    this.#sink = undefined;
  }

  /** Of an answer that is cut, bytes that could not begin one are noise. */
  reopened(): void {
    this.#out = undefined;
    this.#entered = undefined;
    this.#echoes = false;
    this.#stream.flush();
  }

  #poll(): Uint8Array {
    this.#entered = undefined;
    if (this.#apart) this.#poller.insert(this.#each[1].frame);
    if (++this.#polls % this.#pollsPerCoilCheck === 0) this.#checkCoils();
    return this.#both === undefined || this.#apart ? this.#each[0].frame : this.#both.frame;
  }

  #checkCoils(): void {
    if (!this.#spoken) return;
    for (const { frame } of this.#coils) this.#poller.insert(frame);
  }

  #ask(frame: Uint8Array): void {
    // What came until now answers nothing that is asked from now on.
    this.#stream.flush();
    this.#writeEchoed = false;
    const questions = [this.#both, ...this.#each, ...this.#coils, ...this.#switches];
    this.#out = questions.find((question) => question?.frame === frame);
  }

  #unanswered(): void {
    this.#counts.rejected.unanswered++;
    this.#out = undefined;
    this.#missed = true;
  }

  /** A frame whose CRC is good, of any unit. */
  #frame(buffer: Uint8Array, start: number, end: number): void {
    const [unit, functionCode] = [buffer[start], buffer[start + 1]];
    if (unit !== this.#unit || this.#isEcho(functionCode, end - start)) return;
    const frame = buffer.subarray(start, end);
    const question = this.#spoken ? this.#out : this.#guess(frame);
    if (question === undefined && this.#spoken) return;
    if (question === undefined || !answers(frame, question)) {
      this.#counts.rejected.unsupported++;
      return;
    }
    this.#out = undefined;
    this.#poller.answered();
    if (functionCode & EXCEPTION) {
      this.#counts.rejected.unsupported++;
      // Registers between the totals that the unit does not have: ask for the totals alone.
      const isGap = question === this.#both && frame[2] === ILLEGAL_DATA_ADDRESS && hasGap(this.#counters);
      if (isGap) this.#apart = true;
    } else {
      this.#take(question, frame.subarray(3));
    }
    if (this.#missed) {
      this.#missed = false;
      this.#checkCoils();
    }
  }

  /** Whether it is a question, and so what an adapter heard of us; of a write and its answer, which are alike, the first. */
  #isEcho(functionCode: number, length: number): boolean {
    if (length === QUESTION_LENGTH && functionCode <= LAST_READ) {
      this.#echoes = true;
      return true;
    }
    if (functionCode !== FunctionCode.writeCoil || !this.#echoes) return false;
    this.#writeEchoed = !this.#writeEchoed;
    return this.#writeEchoed;
  }

  /** The question that an answer in a recording belongs to; of totals that are asked for apart it cannot be told. */
  #guess(frame: Uint8Array): Question | undefined {
    return [this.#both, ...this.#coils, ...this.#switches].find(
      (question) => question !== undefined && answers(frame, question),
    );
  }

  #take(question: Question, data: Uint8Array): void {
    if ('on' in question) {
      this.#counts.accepted++;
      return;
    }
    if ('coil' in question) {
      this.#counts.accepted++;
      const off = (data[0] & 1) === 0;
      const on = this.#switches.find((other) => 'on' in other && other.on === question.coil);
      if (off && this.#spoken && on) this.#poller.insert(on.frame);
      return;
    }
    this.#takeTotals(question, data);
  }

  #takeTotals(question: RegisterQuestion, data: Uint8Array): void {
    const total = (address: number) => counterAt(data, question, address, this.#counters);
    const entered = question === this.#each[1] ? this.#entered : total(this.#counters.entered);
    const left = question === this.#each[0] ? undefined : total(this.#counters.left);
    if (Number.isNaN(entered) || Number.isNaN(left)) {
      this.#counts.rejected.range++;
      return;
    }
    this.#counts.accepted++;
    this.#entered = entered;
    if (entered !== undefined && left !== undefined) this.#emit(entered, left);
  }

  #emit(entered: number, left: number): void {
    // Totals that fell are those of a unit that lost its power, and with it what its coils were set to.
    if (entered < this.#last.entered || left < this.#last.left) this.#checkCoils();
    this.#last = { entered, left };
    const { entered: one, left: other, width } = this.#counters;
    const totals = one === other ? halves(entered, width) : { entered, left, width };
    this.#sink?.counter(this.#arrival, totals.entered, totals.left, NO_BOOT, totals.width);
  }
}

/** Whether a frame answers a question of the same unit, if only by an exception. */
function answers(frame: Uint8Array, question: Question): boolean {
  const [, functionCode, byteCount] = frame;
  if (functionCode & EXCEPTION) return functionCode === (question.frame[1] | EXCEPTION);
  if (functionCode !== question.frame[1]) return false;
  return 'on' in question ? frame.every((byte, at) => byte === question.frame[at]) : byteCount === question.byteCount;
}

/** Counter modules on RS-485 that speak Modbus RTU. */
export const doorModbus: Driver = {
  name: 'door-modbus',
  kind: 'door',
  defaultBaud: 9_600,
  createDecoder: (options) => new DoorModbusDecoder(options),
};
