/** The driver against the simulated modules, on a bus in simulated time. */
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import type { DecoderOptions, ModbusCounters } from '../driver.ts';
import { Agenda } from '../simulator/agenda.ts';
import { DoorModbusFormat } from '../simulator/formats/door-modbus.ts';
import { Random } from '../simulator/random.ts';
import { Bus } from '../transport/bus.ts';
import { MemoryTransport } from '../transport/stream.ts';
import { DoorModbusDecoder } from './modbus.ts';
import { WB_MCM8 } from './modbus-counters.ts';

const MOXA: ModbusCounters = { ...WB_MCM8, entered: 0x10, left: 0x12, enableCoils: [0, 1] };
const VMU_MC: ModbusCounters = { ...WB_MCM8, functionCode: 3, entered: 0, left: 2, wordOrder: 'low-first' };

/** Modules on one line, and a decoder for each; people go through the doors by name. */
class Scene {
  readonly clock = new VirtualClock(0);
  readonly modules: DoorModbusFormat[] = [];
  readonly decoders: DoorModbusDecoder[] = [];
  readonly totals: [entered: number, left: number][][] = [];
  /** What the modules put on the line, and what they were sent. */
  readonly sent: Uint8Array[] = [];
  readonly asked: Uint8Array[] = [];
  readonly #agenda = new Agenda(0);
  readonly #bus: Bus;
  readonly #line: MemoryTransport;

  constructor() {
    const take = (frame: Uint8Array) => {
      this.asked.push(frame);
      this.#agenda.run(this.clock.monotonic());
      for (const module of this.modules) module.receive(frame);
    };
    this.#line = new MemoryTransport({ clock: this.clock, take });
    this.#bus = new Bus(this.#line, this.clock);
  }

  add(variant: string, options: DecoderOptions): void {
    const unit = options.unit ?? 1;
    const wire = (bytes: Uint8Array) => {
      this.sent.push(bytes);
      return this.#line.push(bytes);
    };
    const random = new Random(unit);
    const sensor = { id: `door-${unit}`, driver: 'door-modbus', unit, variant };
    const module = new DoorModbusFormat({ sensor, agenda: this.#agenda, random, wire });
    module.boot();
    this.modules.push(module);
    this.listen(options);
  }

  listen(options: DecoderOptions): void {
    const decoder = new DoorModbusDecoder(options);
    const totals: [number, number][] = [];
    this.decoders.push(decoder);
    this.totals.push(totals);
    const never = (): never => {
      throw new Error('a door counter tells totals only');
    };
    const sink = { sighting: never, advertisement: never, crossing: never, transaction: never };
    this.#bus.member().start({
      speaker: decoder.speaker,
      bytes: (chunk) =>
        decoder.push(chunk, this.clock.monotonic(), {
          ...sink,
          counter: (_time, entered, left) => void totals.push([entered, left]),
        }),
      up: () => {},
      down: () => {},
    });
  }

  pass(module: number, entered: number, left: number): void {
    for (let i = 0; i < entered; i++) this.modules[module].counted({ in: 0, out: 0 }, true);
    for (let i = 0; i < left; i++) this.modules[module].counted({ in: 0, out: 0 }, false);
  }

  async until(ms: number): Promise<void> {
    for (let at = this.clock.monotonic() + 1; at <= ms; at++) {
      this.#agenda.run(at);
      await this.clock.advanceTo(at);
    }
  }

  rejected(index: number): number {
    return Object.values(this.decoders[index].counts.rejected).reduce((sum, count) => sum + count, 0);
  }
}

