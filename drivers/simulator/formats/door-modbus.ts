import { AgentError } from '../../../agent/errors.ts';
import {
  bitsAnswer,
  exceptionAnswer,
  IllegalRequest,
  type ModbusRequest,
  readRequest,
  registersAnswer,
  writeAnswer,
} from '../encode/modbus.ts';
import type { DoorFormat, DoorModule, Totals } from '../formats.ts';
import { type Channels, MODBUS_MODULES, type ModbusModule, type Table } from './modbus-modules.ts';

/** A character at 9600 bits per second: eleven bits. */
const BYTE_MS = 11_000 / 9_600;
/** A unit takes what comes within this for one request: the silence that ends a frame, and the delays of adapters. */
const SILENCE_MS = 20;
const LONGEST_REQUEST = 256;
const COIL_ON = 0xff00;

/** A counter module on RS-485 with a beam for those who come in on channel 1, for those who go out on channel 2. */
export class DoorModbusFormat implements DoorFormat {
  readonly #module: DoorModule;
  readonly #unit: number;
  readonly #map: ModbusModule;
  #channels: Channels = { totals: [], enabled: [] };
  /** Grows with each power on: what was to be answered before is forgotten. */
  #life = 0;
  #request = Buffer.alloc(0);
  #heardMs = 0;

  constructor(module: DoorModule) {
    this.#module = module;
    this.#unit = module.sensor.unit ?? 1;
    const variant = module.sensor.variant ?? 'wb-mcm8';
    const map = MODBUS_MODULES[variant];
    if (map === undefined) {
      const known = Object.keys(MODBUS_MODULES).join(', ');
      throw new AgentError(
        'simulator_options',
        `expected a Modbus module, found "${variant}"`,
        `Use one of: ${known}.`,
      );
    }
    this.#map = map;
  }

  boot(): void {
    const { channels, startsCounting } = this.#map;
    this.#life++;
    this.#request = Buffer.alloc(0);
    this.#channels = {
      totals: new Array<number>(channels).fill(0),
      enabled: new Array<boolean>(channels).fill(startsCounting),
    };
  }

  counted(_totals: Readonly<Totals>, inwards: boolean): void {
    const { totals, enabled } = this.#channels;
    const channel = inwards ? 0 : 1;
    if (enabled[channel]) totals[channel] = (totals[channel] + 1) >>> 0;
  }

  receive(bytes: Uint8Array): void {
    const { agenda, random, wire } = this.#module;
    const late = agenda.now - this.#heardMs > SILENCE_MS;
    this.#heardMs = agenda.now;
    const heard = late ? Buffer.from(bytes) : Buffer.concat([this.#request, bytes]);
    this.#request = heard.length > LONGEST_REQUEST ? Buffer.alloc(0) : heard;
    const request = readRequest(this.#request);
    if (request === null) return;
    this.#request = Buffer.alloc(0);
    if (request.unit !== this.#unit) return;
    const life = this.#life;
    const thinkMs = 8 * BYTE_MS + random.uniform(2, 8);
    agenda.at(agenda.now + thinkMs, () => {
      if (life !== this.#life) return;
      const answer = this.#answer(request);
      // It is here when its last byte is.
      agenda.at(agenda.now + answer.length * BYTE_MS, () => {
        if (life === this.#life) wire(answer);
      });
    });
  }

  #answer(request: ModbusRequest): Uint8Array {
    const { address, value } = request;
    const map = this.#map;
    switch (request.functionCode) {
      case 1:
        return this.#read(request, map.coil, 2_000);
      case 3:
        return this.#read(request, map.holding, 125);
      case 4:
        return this.#read(request, map.input, 125);
      case 5:
        if (value !== COIL_ON && value !== 0) return exceptionAnswer(request, IllegalRequest.value);
        return this.#written(request, map.setCoil(this.#channels, address, value === COIL_ON));
      case 6:
        return this.#written(request, map.setHolding(this.#channels, address, value));
      default:
        return exceptionAnswer(request, IllegalRequest.functionCode);
    }
  }

  #read(request: ModbusRequest, table: Table, most: number): Uint8Array {
    const { functionCode, address, value: quantity } = request;
    if (quantity < 1 || quantity > most) return exceptionAnswer(request, IllegalRequest.value);
    const values: number[] = [];
    for (let at = address; at < address + quantity; at++) {
      const value = table(this.#channels, at);
      if (value === undefined) return exceptionAnswer(request, IllegalRequest.address);
      values.push(value);
    }
    const isCoils = functionCode === 1;
    return isCoils ? bitsAnswer(request, values.map(Boolean)) : registersAnswer(request, values);
  }

  #written(request: ModbusRequest, known: boolean): Uint8Array {
    return known ? writeAnswer(request) : exceptionAnswer(request, IllegalRequest.address);
  }
}
