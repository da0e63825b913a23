/** Both ends of Modbus against an implementation that is not ours, over pseudo-terminals. */
import modbusSerial, { ServerSerial } from 'modbus-serial';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../agent/platform/clock.ts';
import type { ModbusCounters } from '../driver.ts';
import { Agenda } from '../simulator/agenda.ts';
import { DoorModbusFormat } from '../simulator/formats/door-modbus.ts';
import { Random } from '../simulator/random.ts';
import { Lines } from '../transport/lines.ts';
import { type OpenPort, openSerialPort } from '../transport/port.ts';
import { HAVE_SOCAT, PtyPair, until } from '../transport/ptys.testing.ts';
import { SerialTransport } from '../transport/serial.ts';
import { DoorModbusDecoder } from './modbus.ts';
import { WB_MCM8 } from './modbus-counters.ts';

const clock = realClock();
const MOXA: ModbusCounters = { ...WB_MCM8, entered: 0x10, left: 0x12, enableCoils: [0, 1] };

describe.skipIf(!HAVE_SOCAT)('modbus-serial (skipped where socat is missing)', () => {
  let pair: PtyPair;
  let ends: (() => Promise<unknown>)[];

  beforeEach(async () => {
    pair = new PtyPair();
    ends = [];
    await pair.plug();
  });

  afterEach(async () => {
    for (const end of ends.reverse()) await end();
    await pair.close();
  });

  it('is understood as a unit: registers, coils that are off, an exception', async () => {
    const registers = new Map([
      [0x10, 1],
      [0x11, 0x1170],
      [0x12, 0],
      [0x13, 0xffff],
    ]);
    const coils = [false, false];
    const writes: [number, boolean][] = [];
    const server = new ServerSerial(
      {
        getInputRegister: (address: number) => {
          const value = registers.get(address);
          if (value === undefined) throw Object.assign(new Error('no such register'), { modbusErrorCode: 2 });
          return value;
        },
        getCoil: (address: number) => coils[address],
        setCoil: (address: number, value: boolean) => {
          writes.push([address, value]);
          coils[address] = value;
        },
      },
      { path: pair.far, baudRate: 9_600, unitID: 7 },
    );
    await new Promise<void>((resolve) => void server.on('initialized', () => resolve()));
    ends.push(() => new Promise<void>((resolve) => server.close(() => resolve())));

    const lines = new Lines({ clock, networkClock: clock, random: () => 0.2, radioSocket: () => '' });
    const listen = (unit: number, modbus: ModbusCounters) => {
      const decoder = new DoorModbusDecoder({ unit, pollMs: 50, modbus });
      const totals: number[][] = [];
      const never = (): never => {
        throw new Error('a door counter tells totals only');
      };
      const sink = { sighting: never, advertisement: never, crossing: never, transaction: never };
      const transport = lines.of({ id: `${unit}`, line: 'serial', port: pair.near, baud: 9_600, options: { unit } });
      transport.start({
        speaker: decoder.speaker,
        bytes: (chunk) =>
          decoder.push(chunk, clock.monotonic(), { ...sink, counter: (_time, ...values) => void totals.push(values) }),
        up: () => {},
        down: () => {},
      });
      ends.push(() => transport.stop());
      return { counts: decoder.counts, totals };
    };
    const door = listen(7, MOXA);
    const other = listen(7, { ...MOXA, entered: 0x100, left: 0x102, enableCoils: [] });
    await until(() => door.totals.length >= 5, 'five polls are answered');
    expect(door.totals.every((totals) => totals.join() === '70000,65535,0,32')).toBe(true);
    expect(coils).toEqual([true, true]);
    expect(writes).toEqual([
      [0, true],
      [1, true],
    ]);
    await until(() => other.counts.rejected.unsupported >= 3, 'what is not there was asked for');
    expect(other.totals).toEqual([]);
    const { noise, checksum, truncated } = door.counts.rejected;
    expect({ noise, checksum, truncated }).toEqual({ noise: 0, checksum: 0, truncated: 0 });
  });

  it('understands the simulated modules as their master', async () => {
    const agenda = new Agenda(clock.wall());
    let port: OpenPort | undefined;
    const modules = [
      ['wb-mcm8', 1],
      ['moxa', 2],
      ['vmu-mc', 3],
    ].map(([variant, unit]) => {
      const module = new DoorModbusFormat({
        sensor: { id: `${unit}`, driver: 'door-modbus', unit: Number(unit), variant: String(variant) },
        agenda,
        random: new Random(Number(unit)),
        wire: (bytes) => port !== undefined && port.write(bytes) === bytes.length,
      });
      module.boot();
      return module;
    });
    const transport = new SerialTransport({
      path: pair.far,
      baudRate: 9_600,
      clock,
      random: () => 0.2,
      pollMs: 2,
      open: async (path, line) => {
        port = await openSerialPort(path, line);
        return port;
      },
    });
    transport.start({
      bytes: (chunk) => {
        agenda.run(Math.round(clock.wall()));
        for (const module of modules) module.receive(chunk);
      },
      up: () => {},
      down: () => {},
    });
    ends.push(() => transport.stop());
    const ticks = clock.every(2, () => agenda.run(Math.round(clock.wall())));
    ends.push(async () => ticks.cancel());
    await until(() => port !== undefined, 'the modules are on the line');
    for (const module of modules) {
      for (let i = 0; i < 70_000; i++) module.counted({ in: 0, out: 0 }, true);
      module.counted({ in: 0, out: 0 }, false);
    }

    const client = new modbusSerial.default();
    await client.connectRTUBuffered(pair.near, { baudRate: 9_600 });
    ends.push(() => new Promise<void>((resolve) => client.close(() => resolve())));
    client.setTimeout(2_000);
    client.setID(1);
    expect((await client.readInputRegisters(60, 4)).data).toEqual([1, 0x1170, 0, 1]);
    expect((await client.readHoldingRegisters(20, 2)).data).toEqual([50, 50]);
    await expect(client.readInputRegisters(59, 4)).rejects.toThrow(/illegal data address/i);
    await expect(client.readDiscreteInputs(0, 1)).rejects.toThrow(/illegal function/i);
    await client.writeRegister(100, 1);
    expect((await client.readInputRegisters(60, 4)).data).toEqual([0, 0, 0, 0]);
    client.setID(3);
    expect((await client.readHoldingRegisters(0, 4)).data).toEqual([0x1170, 1, 1, 0]);
    client.setID(2);
    expect((await client.readInputRegisters(0x10, 4)).data).toEqual([0, 0, 0, 0]);
    expect((await client.readCoils(0, 2)).data.slice(0, 2)).toEqual([false, false]);
    await client.writeCoil(0, true);
    expect((await client.readCoils(0, 2)).data.slice(0, 2)).toEqual([true, false]);
    modules[1].counted({ in: 0, out: 0 }, true);
    modules[1].counted({ in: 0, out: 0 }, false);
    expect((await client.readInputRegisters(0x10, 4)).data).toEqual([0, 1, 0, 0]);
    await client.writeCoil(0x20, true);
    expect((await client.readInputRegisters(0x10, 4)).data).toEqual([0, 0, 0, 0]);
    await expect(client.writeCoil(0x30, true)).rejects.toThrow(/illegal data address/i);
  });
});