describe('door-modbus with simulated modules', () => {
  it.each([
    ['wb-mcm8', WB_MCM8],
    ['moxa', MOXA],
    ['vmu-mc', VMU_MC],
  ])('reads what a %s counted', async (variant, modbus) => {
    const scene = new Scene();
    scene.add(variant, { modbus });
    await scene.until(500);
    scene.pass(0, 70_000, 65_535);
    await scene.until(3_500);
    expect(scene.totals[0][0]).toEqual([0, 0]);
    expect(scene.totals[0].slice(1)).toEqual([
      [70_000, 65_535],
      [70_000, 65_535],
      [70_000, 65_535],
    ]);
    const { counts } = scene.decoders[0];
    expect(counts.accepted).toBe(scene.sent.length);
    expect(counts.bytes).toBe(Buffer.concat(scene.sent).length);
    expect(scene.rejected(0)).toBe(0);
  });

  it('switches the counters of a Moxa on again after its power was gone', async () => {
    const scene = new Scene();
    scene.add('moxa', { modbus: MOXA });
    await scene.until(1_500);
    scene.pass(0, 3, 1);
    await scene.until(2_500);
    expect(scene.totals[0].at(-1)).toEqual([3, 1]);
    scene.modules[0].boot();
    // Not counted: nobody has switched the counters on yet.
    scene.pass(0, 5, 5);
    await scene.until(3_500);
    expect(scene.totals[0].at(-1)).toEqual([0, 0]);
    scene.pass(0, 2, 0);
    await scene.until(4_500);
    expect(scene.totals[0].at(-1)).toEqual([2, 0]);
    expect(scene.rejected(0)).toBe(0);
  });

  it('switches them on again within a minute where nothing tells that the power was gone', async () => {
    const scene = new Scene();
    scene.add('moxa', { modbus: MOXA });
    await scene.until(1_500);
    scene.modules[0].boot();
    await scene.until(62_500);
    scene.pass(0, 2, 0);
    await scene.until(64_000);
    expect(scene.totals[0].at(-1)).toEqual([2, 0]);
  });

  it('tells the units on one bus apart, each with all bytes', async () => {
    const scene = new Scene();
    scene.add('wb-mcm8', { unit: 1, pollMs: 250 });
    scene.add('vmu-mc', { unit: 2, pollMs: 250, modbus: VMU_MC });
    scene.add('moxa', { unit: 33, pollMs: 250, modbus: MOXA });
    // A second door on the first module: channels 3 and 4, which nobody goes through.
    scene.listen({ unit: 1, pollMs: 250, modbus: { ...WB_MCM8, entered: 64, left: 66 } });
    scene.pass(0, 11, 12);
    scene.pass(1, 21, 22);
    await scene.until(1_000);
    scene.pass(2, 31, 32);
    await scene.until(10_000);
    expect(scene.totals.map((totals) => totals.at(-1))).toEqual([
      [11, 12],
      [21, 22],
      [31, 32],
      [0, 0],
    ]);
    expect(scene.totals[3].every(([entered, left]) => entered === 0 && left === 0)).toBe(true);
    for (const index of [0, 1, 2, 3]) {
      expect(scene.rejected(index)).toBe(0);
      expect(scene.totals[index].length).toBeGreaterThan(35);
      expect(scene.decoders[index].counts.bytes).toBe(Buffer.concat(scene.sent).length);
    }
  });

  it('resets nothing, whatever happens to the module', async () => {
    const scene = new Scene();
    scene.add('moxa', { modbus: MOXA });
    await scene.until(20_000);
    scene.modules[0].boot();
    await scene.until(130_000);
    const written = scene.asked.filter(([, functionCode]) => functionCode > 4);
    expect(written.map((frame) => Buffer.from(frame.subarray(0, 6)).toString('hex'))).toEqual([
      '01050000ff00',
      '01050001ff00',
      '01050000ff00',
      '01050001ff00',
    ]);
  });

  it('counts what is asked of a unit that has no such registers', async () => {
    const scene = new Scene();
    scene.add('wb-mcm8', { modbus: { ...WB_MCM8, entered: 200, left: 202 } });
    await scene.until(2_500);
    expect(scene.decoders[0].counts).toMatchObject({
      accepted: 0,
      rejected: { unsupported: 3, noise: 0, unanswered: 0 },
    });
  });
});
